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

NAIVE = (
    "Candidates that the model calls cells. No interval: what it gets wrong in these volumes, and "
    "what detection missed, only a labelled sample tells."
)


def count_volumes(
    volumes: Sequence[str | Path],
    model: str | Path,
    counts: str | Path | None = None,
    plot: Callable[[str], Path] | None = None,
    *,
    voxel_size: Sequence[float] | None = None,
    progress: bool = False,
    **options: Any,
) -> dict:
    """Count the cells of volumes; returns what is written to `counts`, a JSON, if it is given.

    Args:
        volumes: each a volume, or a folder of volumes.
        plot: gives the file for the picture of a volume by its name; None: none is drawn.
        model: as of `find_cells`, which also takes the `options`.
        voxel_size: (z, y, x) in µm; None: as each file says.

    Raises InputError as `find_cells` does, and for volumes of one name.

    Example:
        count_volumes(["a.tif", "b.tif"], "cfos-2026", voxel_size=(5, 2, 2))
    """
    counted: dict[str, dict] = {}
    detection = None
    for name, path in named_volumes(volumes).items():
        signal = opened(path, voxel_size)
        cells = find_cells(model, signal, progress=progress, **options)
        if plot is not None:
            _write_plot(signal, cells, plot(name))
        called = int(cells["is_cell"].sum())
        counted[name] = {"volume": str(path), "candidates": len(cells), "cells": called}
        detection = cells.attrs["detection"]
    found = {"model": str(model), "detection": detection, "note": NAIVE, "counts": counted}
    if counts is not None:
        write_json(found, counts)
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
