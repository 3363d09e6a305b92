"""Chunks of exact zeros within tissue, anywhere in an OME-Zarr, found by the sizes of its files.

Nothing compresses as well as zeros: only the few chunks that are stored in next to nothing are
decoded, and only some of them, with one line of voxels of each neighbour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from cellsift.io.axes import AXES
from cellsift.io.zarr_chunks import fill_value, grid_of

if TYPE_CHECKING:
    import zarr

# A chunk of zeros takes less than this of the larger chunks, and of its own voxels. Most chunks may
# be zeros, so that the median says nothing.
OF_LARGE, OF_VOXELS = 0.2, 0.02
LARGE = 0.95
# Chunks that are decoded, and whose neighbours are looked at.
MOST_DECODED = 8
# More of the voxels right beside a lost chunk are not 0 than this.
SHARP = 0.5
# A plane with an image has more voxels that are not 0 than this, where it has tissue.
FULL = 0.1
# Grids with more chunks are not looked at.
LARGEST_GRID = 20_000_000


def zero_chunk_doubts(
    array: zarr.Array, axes: list[str], indices: np.ndarray, sizes: np.ndarray
) -> list[str]:
    """Tell of chunks of zeros, stored or absent, that have straight edges to tissue on all sides.

    `axes` are the names of the array's axes; all but z, y, x have length 1. `indices` (chunks,
    axes) are the numbers of the chunks that are stored, `sizes` their lengths in bytes.
    """
    spatial = [axes.index(name) for name in AXES]
    grid = tuple(grid_of(array.shape, array.chunks)[axis] for axis in spatial)
    if math.prod(grid) > LARGEST_GRID:
        return []
    read = _Reader(array, spatial)
    dark = _dark(grid, indices[:, spatial], sizes, read)
    return _empty_layers(dark, read) + _lost_chunks(dark, read)


def _empty_layers(dark: np.ndarray, read: _Reader) -> list[str]:
    """Tell of chunks' planes that are all dark between others, as planes that were not written."""
    lit = np.flatnonzero(~dark.all(axis=(1, 2)))
    empty = np.setdiff1d(np.arange(*lit[[0, -1]]), lit).tolist() if len(lit) else []
    if not empty or not _is_full(lit[np.searchsorted(lit, empty[0])], dark, read):
        return []
    (start, stop), *_ = read.box([empty[0], 0, 0])
    return [
        f"planes {start} to {stop - 1} (counted from 0) are nothing but zeros, and planes before "
        f"and after them are not; so are {len(empty)} of {len(dark)} layers of chunks. If these "
        "planes were never written, copy or write the OME-Zarr again."
    ]


def _is_full(layer: int, dark: np.ndarray, read: _Reader) -> bool:
    """Whether a layer has an image, and not single lit voxels, in its most central lit chunk."""
    lit = np.argwhere(~dark[layer])
    central = lit[np.argmin(np.abs(lit - np.array(dark.shape[1:]) / 2).sum(axis=1))]
    box = read.box([int(layer), *central.tolist()])
    box[0] = (box[0][0], box[0][0] + 1)
    return read.lit(box) > FULL


def _lost_chunks(dark: np.ndarray, read: _Reader) -> list[str]:
    candidates = np.argwhere(_between(dark))
    if not len(candidates):
        return []
    some = candidates[np.linspace(0, len(candidates) - 1, MOST_DECODED).astype(int)]
    some = np.unique(some, axis=0)
    lost = [index for index in some.tolist() if _is_lost(index, dark, read)]
    if not lost:
        return []
    first = ", ".join(
        f"{name} {start} to {stop - 1}"
        for name, (start, stop) in zip(("planes", "y", "x"), read.box(lost[0]), strict=True)
    )
    return [
        f"{int(dark.sum())} of {dark.size} chunks are nothing but zeros. Of {len(some)} of them "
        f"that lie between others, {len(lost)} are cut out of the tissue with straight edges, as "
        f"chunks are that a writer lost; the first is {first} (counted from 0). If they were not "
        "blanked on purpose, copy or write the OME-Zarr again."
    ]


class _Reader:
    """Reads parts of an array (z, y, x) by the numbers of chunks."""

    def __init__(self, array: zarr.Array, spatial: list[int]):
        self.array, self.spatial = array, spatial
        self.chunks = [array.chunks[axis] for axis in spatial]
        self.shape = [array.shape[axis] for axis in spatial]

    def box(self, index: list[int]) -> list[tuple[int, int]]:
        """First voxel of a chunk along each axis, and the first after it."""
        return [
            (number * size, min((number + 1) * size, end))
            for number, size, end in zip(index, self.chunks, self.shape, strict=True)
        ]

    def lit(self, box: list[tuple[int, int]]) -> float:
        """The share of a box's voxels that are not 0."""
        where: list[int | slice] = [0] * self.array.ndim
        for axis, (start, stop) in zip(self.spatial, box, strict=True):
            where[axis] = slice(start, stop)
        voxels = np.asarray(self.array[tuple(where)])
        return float(np.count_nonzero(voxels) / voxels.size)


def _dark(
    grid: tuple[int, ...], indices: np.ndarray, sizes: np.ndarray, read: _Reader
) -> np.ndarray:
    """Which chunks of the grid (z, y, x) are all zeros.

    Those of equal length are taken for equal: encoders give the same for the same, and a chunk
    with an image in it is not as short.
    """
    dark = np.full(grid, fill_value(read.array) == 0)
    dark[tuple(indices.T)] = False
    voxels = math.prod(read.chunks) * read.array.dtype.itemsize
    if len(sizes):
        tiny = sizes < min(OF_LARGE * np.quantile(sizes, LARGE), OF_VOXELS * voxels)
        for size in np.unique(sizes[tiny])[:MOST_DECODED]:
            alike = indices[tiny & (sizes == size)]
            if read.lit(read.box(alike[0].tolist())) == 0:
                dark[tuple(alike.T)] = True
    return dark


def _between(dark: np.ndarray) -> np.ndarray:
    """Dark chunks that have a lit one to at least one side along every axis."""
    lit = ~dark
    between = dark
    for axis in range(3):
        between = between & lit.any(axis=axis, keepdims=True)
    return between


def _is_lost(index: list[int], dark: np.ndarray, read: _Reader) -> bool:
    """Whether a dark chunk's neighbours are lit right up to it, on all sides but the border."""
    return read.lit(read.box(index)) == 0 and all(
        shares and min(shares) > SHARP
        for shares in (list(_beside(index, axis, dark, read)) for axis in range(3))
    )


def _beside(index: list[int], axis: int, dark: np.ndarray, read: _Reader) -> Iterator[float]:
    """The share of lit voxels in the layer next to the dark run of chunks, towards both sides."""
    for step in (-1, 1):
        at = list(index)
        while 0 <= at[axis] < dark.shape[axis] and dark[tuple(at)]:
            at[axis] += step
        if 0 <= at[axis] < dark.shape[axis]:
            box = read.box(at)
            edge = box[axis][1] - 1 if step < 0 else box[axis][0]
            box[axis] = (edge, edge + 1)
            yield read.lit(box)
