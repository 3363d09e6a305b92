"""What labs have annotated for cellfinder's training, taken over: its YAML and folders of cubes.

Such a YAML lists folders of TIFF cubes, `pCellz10y522x392Ch0.tif`, as the plugin for napari writes
them in its curation; one folder has cells, another what is none. Formats as in cellfinder 1.10.1
(`train.train_yaml`, `tools.tiff`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.cuboids.store import CuboidStore
from cellsift.cuboids.writer import LARGEST_VALUE, new_store
from cellsift.errors import InputError
from cellsift.interop.finished_models import CELLFINDER_VOXEL_SIZE
from cellsift.io.axes import AXES, Size, per_axis
from cellsift.io.tiff import open_stack
from cellsift.settings.files import read_yaml

# The place is in voxels of the volume that the cube was cut from.
CUBE = re.compile(r"pCellz(-?\d+)y(-?\d+)x(-?\d+)Ch(\d)\.tif")
LABELS = ("cell", "no_cell")
NO_BACKGROUND = -1


@dataclass(frozen=True)
class Cube:
    """A cube of the list: its place (z, y, x), its label, and its file for each channel."""

    place: tuple[int, int, int]
    label: str
    files: tuple[Path, ...]


def read_training_cubes(
    yaml_file: str | Path,
    folder: str | Path,
    data_voxel_size: Sequence[float],
    voxel_size: Sequence[float] = CELLFINDER_VOXEL_SIZE,
) -> tuple[dict[str, CuboidStore], pd.DataFrame]:
    """Return the cubes as stores by brain, written to `folder`, and the table of their labels.

    Folders of cubes that lie in one folder are of one brain, which is named as that folder. The
    stores and, by `assign_folds`, the table are what `train_fold` takes.

    Args:
        yaml_file: cellfinder's; relative folders in it are looked for beside it.
        folder: gets a store BRAIN.zarr for each brain.
        data_voxel_size: of the volumes that the cubes were cut from, z, y, x in µm: places in
            the files' names are in such voxels.
        voxel_size: of the cubes, z, y, x in µm.

    Returns:
        Stores by brain, and a table: brain, candidate, z_um, y_um, x_um, label (cell or no_cell).

    Raises:
        InputError: a YAML or folder that cannot be read, names or cubes that do not fit together,
            intensities that are no whole numbers of 16 bit; then no store is written for the brain.

    Example:
        stores, candidates = read_training_cubes("training.yaml", "cubes", (5, 2, 2))
    """
    stores, tables = {}, []
    size = per_axis(float(step) for step in voxel_size)
    for brain, cubes in _by_brain(Path(yaml_file)).items():
        places = np.array([cube.place for cube in cubes], float)
        stores[brain] = _write(Path(folder, f"{brain}.zarr"), cubes, places, size)
        um = pd.DataFrame(places * np.asarray(data_voxel_size, float), columns=AXES)
        tables.append(
            um.add_suffix("_um").assign(
                brain=brain, candidate=np.arange(len(cubes)), label=[c.label for c in cubes]
            )
        )
    return stores, pd.concat(tables, ignore_index=True)


def _by_brain(yaml_file: Path) -> dict[str, list[Cube]]:
    """Return the cubes of each brain, sorted by place; no two are at one place."""
    entries = read_yaml(yaml_file).get("data")
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{yaml_file} has no list 'data'; give a YAML of cellfinder's training")
    folders: dict[Path, list[Cube]] = {}
    for entry in entries:
        cube_dir, cubes = _of_entry(yaml_file, entry)
        folders.setdefault(cube_dir.parent, []).extend(cubes)
    names = [folder.name for folder in folders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(
            f"{yaml_file}: several folders that hold folders of cubes are named {twice[0]}; brains "
            "are told apart by these names: rename one"
        )
    return {folder.name: _in_order(cubes, folder) for folder, cubes in folders.items()}


def _of_entry(yaml_file: Path, entry: Any) -> tuple[Path, list[Cube]]:
    """Return the folder of an entry of the list, and its cubes."""
    if not isinstance(entry, dict) or not isinstance(entry.get("cube_dir"), str):
        raise InputError(f"{yaml_file}: an entry of 'data' has no cube_dir; name its folder")
    if entry.get("type") not in LABELS:
        raise InputError(
            f"{yaml_file}: the type of {entry['cube_dir']} is {entry.get('type')!r}; write cell or "
            "no_cell"
        )
    if entry.get("cell_def"):
        raise InputError(
            f"{yaml_file}: cell_def of {entry['cube_dir']} selects some of its cubes, which is not "
            "read here; move these to a folder of their own and leave cell_def empty"
        )
    channels = [entry.get("signal_channel", 0), entry.get("bg_channel", NO_BACKGROUND)]
    if not all(type(channel) is int and NO_BACKGROUND <= channel < 10 for channel in channels):
        raise InputError(
            f"{yaml_file}: channels of {entry['cube_dir']} are {channels}; give digits"
        )
    cube_dir = (yaml_file.parent / entry["cube_dir"]).resolve()
    known = [channel for channel in channels if channel != NO_BACKGROUND]
    if not known or channels[0] == NO_BACKGROUND:
        raise InputError(f"{yaml_file}: {entry['cube_dir']} has no signal_channel; give its digit")
    return cube_dir, list(_cubes(cube_dir, entry["type"], known))


def _cubes(cube_dir: Path, label: str, channels: Sequence[int]) -> Iterator[Cube]:
    if not cube_dir.is_dir():
        raise InputError(f"{cube_dir} is no folder; correct cube_dir in the YAML")
    found = [CUBE.fullmatch(path.name) for path in sorted(cube_dir.iterdir())]
    signals = [match for match in found if match and int(match[4]) == channels[0]]
    if not signals:
        raise InputError(
            f"{cube_dir} has no cubes of channel {channels[0]}: files such as "
            f"pCellz10y522x392Ch{channels[0]}.tif; correct cube_dir or signal_channel in the YAML"
        )
    for match in signals:
        files = tuple(cube_dir / f"{match[0][:-5]}{channel}.tif" for channel in channels)
        if missing := [file for file in files if not file.is_file()]:
            raise InputError(f"{missing[0]} does not exist; {files[0].name} needs its background")
        yield Cube((int(match[1]), int(match[2]), int(match[3])), label, files)


def _in_order(cubes: Iterable[Cube], folder: Path) -> list[Cube]:
    cubes = sorted(cubes, key=lambda cube: cube.place)
    for cube, following in zip(cubes, cubes[1:], strict=False):
        if cube.place == following.place:
            raise InputError(
                f"{cube.files[0]} and {following.files[0]} are of one place in {folder.name}; "
                "remove one"
            )
    return cubes


def _write(path: Path, cubes: Sequence[Cube], places: np.ndarray, voxel_size: Size) -> CuboidStore:
    first = _read(cubes[0])
    order, inside = np.arange(len(cubes)), np.zeros(len(cubes), bool)
    with new_store(path, places, inside, order, first.shape, voxel_size) as writer:
        for cube in cubes:
            voxels = _read(cube)
            if voxels.shape != first.shape:
                raise InputError(
                    f"{cube.files[0]} has (channels, z, y, x) {list(voxels.shape)}, "
                    f"{cubes[0].files[0]} has {list(first.shape)}; give cubes of one shape"
                )
            writer.append(voxels[None])
    return CuboidStore.open(path)


def _read(cube: Cube) -> np.ndarray:
    """Return a cube (channel, z, y, x) uint16."""
    channels = [np.asarray(open_stack(file)) for file in cube.files]
    if len({channel.shape for channel in channels}) > 1:
        raise InputError(
            f"{cube.files[0]} and its background are of different shapes; cut both anew"
        )
    # What cellfinder has resized has fractions.
    rounded = np.rint(np.stack(channels))
    if not np.isfinite(rounded).all() or rounded.min() < 0 or rounded.max() > LARGEST_VALUE:
        raise InputError(
            f"{cube.files[0]} has intensities beyond 0 to {LARGEST_VALUE}; give cubes of raw "
            "intensities"
        )
    return rounded.astype(np.uint16)
