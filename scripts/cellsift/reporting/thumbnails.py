"""Small pictures of single candidates."""

import math
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from cellsift.reporting.maps import round_length
from cellsift.reporting.style import WIDTH, styled

ACROSS = 8


def central_projection(cuboids: np.ndarray) -> np.ndarray:
    """The brightest voxel along z of the middle third of cuboids: (n, channel, y, x).

    `cuboids` are (n, channel, z, y, x). The middle third keeps neighbours above and below out.
    """
    depth = cuboids.shape[2]
    third = max(1, round(depth / 3))
    start = (depth - third) // 2
    return cuboids[:, :, start : start + third].max(axis=2)


def draw_thumbnails(
    cuboids: np.ndarray, titles: list[str], voxel_size: tuple[float, float, float]
) -> Figure:
    """Candidates side by side, signal above background, each with its title.

    `cuboids` are (n, channel, z, y, x), `voxel_size` is in µm (z, y, x). Each picture has its own
    black and white, at least a factor of two apart, and a logarithmic scale between.
    """
    tiles = _tiles(np.log1p(central_projection(cuboids).astype(float)))
    rows = math.ceil(len(tiles) / ACROSS)
    shape = tiles[0].shape * np.array(voxel_size[1:])
    lines = max(title.count("\n") + 1 for title in titles)
    with styled():
        tall = WIDTH / ACROSS * shape[0] / shape[1] + 0.17 * lines + 0.06
        drawing = Figure(figsize=(WIDTH, rows * tall))
        layout = cast(ConstrainedLayoutEngine, drawing.get_layout_engine())
        layout.set(w_pad=0.03, h_pad=0.02, wspace=0, hspace=0)
        axes = drawing.subplots(rows, ACROSS, squeeze=False).ravel()
        for axis in axes:
            axis.set_axis_off()
            # Else ticks that are not drawn are laid out all the same.
            axis.yaxis.set_visible(False)
        for axis, tile, title in zip(axes, tiles, titles, strict=False):
            extent = (0, shape[1], shape[0], 0)
            axis.imshow(tile, cmap="gray", vmin=0, vmax=1, extent=extent, interpolation="nearest")
            axis.set_title(title, fontsize=8, fontweight="normal", pad=3, linespacing=1.15)
        _scale_bar(axes[0], shape)
    return drawing


def _tiles(pictures: np.ndarray) -> np.ndarray:
    """Pictures (n, channel, y, x) as grey (0..1) tiles, channels below each other: (n, y, x)."""
    low, high = np.percentile(pictures, [1, 99.8], axis=(2, 3))[..., None, None]
    grey = np.clip((pictures - low) / np.maximum(high - low, math.log(2)), 0, 1)
    line = np.ones((len(grey), 1, grey.shape[3]))
    parts = [part for channel in grey.swapaxes(0, 1) for part in (line, channel)]
    return np.concatenate(parts[1:], axis=1)


def _scale_bar(axis: Axes, shape: np.ndarray) -> None:
    length = round_length(shape[1] / 2.5)
    left, y = 0.06 * shape[1], shape[0] - 0.06 * shape[1]
    for color, thickness in (("black", 4.5), ("white", 2.5)):
        line = axis.plot([left, left + length], [y, y], color=color, linewidth=thickness)
        line[0].set_solid_capstyle("butt")
    box = {"facecolor": "black", "alpha": 0.55, "pad": 1, "linewidth": 0}
    text_y = y - 0.04 * shape[1]
    axis.text(left, text_y, f"{length:g} µm", color="white", size=7, va="bottom", bbox=box)
