"""A picture of examples: what the classifier saw, and where its evidence lies."""

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

from cellsift.explain.selection import KINDS

HEADINGS = {
    "cell": "Cells, rightly called cells: from the surest to the most doubtful",
    "artefact": "Artefacts, rightly called no cell: from the surest to the most doubtful",
    "false positive": "Errors: no cells, but called cells (false positives), the surest first",
    "false negative": "Errors: cells, but called no cell (false negatives), the surest first",
    "called a cell": "Not annotated, called cells: from the surest to the most doubtful",
    "called no cell": "Not annotated, called no cell: from the surest to the most doubtful",
}
NOTE = (
    "The candidate is in the middle, where the blue ticks point. {shown}\n"
    "{method}: evidence for the verdict given, that is, for a cell where it was called a cell, "
    "against one\nwhere it was called none."
)
SHOWN_OF_ONE_PLANE = "Numbers are the intensities shown as black and white."
SHOWN_OF_SEVERAL_PLANES = (
    "Each picture shows the largest value along the line of sight;\n"
    "numbers are the intensities shown as black and white."
)
COLOURS = "magma"
OVERLAY_OPACITY = 0.75
INK, TICKS = "#1F2933", "#56B4E9"
STYLE: dict[str, Any] = {"color": INK, "size": 9, "va": "baseline"}

# Inches.
WIDTH, TEXT_WIDTH, GAP, MARGIN = 10.5, 1.75, 0.08, 0.15
HEADING_HEIGHT, TOP_HEIGHT, BOTTOM_HEIGHT = 0.38, 0.85, 1.0
LARGEST_ROW = 1.5
LINE_LENGTH = 23
# Of its height; in a narrower side view numbers and ticks have no room.
NARROWEST_SIDE_VIEW = 0.25


@dataclass(frozen=True)
class _Column:
    """One column of pictures: which data it shows, seen along which axis."""

    title: str
    channel: int  # of the cuboid
    axis: int  # 0 looks along z, from above; 2 along x, from the side
    saliency: bool = False


def draw_montage(
    examples: pd.DataFrame,
    cuboids: np.ndarray,
    saliency: np.ndarray,
    voxel_size: tuple[float, float, float],
    title: str = "",
    method: str = "Grad-CAM",
) -> Figure:
    """Return a figure with one row per example, grouped by kind.

    Columns: signal from above (largest value along z) and from the side (along x, so that y runs
    down in both), background where there is one, and saliency laid over the signal, in both views.
    There is no view from the side of single planes, nor of cuboids more than four times as high as
    deep. All pictures have the same scale in µm. Kinds of `KINDS` without an example are named as
    such.

    Args:
        examples: columns kind and p_cell; brain, candidate and padded are shown where there.
        cuboids: raw intensities (n, channel, z, y, x), row i for example i.
        saliency: (n, z, y, x) from 0 to 1.
        voxel_size: of the cuboids, µm, z, y, x.
        title: above the figure.
        method: by which the saliency was found.
    """
    channels, planes = cuboids.shape[1:3]
    extent = np.array(cuboids.shape[2:]) * np.array(voxel_size)
    columns = _columns(channels, planes, extent, method)
    scale = _inches_per_um(columns, extent)
    groups = _groups(examples)
    height = TOP_HEIGHT + BOTTOM_HEIGHT + len(groups) * HEADING_HEIGHT
    height += len(examples) * (extent[1] * scale + GAP)
    page = _Page(Figure(figsize=(WIDTH, height), facecolor="white"))
    page.text(MARGIN, 0.3, title, size=13, weight="bold")
    _write_column_titles(page, columns, extent * scale)
    top = TOP_HEIGHT
    for kind, rows in groups:
        heading = HEADINGS[kind] + ("" if len(rows) else " (there are none)")
        page.text(MARGIN, top + HEADING_HEIGHT - 0.12, heading, size=10.5, weight="bold")
        top += HEADING_HEIGHT
        for row in rows:
            _draw_row(page, top, examples.iloc[row], cuboids[row], saliency[row], columns, extent)
            top += extent[1] * scale + GAP
    _draw_foot(page, top, planes, method)
    return page.figure


class _Page:
    """A figure addressed in inches from its upper left corner."""

    def __init__(self, figure: Figure):
        self.figure = figure
        self.width, self.height = figure.get_size_inches()

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self.height - top - height
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        return self.figure.add_axes(box)

    def text(self, left: float, top: float, text: str, **style: Any) -> None:
        self.figure.text(left / self.width, 1 - top / self.height, text, **STYLE | style)


def _columns(channels: int, planes: int, extent: np.ndarray, method: str) -> list[_Column]:
    above = "" if planes == 1 else "\nfrom above"
    columns = [
        _Column(f"Signal{above}", 0, 0),
        _Column("Signal\nfrom the side", 0, 2),
        _Column(f"Background{above}", 1, 0),
        _Column(f"{method}{above}", 0, 0, saliency=True),
        _Column(f"{method}\nfrom the side", 0, 2, saliency=True),
    ]
    has_side = planes > 1 and extent[0] >= NARROWEST_SIDE_VIEW * extent[1]
    return [c for c in columns if c.channel < channels and (c.axis == 0 or has_side)]


def _across(column: _Column, extent: np.ndarray) -> float:
    """The horizontal size of a column's pictures: x from above, z from the side."""
    return extent[2] if column.axis == 0 else extent[0]


def _inches_per_um(columns: list[_Column], extent: np.ndarray) -> float:
    room = WIDTH - 2 * MARGIN - TEXT_WIDTH - GAP * len(columns)
    return min(room / sum(_across(c, extent) for c in columns), LARGEST_ROW / extent[1])


def _groups(examples: pd.DataFrame) -> list[tuple[str, np.ndarray]]:
    kinds = examples["kind"].to_numpy()
    annotated = np.isin(kinds, KINDS).any()
    return [
        (kind, np.flatnonzero(kinds == kind))
        for kind in HEADINGS
        if kind in kinds or (annotated and kind in KINDS)
    ]


def _write_column_titles(page: _Page, columns: list[_Column], inches: np.ndarray) -> None:
    left = MARGIN + TEXT_WIDTH
    for column in columns:
        width = _across(column, inches)
        page.text(left + width / 2, TOP_HEIGHT, column.title, ha="center", va="bottom")
        left += width + GAP


def _draw_row(
    page: _Page,
    top: float,
    example: pd.Series,
    cuboid: np.ndarray,
    saliency: np.ndarray,
    columns: list[_Column],
    extent: np.ndarray,
) -> None:
    scale = _inches_per_um(columns, extent)
    page.text(MARGIN, top + 0.05, _describe(example), va="top", linespacing=1.45)
    left = MARGIN + TEXT_WIDTH
    for number, column in enumerate(columns):
        width = _across(column, extent)
        axes = page.axes(left, top, width * scale, extent[1] * scale)
        _draw_picture(axes, column, cuboid, saliency, width, extent[1])
        if number == 0:
            _draw_scale_bar(axes, width, extent[1])
        left += width * scale + GAP


def _draw_picture(
    axes: Axes,
    column: _Column,
    cuboid: np.ndarray,
    saliency: np.ndarray,
    width: float,
    height: float,
) -> None:
    box = (0, width, height, 0)
    picture = _projection(cuboid[column.channel], column.axis)
    low, high = np.percentile(picture, [1, 99.8])
    axes.imshow(picture, cmap="gray", vmin=low, vmax=max(high, low + 1), extent=box)
    if column.saliency:
        strength = _projection(saliency, column.axis)
        axes.imshow(
            strength,
            cmap=COLOURS,
            vmin=0,
            vmax=1,
            extent=box,
            alpha=OVERLAY_OPACITY * np.clip(strength, 0, 1),
            interpolation="bilinear",
        )
        if not saliency.any():
            _annotate(axes, 0.04, 0.04, "no evidence found", ha="left")
    else:
        _draw_ticks(axes, width, height)
        _annotate(axes, 0.97, 0.04, f"{low:.0f}\N{EN DASH}{high:.0f}", ha="right")
    axes.set_axis_off()


def _projection(data: np.ndarray, axis: int) -> np.ndarray:
    """The largest values of (z, y, x) along an axis; y runs down the result."""
    flat = data.max(axis=axis)
    return flat.T if axis == 2 else flat


def _draw_ticks(axes: Axes, width: float, height: float) -> None:
    """Short lines at the four edges that point at the middle."""
    length = 0.08 * min(width, height)
    for x in ([0, length], [width - length, width]):
        axes.plot(x, [height / 2] * 2, color=TICKS, lw=1.5)
    for y in ([0, length], [height - length, height]):
        axes.plot([width / 2] * 2, y, color=TICKS, lw=1.5)


def _draw_scale_bar(axes: Axes, width: float, height: float) -> None:
    length = _round_length(width * 0.4)
    left, y = 0.04 * width, 0.95 * height
    # A dark bar under the white one keeps it visible on bright tissue.
    for colour, thickness in (("black", 4.5), ("white", 2.5)):
        axes.plot([left, left + length], [y, y], color=colour, lw=thickness, solid_capstyle="butt")
    _annotate(axes, 0.04, 0.1, f"{length:g} µm", ha="left")


def _annotate(axes: Axes, x: float, y: float, text: str, ha: str) -> None:
    box = {"facecolor": "black", "alpha": 0.55, "pad": 1, "linewidth": 0}
    axes.text(x, y, text, transform=axes.transAxes, color="white", size=7, ha=ha, bbox=box)


def _round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is not above `most`."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most))


def _describe(example: pd.Series) -> str:
    lines = [f"p(cell) {_probability(example['p_cell'])}"]
    if "brain" in example:
        lines += textwrap.wrap(f"brain {example['brain']}", LINE_LENGTH)
    if "candidate" in example:
        lines.append(f"candidate {example['candidate']}")
    if example.get("padded", False):
        lines.append("at the border, filled up")
    return "\n".join(lines)


def _probability(p: float) -> str:
    if 0.001 <= p <= 0.999:
        return f"{p:.3f}"
    return "below 0.001" if p < 0.001 else "above 0.999"


def _draw_foot(page: _Page, top: float, planes: int, method: str) -> None:
    if top == TOP_HEIGHT:
        page.text(MARGIN, top + 0.5, "There are no candidates to show.")
        return
    shown = SHOWN_OF_ONE_PLANE if planes == 1 else SHOWN_OF_SEVERAL_PLANES
    note = NOTE.format(shown=shown, method=method)
    page.text(MARGIN, top + 0.2, note, va="top", size=8.5, linespacing=1.4)
    axes = page.axes(page.width - MARGIN - 2.6, top + 0.25, 2.0, 0.12)
    colours = ScalarMappable(cmap=colormaps[COLOURS])
    page.figure.colorbar(colours, cax=axes, orientation="horizontal")
    axes.set_xticks([0, 1], ["no evidence", "strongest place"], size=8)
