"""Pictures of a whole brain, with what was found in it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellsift.reporting.graphs import legend_columns
from cellsift.reporting.projections import Projection
from cellsift.reporting.style import CELL, MISSED, NO_CELL, WIDTH, styled

CHANNELS = ("signal", "background")
TALLEST = 9.0

# How each outcome is drawn: name in the legend, marker, colour, filled or not.
LOOKS = {
    "rejected": ("candidate, no cell", ".", NO_CELL, True),
    "cell": ("cell", "o", CELL, False),
    "hit": ("annotated cell, found", "o", CELL, False),
    "false_alarm": ("called a cell, not annotated", "^", "#F0E442", False),
    "not_called": ("annotated cell, rejected by the arm", "x", MISSED, True),
    "not_proposed": ("annotated cell, no candidate", "+", "white", True),
}

SIZES = {"rejected": 1 / 3, "not_called": 1.3, "not_proposed": 1.6}


def draw_projection(projection: Projection) -> Figure:
    """Each channel seen from above and, below it on the same scale, from the front."""
    channels = len(projection.top)
    depth, height, width = projection.size_um
    across = WIDTH if channels == 2 else WIDTH / 2 + 1.5
    panel = across / channels - 0.9
    tall = panel * (height + depth) / width
    if tall > TALLEST:
        across, tall = across * TALLEST / tall, TALLEST
    with styled():
        drawing = Figure(figsize=(max(across, 3.5), tall + 1.3))
        grid = drawing.subplots(
            2, channels, squeeze=False, height_ratios=[height, depth], sharex="col"
        )
        for channel in range(channels):
            top, front = grid[:, channel]
            window = _window(projection.top[channel])
            _show(top, projection.top[channel], (height, width), window)
            _show(front, projection.front[channel], (depth, width), window)
            top.set_title(f"{CHANNELS[channel]}, from above")
            front.set_title("from the front")
            front.set_xlabel("x (µm)")
            _scale_bar(top, height, width)
        grid[0, 0].set_ylabel("y (µm)")
        grid[1, 0].set_ylabel("z (µm)")
    return drawing


def draw_outcomes(projection: Projection, outcomes: Mapping[str, pd.DataFrame]) -> Figure:
    """The signal from above with what each arm made of the candidates; a panel for each arm.

    A table of `outcomes` has the columns outcome (a key of LOOKS), z, y, x in µm.
    """
    _, height, width = projection.size_um
    rows = -(-len(outcomes) // 2)
    across = WIDTH if len(outcomes) > 1 else WIDTH * 0.75
    tall = (across / min(2, len(outcomes)) - 0.8) * height / width
    if tall > TALLEST:
        across, tall = across * TALLEST / tall, TALLEST
    across = max(across, WIDTH / 2)
    shown = [kind for kind in LOOKS if any((t["outcome"] == kind).any() for t in outcomes.values())]
    with styled():
        drawing = Figure(figsize=(across, rows * (tall + 0.7) + 0.9))
        grid = drawing.subplots(rows, min(2, len(outcomes)), squeeze=False).ravel()
        for spare in grid[len(outcomes) :]:
            spare.remove()
        for axis, (arm, table) in zip(grid, outcomes.items(), strict=False):
            _show(axis, projection.top[0], (height, width), _window(projection.top[0]))
            _draw_points(axis, table, shown)
            axis.set(title=arm, xlabel="x (µm)", ylabel="y (µm)")
            axis.set(xlim=(0, width), ylim=(height, 0))
            _scale_bar(axis, height, width)
        names = [LOOKS[kind][0] for kind in shown]
        if not shown:
            return drawing
        drawing.legend(
            [_handle(kind) for kind in shown],
            names,
            loc="outside lower center",
            ncols=legend_columns(names, drawing),
            facecolor="#52606D",
            labelcolor="white",
            frameon=True,
            framealpha=1,
        )
    return drawing


def _draw_points(axis: Axes, table: pd.DataFrame, kinds: list[str]) -> None:
    area = float(np.clip(25_000 / max(len(table), 1), 3, 40))
    for kind in kinds:
        _, marker, color, filled = LOOKS[kind]
        points = table[table["outcome"] == kind]
        size = area * SIZES.get(kind, 1)
        look = {"color": color} if filled else {"facecolors": "none", "edgecolors": color}
        width = 1.6 if kind in ("not_called", "not_proposed") else 1
        axis.scatter(points["x"], points["y"], s=size, marker=marker, linewidths=width, **look)


def _handle(kind: str) -> Line2D:
    _, marker, color, filled = LOOKS[kind]
    face = color if filled else "none"
    return Line2D(
        [],
        [],
        linestyle="",
        marker=marker,
        markeredgecolor=color,
        markerfacecolor=face,
        markersize=5 if kind == "rejected" else 8,
    )


def _window(picture: np.ndarray) -> tuple[float, float]:
    """Intensities shown as black and white."""
    low, high = np.percentile(picture, [1, 99.7])
    return float(low), float(max(high, low + 1))


def _show(axis: Axes, picture: np.ndarray, size: tuple, window: tuple[float, float]) -> None:
    # The root brings out faint tissue without burning out bright cells.
    shown = np.clip((picture - window[0]) / (window[1] - window[0]), 0, 1) ** 0.7
    axis.imshow(shown, cmap="gray", vmin=0, vmax=1, extent=(0, size[1], size[0], 0))
    axis.grid(False)


def _scale_bar(axis: Axes, height: float, width: float) -> None:
    length = round_length(width / 4)
    left, y = 0.05 * width, 0.95 * height
    for color, thickness in (("black", 7), ("white", 4)):
        axis.plot(
            [left, left + length], [y, y], color=color, linewidth=thickness, solid_capstyle="butt"
        )
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    axis.annotate(
        text,
        (left + length / 2, y),
        (0, 5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color="white",
        fontsize=9,
        bbox={"facecolor": "black", "alpha": 0.5, "pad": 1, "lw": 0},
    )


def round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50 ... that is not above `most`."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9)))
