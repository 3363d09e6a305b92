"""The annotated volumes that the search for a detector is measured on."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import tifffile

from cellsift.io.axes import AXES, Size
from cellsift.io.volumes import Volume
from cellsift.phantom import BrainSettings, make_brain

# Sizes of voxels, µm. Of the embryo only the ratio is known, of the microglia nothing: the others
# are assumed.
CFOS, MICROGLIA, EMBRYO, PHANTOM = (6, 1.62, 1.62), (3, 1, 1), (0.9, 0.198, 0.198), (5, 2, 2)
FRAMES = (62, 90, 110, 125, 145, 165, 175)


@dataclass(frozen=True, eq=False)
class Annotated:
    """A volume in memory and the positions (n, 3), z, y, x, of its cells."""

    volume: Volume
    cells: np.ndarray


def real_volumes(folder: Path) -> dict[str, Annotated]:
    """Those in a folder of real data, by name; empty where it is not there."""
    if not folder.is_dir():
        return {}
    files: dict[str, tuple[str, str, Size]] = {
        f"c-Fos {name}": (f"cfos/{name}/signal.tif", f"cfos/{name}/cells.csv", CFOS)
        for name in ("695", "1008", "1147")
    }
    files["microglia"] = ("microglia/signal.tif", "microglia/cells.csv", MICROGLIA)
    for frame in FRAMES:
        name = f"celegans_embryo/frame_{frame:03}"
        files[f"embryo {frame}"] = (f"{name}.tif", f"{name}_cells.csv", EMBRYO)
    return {
        name: _annotated(tifffile.imread(folder / signal), pd.read_csv(folder / cells), size, name)
        for name, (signal, cells, size) in files.items()
    }


def phantoms(seeds: Sequence[int] = (11, 12, 13)) -> dict[str, Annotated]:
    """Made-up brains of these seeds, by name."""
    settings = BrainSettings(shape=(40, 220, 300), cells=160)
    made = {seed: make_brain(seed, settings) for seed in seeds}
    return {
        f"phantom {seed}": _annotated(brain.signal, brain.cells, PHANTOM, f"phantom {seed}")
        for seed, brain in made.items()
    }


def halves(brain: Annotated) -> tuple[Annotated, Annotated]:
    """The upper and the lower half of its planes' rows, each with its cells."""
    middle = brain.volume.shape[1] // 2
    volume, cells = brain.volume, brain.cells
    upper = np.rint(cells[:, 1]) < middle
    return (
        Annotated(Volume(volume.data[:, :middle], volume.voxel_size, "upper"), cells[upper]),
        Annotated(
            Volume(volume.data[:, middle:], volume.voxel_size, "lower"),
            cells[~upper] - (0, middle, 0),
        ),
    )


def tiled(brain: Annotated, voxels: float) -> Annotated:
    """The brain, repeated along each axis until there are at least so many voxels, read lazily."""
    shape = np.array(brain.volume.shape)
    times = np.ones(3, int)
    while times.prod() * shape.prod() < voxels:
        times[times.argmin()] += 1
    block = brain.volume.data
    data = block
    for axis, count in enumerate(times):
        data = da.concatenate([data] * count, axis=axis)
    steps = np.array(list(np.ndindex(*times))) * shape
    cells = np.concatenate([brain.cells + step for step in steps])
    return Annotated(Volume(data, brain.volume.voxel_size, "tiled"), cells)


def data_folder() -> Path:
    """Where real data lies: $CELLSIFT_DATA."""
    return Path(os.environ.get("CELLSIFT_DATA", "no-data"))


def _annotated(
    voxels: np.ndarray, cells: pd.DataFrame, size: Sequence[float], name: str
) -> Annotated:
    z, y, x = size
    data = da.from_array(voxels, chunks=(8, *voxels.shape[1:]))
    return Annotated(Volume(data, (z, y, x), name), cells[AXES].to_numpy(float))


def chosen(volumes: Mapping[str, Annotated], names: Sequence[str]) -> dict[str, Annotated]:
    """Those of these names."""
    return {name: volumes[name] for name in names}
