"""Pictures of a whole brain, with what was found in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellsift.reporting.graphs import legend_columns, title_lines
from cellsift.reporting.projections import Projection
from cellsift.reporting.style import CELL, MISSED, NO_CELL, WIDTH, styled

CHANNELS = ("signal", "background")
TALLEST = 9.0
NARROWEST = 4.5

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


@dataclass(frozen=True)
class View:
    """A brain seen from one side: `pictures` (channel, down, across), and which axes these are."""

    title: str
    pictures: np.ndarray
    down: str
    across: str
    height_um: float
    width_um: float


def views(projection: Projection) -> list[View]:
    """The brain from above and from the front; a deep brain's front lies on its side."""
    depth, height, width = projection.size_um
    above = View("from above", projection.top, "y", "x", height, width)
    if depth > width:
        turned = projection.front.swapaxes(1, 2)
        return [above, View("from the front, on its side", turned, "x", "z", width, depth)]
    return [above, View("from the front", projection.front, "z", "x", depth, width)]


def draw_projection(projection: Projection) -> Figure:
    """Each channel from above and, below it on the same scale, from the front."""
    shown, channels = views(projection), len(projection.top)
    across = WIDTH if channels == 2 else 0.7 * WIDTH
    width = max(view.width_um for view in shown)
    across, tall = _fit(across, channels, sum(view.height_um for view in shown) / width)
    with styled():
        drawing = Figure(figsize=(across, tall + 0.95 * len(shown)))
        ratios = [view.height_um for view in shown]
        grid = drawing.subplots(len(shown), channels, squeeze=False, height_ratios=ratios)
        for (row, channel), axis in np.ndenumerate(grid):
            view = shown[row]
            _show(axis, view, channel)
            axis.set_xlim(0, width)
            axis.xaxis.label.set_x(view.width_um / width / 2)
            axis.set_xticks([tick for tick in axis.get_xticks() if 0 <= tick <= view.width_um])
            axis.spines["bottom"].set_bounds(0, view.width_um)
            axis.set_title(f"{CHANNELS[channel]}, {view.title}")
            if channel:
                axis.set_ylabel("")
            if row == 0:
                _scale_bar(axis, view)
    return drawing


def draw_outcomes(projection: Projection, outcomes: Mapping[str, pd.DataFrame]) -> Figure:
    """The signal with what each arm made of the candidates; a panel for each arm.

    A table of `outcomes` has the columns outcome (a key of LOOKS), z, y, x in µm. The brain is
    seen from where it covers the larger area.
    """
    view = max(views(projection), key=lambda view: view.height_um * view.width_um)
    columns = min(2, len(outcomes))
    rows = -(-len(outcomes) // columns)
    across = WIDTH if columns == 2 else 0.75 * WIDTH
    across, tall = _fit(across, columns, view.height_um / view.width_um)
    shown = [kind for kind in LOOKS if any((t["outcome"] == kind).any() for t in outcomes.values())]
    with styled():
        drawing = Figure(figsize=(across, rows * (tall + 0.85) + 0.2 * len(shown) + 0.2))
        grid = drawing.subplots(rows, columns, squeeze=False).ravel()
        for spare in grid[len(outcomes) :]:
            spare.remove()
        for axis, (arm, table) in zip(grid, outcomes.items(), strict=False):
            _show(axis, view, channel=0)
            _draw_points(axis, view, table, shown)
            axis.set_title(title_lines(arm, across=2))
            axis.set(xlim=(0, view.width_um), ylim=(view.height_um, 0))
            _scale_bar(axis, view)
        if shown:
            _draw_legend(drawing, shown)
    return drawing


def _fit(across: float, columns: int, steepness: float) -> tuple[float, float]:
    """Width of a figure and height of its pictures in inches, for pictures of this height/width."""
    margin = 0.9 * columns
    tall = (across - margin) / columns * steepness
    if tall > TALLEST:
        across, tall = margin + (across - margin) * TALLEST / tall, TALLEST
    return max(across, NARROWEST), tall


def _draw_points(axis: Axes, view: View, table: pd.DataFrame, kinds: list[str]) -> None:
    area = float(np.clip(25_000 / max(len(table), 1), 5, 40))
    for kind in kinds:
        _, marker, color, filled = LOOKS[kind]
        points = table[table["outcome"] == kind]
        size = area * SIZES.get(kind, 1)
        look: dict[str, Any] = {"color": color}
        if not filled:
            look = {"facecolors": "none", "edgecolors": color}
        look["linewidths"] = np.clip(size**0.5 / 4, 0.6, 1.6)
        axis.scatter(points[view.across], points[view.down], s=size, marker=marker, **look)


def _draw_legend(drawing: Figure, kinds: list[str]) -> None:
    names = [LOOKS[kind][0] for kind in kinds]
    drawing.legend(
        [_handle(kind) for kind in kinds],
        names,
        loc="outside lower center",
        ncols=legend_columns(names, drawing),
        facecolor="#52606D",
        labelcolor="white",
        frameon=True,
        framealpha=1,
    )


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


def _show(axis: Axes, view: View, channel: int) -> None:
    # Logarithms show faint tissue and bright cells in one picture.
    logs = np.log1p(view.pictures[channel].astype(float))
    low, high = np.percentile(logs, [1, 99.8])
    extent = (0, view.width_um, view.height_um, 0)
    axis.imshow(logs, cmap="gray", vmin=low, vmax=max(high, low + 0.1), extent=extent)
    axis.set(xlabel=f"{view.across} (µm)", ylabel=f"{view.down} (µm)", anchor="W")
    axis.grid(False)


def _scale_bar(axis: Axes, view: View) -> None:
    length = round_length(view.width_um / 4)
    left, y = 0.04 * view.width_um, 0.94 * view.height_um
    for color, thickness in (("black", 7), ("white", 4)):
        line = axis.plot([left, left + length], [y, y], color=color, linewidth=thickness)
        line[0].set_solid_capstyle("butt")
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    axis.annotate(
        text,
        (left + length / 2, y),
        (0, 5),
        textcoords="offset points",
        ha="center",
        color="white",
        fontsize=9,
        bbox={"facecolor": "black", "alpha": 0.5, "pad": 1, "lw": 0},
    )


def round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, 50 ... that is not above `most`."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9)))
