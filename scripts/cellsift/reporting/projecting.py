"""Pictures of a brain's channels, made while its planes are read once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellsift.errors import InputError
from cellsift.io.axes import Shape, per_axis
from cellsift.io.reading import reads
from cellsift.io.volumes import Volume
from cellsift.reporting.plane_quality import quality_of
from cellsift.reporting.projections import Projection, save_projection
from cellsift.reporting.slabs import Slabs, save_slabs

LARGEST_SIDE = 1400
# Of the pictures of slabs, which are many.
LARGEST_SLAB = 800
MOST_SLABS = 24
# What the darkest and the brightest of a picture stand for, in percent of its pixels.
DARKEST, BRIGHTEST = 1.0, 99.8


def project(
    signal: Volume,
    background: Volume | None = None,
    largest_side: int = LARGEST_SIDE,
) -> tuple[Projection, Slabs]:
    """Project a brain. Each plane is read once, and few planes are held at a time.

    Sides longer than `largest_side` are shortened by taking the brightest of several voxels, so
    that small cells stay visible. The result does not depend on how the volume is chunked."""
    if background is not None and background.shape != signal.shape:
        raise InputError(
            f"{background.source} has shape {background.shape}, {signal.source} {signal.shape}; "
            "signal and background must be of the same shape"
        )
    shape, voxel_size = per_axis(signal.shape), per_axis(signal.voxel_size)
    bins = per_axis(-(-side // largest_side) for side in shape)
    channels = [signal] if background is None else [signal, background]
    seen = [_Seen(shape, volume.dtype, bins) for volume in channels]
    for volume, pictures in zip(channels, seen, strict=True):
        for start, stop in reads(volume, 0, shape[0]):
            pictures.add(start, volume.planes(start, stop))
    top, front = (np.stack([getattr(of, view) for of in seen]) for view in ("top", "front"))
    front = np.maximum.reduceat(front, np.arange(0, shape[0], bins[0]), axis=1)
    planes = np.stack([of.quality for of in seen])
    slabs = Slabs(_shown(seen[0].slabs), seen[0].edges, voxel_size, seen[0].slab_bins, planes)
    return Projection(top, front, shape, voxel_size, bins), slabs


def project_brain(signal: Volume, background: Volume | None, out: Sequence[str | Path]) -> None:
    """Project a brain and write its projection and its slabs to these two files, as .npz."""
    projection, slabs = project(signal, background)
    save_projection(projection, out[0])
    save_slabs(slabs, out[1])


class _Seen:
    """What has been seen of a channel until now."""

    def __init__(self, shape: Shape, dtype: np.dtype, bins: Shape):
        depth, height, width = shape
        self.bins = bins
        self.top = np.zeros((-(-height // bins[1]), -(-width // bins[2])), dtype)
        self.front = np.zeros((depth, self.top.shape[1]), dtype)
        self.slab_bins = (-(-height // LARGEST_SLAB), -(-width // LARGEST_SLAB))
        number = min(MOST_SLABS, depth)
        self.edges = np.round(np.linspace(0, depth, number + 1)).astype(int)
        small = (-(-height // self.slab_bins[0]), -(-width // self.slab_bins[1]))
        self.slabs = np.zeros((number, *small), dtype)
        self.quality = np.zeros((depth, 6))

    def add(self, first: int, planes: np.ndarray) -> None:
        """These planes (z, y, x), of which the first has this number."""
        narrow = _brightest(planes, self.bins[2], axis=2)
        self.front[first : first + len(planes)] = narrow.max(axis=1)
        flat = _brightest(narrow.max(axis=0), self.bins[1], axis=0)
        np.maximum(self.top, flat, out=self.top)
        self.quality[first : first + len(planes)] = quality_of(planes)
        of_plane = np.searchsorted(self.edges, first + np.arange(len(planes)), side="right") - 1
        for slab in np.unique(of_plane):
            seen = planes[of_plane == slab].max(axis=0)
            small = _brightest(_brightest(seen, self.slab_bins[0], 0), self.slab_bins[1], 1)
            np.maximum(self.slabs[slab], small, out=self.slabs[slab])


def _brightest(voxels: np.ndarray, bins: int, axis: int) -> np.ndarray:
    """Of each so many voxels along an axis the brightest."""
    if bins == 1:
        return voxels
    return np.maximum.reduceat(voxels, np.arange(0, voxels.shape[axis], bins), axis=axis)


def _shown(slabs: np.ndarray) -> np.ndarray:
    """Pictures as bytes, all on one logarithmic scale, which shows faint tissue beside cells."""
    logs = np.log1p(np.maximum(slabs, 0).astype(np.float32))
    low, high = np.percentile(logs, [DARKEST, BRIGHTEST])
    return np.clip(255 * (logs - low) / max(high - low, 0.1), 0, 255).astype(np.uint8)
