"""Maximum projections of a brain's channels, made while its planes are read once."""

from pathlib import Path

import numpy as np

from cellsift.errors import InputError
from cellsift.io.axes import per_axis
from cellsift.io.reading import reads
from cellsift.io.volumes import Volume
from cellsift.reporting.projections import Projection, save_projection

LARGEST_SIDE = 1400


def project(
    signal: Volume,
    background: Volume | None = None,
    largest_side: int = LARGEST_SIDE,
) -> Projection:
    """Project a brain. Each plane is read once, and few planes are held at a time.

    Sides longer than `largest_side` are shortened by taking the brightest of several voxels, so
    that small cells stay visible. The result does not depend on how the volume is chunked."""
    if background is not None and background.shape != signal.shape:
        raise InputError(
            f"{background.source} has shape {background.shape}, {signal.source} {signal.shape}; "
            "signal and background must be of the same shape"
        )
    channels = [signal] if background is None else [signal, background]
    bins = per_axis(-(-side // largest_side) for side in signal.shape)
    views = [_project_channel(volume, bins) for volume in channels]
    top, front = (np.stack(view) for view in zip(*views, strict=True))
    return Projection(top, front, per_axis(signal.shape), per_axis(signal.voxel_size), bins)


def project_brain(signal: Volume, background: Volume | None, path: str | Path) -> None:
    """Project a brain and write the projection to `path`, as .npz."""
    save_projection(project(signal, background), path)


def _project_channel(volume: Volume, bins: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    depth, height, width = volume.shape
    top = np.zeros((-(-height // bins[1]), -(-width // bins[2])), volume.dtype)
    front = np.zeros((depth, top.shape[1]), volume.dtype)
    for start, stop in reads(volume, 0, depth):
        planes = volume.planes(start, stop)
        narrow = np.maximum.reduceat(planes, np.arange(0, width, bins[2]), axis=2)
        front[start:stop] = narrow.max(axis=1)
        flat = np.maximum.reduceat(narrow.max(axis=0), np.arange(0, height, bins[1]), axis=0)
        np.maximum(top, flat, out=top)
    return top, np.maximum.reduceat(front, np.arange(0, depth, bins[0]), axis=0)
