"""How many cells several volumes have by one model, as numbers and as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.json_files import write_json
from cellsift.io.volumes import Volume, kind_of
from cellsift.results import VolumeFolder
from cellsift.steps.one_volume import find_cells, opened

if TYPE_CHECKING:
    import pandas as pd

NAIVE = (
    "Candidates that the model calls cells. No interval: what it gets wrong in these volumes, and "
    "what detection missed, only a labelled sample tells."
)


def count_volumes(
    volumes: Sequence[str | Path],
    model: str | Path,
    out: str | Path,
    *,
    voxel_size: Sequence[float] | None = None,
    progress: bool = False,
    **options: Any,
) -> dict:
    """Write counts.json and plots/NAME.png into the folder `out`; returns what counts.json has.

    Args:
        volumes: each a volume, or a folder of volumes.
        model: as of `find_cells`, which also takes the `options`.
        voxel_size: (z, y, x) in µm; None: as each file says.

    Raises InputError as `find_cells` does, and for volumes of one name.

    Example:
        count_volumes(["a.tif", "b.tif"], "cfos-2026", "counts", voxel_size=(5, 2, 2))
    """
    named, made = named_volumes(volumes), VolumeFolder(Path(out))
    counts = {}
    for name, path in named.items():
        signal = opened(path, voxel_size)
        cells = find_cells(model, signal, progress=progress, **options)
        _write_plot(signal, cells, made.plot(name))
        called = int(cells["is_cell"].sum())
        counts[name] = {"volume": str(path), "candidates": len(cells), "cells": called}
    found = {"model": str(model), "note": NAIVE, "counts": counts}
    write_json(found, made.counts)
    return found


def named_volumes(paths: Sequence[str | Path]) -> dict[str, Path]:
    """The volumes by name; of a folder that is none itself, those that lie in it."""
    found: dict[str, Path] = {}
    for path in (inner for given in paths for inner in _within(Path(given))):
        name = path.name.partition(".")[0]
        if name in found:
            raise InputError(f"{found[name]} and {path} are both named {name}; rename one")
        found[name] = path
    return found


def _within(path: Path) -> list[Path]:
    """The folder's stacks that have several planes, else the volume itself."""
    if not path.is_dir() or kind_of(path) == "ome-zarr":
        return [path]
    from tifffile import TiffFile

    stacks = sorted(p for p in path.iterdir() if p.suffix.lower() in (".tif", ".tiff"))
    if not stacks:
        return [path]
    with TiffFile(stacks[0]) as first:
        return stacks if len(first.series[0].shape) > 2 else [path]


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
