"""Sizes of voxels: whether they can be true, and whether a file contradicts the brains table.

Needs no library, so that rules can ask.
"""

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cellsift.errors import InputError
from cellsift.io.axes import AXES, Size, per_axis

# Light microscopes resolve no less, and whole brains with cells are imaged no coarser.
SMALLEST_VOXEL_UM = 0.05
LARGEST_VOXEL_UM = 200.0
# Sizes in metadata are often rounded.
TOLERANCE = 0.01
FACTORS = (1e-6, 1e-3, 1e3, 1e6)


class StatedSize(NamedTuple):
    """A voxel's size (z, y, x) in µm as a file states it, None where it does not, and where."""

    sizes: tuple[float | None, ...]
    source: str


def refuse_contradiction(path: str, stated: StatedSize | None, voxel_size: Sequence[float]) -> None:
    """Raise InputError if a file states other sizes than `voxel_size` (z, y, x), both in µm.

    It gives both, and says so where they are the same in another order or unit.
    """
    found = contradiction(stated, voxel_size)
    if found:
        raise InputError(
            f"{path}: {found}Correct voxel_z, voxel_y, voxel_x in the table; or, if the file is "
            "wrong, correct it, or set voxel_size_in_files: ignore for the brain in the config."
        )


def contradiction(stated: StatedSize | None, voxel_size: Sequence[float]) -> str:
    """Sentences with both sizes if a file states others than `voxel_size`, each with a space."""
    if stated is None or _agree(stated.sizes, voxel_size):
        return ""
    return (
        f"the {stated.source} says voxels of {_text(stated.sizes)} µm (z, y, x), the "
        f"brains table {_text(voxel_size)} µm. {_likely_mistake(stated.sizes, voxel_size)}"
    )


def _agree(stated: Iterable[float | None], voxel_size: Iterable[float]) -> bool:
    pairs = zip(stated, voxel_size, strict=True)
    return all(
        size is None or math.isclose(size, given, rel_tol=TOLERANCE) for size, given in pairs
    )


def other_unit(size: float, given: float) -> float | None:
    """By which of the factors between nm, µm, mm and m a size is not the given one, or None."""
    return next((f for f in FACTORS if math.isclose(size, f * given, rel_tol=TOLERANCE)), None)


def _likely_mistake(stated: Sequence[float | None], voxel_size: Sequence[float]) -> str:
    """A sentence on the unit or the order of axes that the sizes seem to have, or nothing."""
    pairs = zip(stated, voxel_size, strict=True)
    factors = {other_unit(size, given) for size, given in pairs if size is not None}
    if len(factors) == 1 and None not in factors:
        return f"They differ by {factors.pop():g} times, as where a unit is wrong. "
    for order in sorted(itertools.permutations(range(3)), reverse=True):
        # Of two equal sizes any order fits; x, y, z is the usual one of other programs.
        if _agree([stated[axis] for axis in order], voxel_size):
            names = ", ".join(AXES[axis] for axis in order)
            return f"The table has the file's sizes in the order {names} instead of z, y, x. "
    return ""


def _text(sizes: Iterable[float | None]) -> str:
    return ", ".join("unknown" if size is None else f"{float(size):.6g}" for size in sizes)


def check_voxel_size(voxel_size: Sequence[float], where: str) -> Size:
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
    return per_axis(float(size) for size in sizes.values())


def _wrong_unit(size: float) -> str | None:
    if size < 5e-5:
        return f"metres ({size * 1e6:.6g} µm)"
    if size < SMALLEST_VOXEL_UM:
        return f"millimetres ({size * 1e3:.6g} µm)"
    if size > LARGEST_VOXEL_UM:
        return f"nanometres ({size / 1e3:.6g} µm)"
    return None
