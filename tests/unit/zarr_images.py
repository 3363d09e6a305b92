"""Writes OME-Zarr images for tests, and says what preflight makes of them."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import zarr

from cellsift.errors import InputError
from cellsift.preflight.volumes import check_volumes
from cellsift.settings.brains import Brain

VOXEL_SIZE = (5.0, 2.0, 2.0)


def multiscales(
    axes: str = "zyx",
    scale: Sequence[float] = VOXEL_SIZE,
    unit: str | None = "micrometer",
    paths: Sequence[str] = ("0",),
) -> list[dict]:
    """The metadata of an image whose levels shrink in y and x by 2 each."""
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
    for axis in described:
        if axis["type"] == "space" and unit:
            axis["unit"] = unit
    datasets = []
    for level, path in enumerate(paths):
        sizes = [1.0] * (len(axes) - 3) + [scale[0], *(size * 2**level for size in scale[1:])]
        transform = {"type": "scale", "scale": sizes}
        datasets.append({"path": path, "coordinateTransformations": [transform]})
    return [{"axes": described, "datasets": datasets}]


def describe(group: zarr.Group, images: list[dict]) -> None:
    """Write multiscales metadata into a group, as the format of its Zarr wants it."""
    if group.metadata.zarr_format == 2:
        group.attrs["multiscales"] = [image | {"version": "0.4"} for image in images]
    else:
        group.attrs["ome"] = {"version": "0.5", "multiscales": images}


def write_ome_zarr(
    path: Path, voxels: np.ndarray, version: int = 3, axes: str = "zyx", **options
) -> Path:
    """Write one level "0" into an OME-Zarr 0.4 (`version` 2) or 0.5 (3); the rest goes to Zarr."""
    group = zarr.create_group(path, zarr_format=version)
    metadata = {key: options.pop(key) for key in ("scale", "unit") if key in options}
    array = group.create_array("0", shape=voxels.shape, dtype=voxels.dtype, **options)
    array[...] = voxels
    describe(group, multiscales(axes, **metadata))
    return path


def change_json(path: Path, **changes: object) -> None:
    """Set keys of a JSON file; a key whose value is None goes."""
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: item for key, item in content.items() if item is not None}))


def brain_of(signal: Path | str, **settings) -> Brain:
    return Brain(
        name="mouse-3",
        role="predict",
        signal=str(signal),
        background=None,
        voxel_size=VOXEL_SIZE,
        cells=None,
        non_cells=None,
        settings={"detection": {}, "intensity_range": None} | settings,
    )


def look(signal: Path | str, **settings) -> tuple[str | None, list[str]]:
    """What preflight says of a signal: its refusal or None, and its warnings."""
    try:
        return None, check_volumes(brain_of(signal, **settings))["warnings"]
    except InputError as error:
        return str(error), []
