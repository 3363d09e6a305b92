"""How many cells several volumes have by one model, as numbers and as pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.json_files import write_json
from cellsift.io.volumes import Volume, kind_of
from cellsift.steps.one_volume import find_cells, opened

if TYPE_CHECKING:
    import pandas as pd

SEED = 1
NAIVE = (
    "cells are the candidates that the model calls so, naively. No interval: {why}. What the model "
    "gets wrong in these volumes, and what detection missed, only a labelled sample tells."
)
WHY = {
    "calibrated": "the model's p_cell was never calibrated",
    "as_learnt": "the candidates are not detected as those that the model was calibrated on",
}
WITH_INTERVAL = (
    "cells are the candidates that the model calls so; count is the number of cells with its 95% "
    "interval, low to high, those that detection missed included. It rests on how brains measured "
    "before differ, not on labels of these volumes or on what the model's own brains showed: "
    "therefore it is wide. A run, with labels of the brain, gives a narrower one."
)


def count_volumes(
    volumes: Sequence[str | Path],
    model: str | Path,
    counts: str | Path | None = None,
    plot: Callable[[str], Path] | None = None,
    *,
    backgrounds: Sequence[str | Path] = (),
    voxel_size: Sequence[float] | None = None,
    progress: bool = False,
    **options: Any,
) -> dict:
    """Count the cells of volumes; returns what is written to `counts`, a JSON, if it is given.

    Of each volume it has `candidates`, `cells` (those called so) and, where the model is calibrated
    and nothing of its detection was changed, `count`, `low` and `high`: a 95% interval.

    Args:
        volumes: each a volume, or a folder of volumes; a folder of planes is one volume.
        backgrounds: the other channel, of models that take one: of a single volume a single one, of
            several one for each, by the same name or in a folder of these.
        plot: gives the file for the picture of a volume by its name; None: none is drawn.
        model: as of `find_cells`, which also takes the `options`.
        voxel_size: (z, y, x) in µm; None: as each file says.

    Raises InputError as `find_cells` does, for volumes of one name, and for backgrounds that do not
    go with them.

    Example:
        count_volumes(["a.tif", "b.tif"], "cfos-2026", voxel_size=(5, 2, 2))
    """
    named = named_volumes(volumes)
    if not named:
        raise InputError("there is no volume to count in; give one at least")
    others = _backgrounds_of(named, backgrounds)
    counted: dict[str, dict[str, Any]] = {}
    for name, path in named.items():
        signal = opened(path, voxel_size)
        other = opened(others[name], signal.voxel_size) if others else None
        cells = find_cells(model, signal, other, progress=progress, **options)
        if plot is not None:
            _write_plot(signal, cells, plot(name))
        called = int(cells["is_cell"].sum())
        counted[name] = {"volume": str(path), "candidates": len(cells), "cells": called}
        detection, missing = cells.attrs["detection"], _lacks(cells)
        if missing is None:
            counted[name] |= _interval(cells)
    note = WITH_INTERVAL if missing is None else NAIVE.format(why=WHY[missing])
    found = {"model": str(model), "detection": detection, "note": note, "counts": counted}
    if counts is not None:
        write_json(found, counts)
    return found


def _lacks(cells: pd.DataFrame) -> str | None:
    """What an interval would rest on and is not there, of WHY."""
    if not cells.attrs["calibrated"]:
        return "calibrated"
    return None if cells.attrs["detection"]["as_learnt"] else "as_learnt"


def _interval(cells: pd.DataFrame) -> dict[str, int]:
    """The number of cells, as a run has it that knows no annotated brain and no labels."""
    from cellsift.calibration.between_brains import between_brains
    from cellsift.evaluation.counts.estimate import Evidence, count_cells
    from cellsift.steps.brain_evidence import calibrated_logits

    called = cells["is_cell"].to_numpy(bool)
    evidence = Evidence(calibrated_logits(cells), called, between_brains([]), [])
    row = count_cells(evidence, SEED).iloc[0]
    return {key: int(row[key]) for key in ("count", "low", "high")}


def named_volumes(paths: Sequence[str | Path]) -> dict[str, Path]:
    """The volumes by name; of a folder that is none itself, those that lie in it."""
    found: dict[str, Path] = {}
    for path in (inner for given in paths for inner in _within(Path(given))):
        name = path.name.partition(".")[0]
        if name in found:
            raise InputError(f"{found[name]} and {path} are both named {name}; rename one")
        found[name] = path
    return found


def _backgrounds_of(
    named: dict[str, Path], backgrounds: Sequence[str | Path]
) -> dict[str, Path] | None:
    """The background of each volume by its name; None where none is given."""
    if not backgrounds:
        return None
    others = named_volumes(backgrounds)
    if len(named) == len(others) == 1:
        return dict(zip(named, others.values(), strict=True))
    if alone := sorted(named.keys() ^ others.keys()):
        raise InputError(
            f"volumes and backgrounds go together by their names, and {', '.join(alone)} is only "
            "in one of both; give each volume the background of its name, in another folder"
        )
    return others


def _within(path: Path) -> list[Path]:
    """The folder's stacks that have several planes, else the volume itself."""
    if not path.is_dir() or kind_of(path) == "ome-zarr":
        return [path]
    from tifffile import TiffFile, TiffFileError

    stacks = sorted(p for p in path.iterdir() if p.suffix.lower() in (".tif", ".tiff"))
    if not stacks:
        return [path]
    try:
        with TiffFile(stacks[0]) as first:
            several = len(first.series[0].shape) > 2
    # What is wrong with it is told when it is opened as a volume.
    except (TiffFileError, OSError, ValueError, IndexError, KeyError):
        several = False
    return stacks if several else [path]


def _write_plot(signal: Volume, cells: pd.DataFrame, path: Path) -> None:
    """The brightest voxel along z, with what is called a cell."""
    from matplotlib.figure import Figure

    projected = signal.data.max(axis=0).compute()
    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    axes.imshow(projected, cmap="gray")
    called = cells[cells["is_cell"].astype(bool)]
    axes.scatter(called["x"], called["y"], s=30, facecolors="none", edgecolors="tab:orange")
    axes.set_title(f"{len(called)} of {len(cells)} candidates are called cells")
    axes.set_xlabel("x (voxels)")
    axes.set_ylabel("y (voxels)")
    with atomic_file(path) as beside:
        figure.savefig(beside, format="png", dpi=150)
