"""Whether the levels of an OME-Zarr's pyramid are in order and agree with each other."""

from collections.abc import Sequence

import numpy as np
import zarr

from cellsift.errors import InputError

# Path, shape and scale (in the axes' units, or None) of a level.
Level = tuple[str, tuple[int, ...], np.ndarray | None]
# Sizes in metadata are often rounded.
TOLERANCE = 0.02


def refuse_larger(path: str, array: zarr.Array, others: Sequence[Level]) -> None:
    """Raise InputError if the first level, which is to be full size, is not the largest."""
    for name, shape, _ in others:
        if len(shape) == array.ndim and any(np.greater(shape, array.shape)):
            raise InputError(
                f"{path}: the metadata name level {array.path} first, of shape {array.shape}, but "
                f"level {name} is larger: {shape}. List the levels from the largest to the "
                "smallest under datasets in the metadata, or write the OME-Zarr again."
            )


def scale_doubts(
    others: Sequence[Level], shape: tuple[int, ...], scale: np.ndarray | None
) -> list[str]:
    """Tell of the first level whose voxel size does not go with its shape and level 0's."""
    if scale is None:
        return []
    for name, smaller, sizes in others:
        if sizes is None or len(sizes) != len(scale) or len(smaller) != len(shape):
            continue
        full, covered = np.multiply(shape, scale), np.multiply(smaller, sizes)
        # Levels are rounded up or down, by less than one of their voxels at each level.
        slack = sizes + scale + TOLERANCE * np.maximum(full, covered)
        if (np.abs(full - covered) > slack).any():
            return [
                f"by the metadata, level 0 is {_sizes(full)} large ({shape} voxels of "
                f"{_sizes(scale)}), but level {name} {_sizes(covered)} ({smaller} voxels of "
                f"{_sizes(sizes)}). One of the two voxel sizes is wrong: make sure that the brains "
                "table has the right one."
            ]
    return []


def _sizes(sizes: np.ndarray) -> str:
    return " × ".join(f"{float(size):.6g}" for size in sizes)
