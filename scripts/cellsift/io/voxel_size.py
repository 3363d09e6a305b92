"""Sizes of voxels: whether they can be true. Needs no library, so that rules can ask."""

import math
from collections.abc import Sequence

from cellsift.errors import InputError

# Light microscopes resolve no less, and whole brains with cells are imaged no coarser.
SMALLEST_VOXEL_UM = 0.05
LARGEST_VOXEL_UM = 200.0


def check_voxel_size(voxel_size: Sequence[float], where: str) -> tuple[float, float, float]:
    """Return the voxel size (z, y, x) in µm as floats; raise InputError if it cannot be true.

    `where` begins the message: whose voxel size it is, or where it was read.
    """
    if len(voxel_size) != 3:
        raise InputError(
            f"{where}: {len(voxel_size)} voxel sizes found. Give voxel_z, voxel_y, voxel_x in µm."
        )
    sizes = dict(zip(("voxel_z", "voxel_y", "voxel_x"), voxel_size, strict=True))
    for column, size in sizes.items():
        said = f"{where}: {column} is {size}"
        try:
            size = float(size)
        except (TypeError, ValueError):
            size = math.nan
        if not math.isfinite(size) or size <= 0:
            raise InputError(f"{said}. Give the size of a voxel in µm, a number above 0.")
        unit = _wrong_unit(size)
        if unit:
            raise InputError(f"{said} µm, which looks like {unit}. Give the size in µm.")
    return tuple(float(size) for size in sizes.values())


def _wrong_unit(size: float) -> str | None:
    if size < 5e-5:
        return f"metres ({size * 1e6:.6g} µm)"
    if size < SMALLEST_VOXEL_UM:
        return f"millimetres ({size * 1e3:.6g} µm)"
    if size > LARGEST_VOXEL_UM:
        return f"nanometres ({size / 1e3:.6g} µm)"
    return None
