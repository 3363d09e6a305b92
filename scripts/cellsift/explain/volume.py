"""Saliency beside the cuboids it explains, as a TIFF that napari and Fiji open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import tifffile

from cellsift.io.atomic import atomic_file


def write_saliency(
    path: str | Path,
    cuboids: np.ndarray,
    saliency: np.ndarray,
    voxel_size: tuple[float, float, float],
    names: list[str],
) -> None:
    """Write an ImageJ hyperstack, axes TZCYX, float32, whole or not at all.

    T runs over the examples; the channels are signal, background (where there is one) and
    saliency (0 to 1). Without examples it holds one that is 0 throughout, since a TIFF cannot be
    empty.

    Args:
        cuboids: raw intensities (n, channel, z, y, x).
        saliency: (n, z, y, x).
        voxel_size: µm, z, y, x.
        names: one per example, shown as the planes' label in Fiji.
    """
    if not len(cuboids):
        cuboids, saliency = np.zeros((1, *cuboids.shape[1:])), np.zeros((1, *saliency.shape[1:]))
        names = ["no example"]
    stack = np.concatenate([cuboids, saliency[:, None]], axis=1).astype(np.float32)
    channels = [*("signal", "background")[: cuboids.shape[1]], "saliency"]
    colours = [_grey()] * cuboids.shape[1] + [_magma()]
    _write_hyperstack(path, stack, channels, colours, _ranges(stack), voxel_size, names)


def write_maps(
    path: str | Path,
    maps: np.ndarray,
    channels: Sequence[str],
    voxel_size: tuple[float, float, float],
    names: list[str],
    kind: str,
) -> None:
    """Write maps alone as an ImageJ hyperstack, axes TZCYX, float32, whole or not at all.

    T runs over the examples, C over the maps. Without examples it holds one that is 0 throughout.

    Args:
        maps: (n, channel, z, y, x), from 0.
        channels: what each map is called.
        voxel_size: µm, z, y, x.
        names: one per example, shown as the planes' label in Fiji.
        kind: what the file holds, in words, for its metadata (`Info`).
    """
    if not len(maps):
        maps, names = np.zeros((1, *maps.shape[1:])), ["no example"]
    stack = maps.astype(np.float32)
    ranges = [
        number
        for channel in range(len(channels))
        for number in (0.0, float(stack[:, channel].max()))
    ]
    colours = [_magma()] * len(channels)
    _write_hyperstack(path, stack, channels, colours, tuple(ranges), voxel_size, names, kind)


def _write_hyperstack(
    path: str | Path,
    stack: np.ndarray,
    channels: Sequence[str],
    colours: list[np.ndarray],
    ranges: tuple[float, ...],
    voxel_size: tuple[float, float, float],
    names: list[str],
    kind: str | None = None,
) -> None:
    z, y, x = voxel_size
    metadata: dict[str, Any] = {
        "axes": "TZCYX",
        "spacing": z,
        "unit": "um",
        "mode": "color",
        "LUTs": colours,
        "Ranges": ranges,
        "Labels": [
            f"{channel} | {name}"
            for name in names
            for _ in range(stack.shape[2])
            for channel in channels
        ],
    }
    if kind is not None:
        metadata["Info"] = kind
    with atomic_file(path) as beside:
        tifffile.imwrite(
            beside,
            stack.transpose(0, 2, 1, 3, 4),
            imagej=True,
            resolution=(1 / x, 1 / y),
            metadata=metadata,
        )


def _grey() -> np.ndarray:
    """Return a lookup table (3, 256)."""
    return np.tile(np.arange(256, dtype=np.uint8), (3, 1))


def _magma() -> np.ndarray:
    """Return a lookup table (3, 256)."""
    magma = matplotlib.colormaps["magma"](np.arange(256), bytes=True)[:, :3].T
    return np.ascontiguousarray(magma)


def _ranges(stack: np.ndarray) -> tuple[float, ...]:
    """The grey range in which each channel is shown: all examples' middle 99.8 percent."""
    ranges = []
    for channel in range(stack.shape[1] - 1):
        low, high = np.percentile(stack[:, channel], [0.1, 99.9])
        ranges += [float(low), float(max(high, low + 1))]
    return (*ranges, 0.0, 1.0)
