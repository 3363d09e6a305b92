"""Small pictures of single candidates."""

import math

import numpy as np
from matplotlib.figure import Figure

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

    `cuboids` are (n, channel, z, y, x); all pictures of a channel have the same brightness, on a
    logarithmic scale, so that they can be compared.
    """
    pictures = np.log1p(central_projection(cuboids).astype(float))
    count, channels = pictures.shape[:2]
    blocks = max(1, math.ceil(count / ACROSS))
    lines = max((title.count("\n") + 1 for title in titles), default=1)
    with styled():
        tall = blocks * (channels * WIDTH / ACROSS * 0.98 + 0.17 * lines + 0.1)
        drawing = Figure(figsize=(WIDTH, tall))
        drawing.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)
        grid = drawing.subplots(blocks * channels, ACROSS, squeeze=False)
        for axis in grid.ravel():
            axis.set_axis_off()
        for channel in range(channels):
            window = np.percentile(pictures[:, channel], [1, 99.8]) if count else (0, 1)
            for number in range(count):
                axis = grid[number // ACROSS * channels + channel, number % ACROSS]
                _draw_one(axis, pictures[number, channel], window, voxel_size)
                if channel == 0:
                    axis.set_title(
                        titles[number], fontsize=7.5, fontweight="normal", pad=3, linespacing=1.15
                    )
        if count:
            _scale_bar(grid[0, 0], pictures.shape[3] * voxel_size[2], pictures.shape[2])
    return drawing


def _draw_one(axis, picture: np.ndarray, window: tuple, voxel_size: tuple) -> None:
    height, width = picture.shape[0] * voxel_size[1], picture.shape[1] * voxel_size[2]
    low, high = window
    extent = (0, width, height, 0)
    axis.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), extent=extent)


def _scale_bar(axis, width: float, rows: int) -> None:
    length = round_length(width / 2.5)
    height = axis.get_ylim()[0]
    left, y = 0.06 * width, 0.92 * height
    axis.plot([left, left + length], [y, y], color="white", linewidth=3, solid_capstyle="butt")
    axis.text(left, y - 0.04 * height, f"{length:g} µm", color="white", fontsize=7, va="bottom")
