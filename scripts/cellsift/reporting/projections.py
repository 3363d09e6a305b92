"""Maximum projections of a whole brain, made plane by plane and kept small enough for a page."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Shape, Size, per_axis
from cellsift.io.reading import reads
from cellsift.io.volumes import Volume

LARGEST_SIDE = 1400
# Of a projection's views, several times over; a file that unpacks to more is none.
MOST_BYTES = 2**28
KEYS = ("top", "front", "shape", "voxel_size", "bins")


@dataclass(frozen=True)
class Projection:
    """The brightest voxel along an axis, for each channel (0 signal, 1 background).

    `top` (channel, y, x) looks along z, `front` (channel, z, x) along y. A pixel of them covers
    `bins` (z, y, x) voxels of the volume, which has `shape` and `voxel_size` (µm), both z, y, x.
    """

    top: np.ndarray
    front: np.ndarray
    shape: Shape
    voxel_size: Size
    bins: Shape

    @property
    def size_um(self) -> Size:
        """Extent of the volume in µm (z, y, x)."""
        return per_axis(n * size for n, size in zip(self.shape, self.voxel_size, strict=True))


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


def save_projection(projection: Projection, path: str | Path) -> None:
    """Write a projection as a compressed .npz, whole or not at all."""
    with atomic_file(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **{key: getattr(projection, key) for key in KEYS})


def load_projection(path: str | Path) -> Projection:
    """The projection that `save_projection` wrote. Raises InputError for any other file."""
    try:
        with np.load(path, allow_pickle=False) as content:
            size = sum(member.file_size for member in content.zip.infolist())
            if size > MOST_BYTES:
                raise ValueError(f"it unpacks to {size} bytes")
            arrays = {key: content[key] for key in KEYS}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it") from None
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        AttributeError,
        MemoryError,
        BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(
            f"{path}: not a projection ({error}); delete it and run the step that makes it"
        ) from error
    plain = {key: tuple(arrays[key].tolist()) for key in ("shape", "voxel_size", "bins")}
    return Projection(arrays["top"], arrays["front"], **plain)


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
