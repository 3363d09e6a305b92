"""Pictures of a brain with its annotated cells, found and missed, and with its candidates."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from cellsift.io.axes import AXES
from cellsift.reporting.detection_views import DetectionViews
from cellsift.reporting.graphs import legend_columns
from cellsift.reporting.maps import round_length, views
from cellsift.reporting.projections import Projection
from cellsift.reporting.style import CELL, MISSED, NO_CELL, WIDTH, styled

ACROSS = 3
FOUND_CELL, MISSED_CELL, OTHER = "annotated cell, found", "annotated cell, missed", "no cell there"
PARTNER = "candidate that found it"
# Marker, colour, area in points and width of the line: open, so that the soma is seen within.
LOOKS: dict[str, tuple[str, str, float, float]] = {
    OTHER: ("v", NO_CELL, 45, 1.5),
    PARTNER: (".", CELL, 14, 1),
    FOUND_CELL: ("o", CELL, 150, 1.4),
    MISSED_CELL: ("s", MISSED, 150, 2),
}
FILLED = {PARTNER}
PLACES = "places shown below"


def other_name(partial: bool) -> str:
    """What candidates that found no annotated cell are called."""
    return "candidate, nothing annotated there" if partial else "candidate without a cell"


def draw_places(shown: DetectionViews, partial: bool = False) -> Figure:
    """The places of a brain side by side: the brightest voxel of some planes, with all marks.

    Axes are in voxels of the signal, so that a place can be looked up. Each picture has its own
    black and white, on a logarithmic scale.
    """
    places = shown.places
    rows = -(-len(places) // ACROSS)
    height_um = shown.size[1] * shown.voxel_size[1]
    steepness = height_um / (shown.size[2] * shown.voxel_size[2])
    used = min(len(places), ACROSS)
    width = WIDTH * used / ACROSS
    with styled():
        # Room for titles and ticks beside the pictures.
        tall = (WIDTH / ACROSS - 0.55) * min(steepness, 2) + 0.75
        drawing = Figure(figsize=(max(width, 6.5), rows * tall + 0.5))
        grid = drawing.subplots(rows, used, squeeze=False).ravel()
        for spare in grid[len(places) :]:
            spare.remove()
        for number, (axis, place) in enumerate(zip(grid, places, strict=False), 1):
            _show(axis, shown, number - 1)
            held = place.holds(shown.candidates)
            cells = place.holds(shown.annotated)
            marks = {
                OTHER: shown.candidates[held & ~shown.matched],
                PARTNER: shown.candidates[held & shown.matched],
                FOUND_CELL: shown.annotated[cells & shown.found],
                MISSED_CELL: shown.annotated[cells & ~shown.found],
            }
            for kind, points in marks.items():
                _mark(axis, kind, points[:, 2], points[:, 1])
            first, last = place.corner[0], place.corner[0] + place.size[0] - 1
            planes = f"z {first}" if first == last else f"z {first} to {last}"
            axis.set_title(f"{number}  {planes}: {place.kind}")
        _legend(drawing, {kind: kind for kind in LOOKS} | {OTHER: other_name(partial)})
    return drawing


def draw_overview(projection: Projection, shown: DetectionViews) -> Figure:
    """The brain from its broadest side with all annotated cells, and where the places are."""
    view = max(views(projection), key=lambda view: view.height_um * view.width_um)
    steepness = view.height_um / view.width_um
    across = min(0.75 * WIDTH, 8.0 / steepness + 0.8)
    with styled():
        size = max(across, 4.5), max(across - 0.8, 1) * steepness + 1.3
        drawing = Figure(figsize=size)
        axis = drawing.subplots()
        extent = (0, view.width_um, view.height_um, 0)
        _image(axis, view.pictures[0], extent)
        _bar(axis, view.width_um, 1)
        down, right = AXES.index(view.down), AXES.index(view.across)
        area = float(np.clip(30_000 / max(len(shown.annotated), 1), 8, 60))
        for kind, points in (
            (FOUND_CELL, shown.annotated[shown.found]),
            (MISSED_CELL, shown.annotated[~shown.found]),
        ):
            places = (points + 0.5) * shown.voxel_size
            _mark(axis, kind, places[:, right], places[:, down], area)
        _frames(axis, shown, right, down)
        axis.set(xlabel=f"{view.across} (µm)", ylabel=f"{view.down} (µm)", title=view.title)
        axis.set(xlim=(0, view.width_um), ylim=(view.height_um, 0))
        _legend(drawing, {FOUND_CELL: FOUND_CELL, MISSED_CELL: MISSED_CELL})
    return drawing


def _frames(axis: Axes, shown: DetectionViews, right: int, down: int) -> None:
    """The places with their numbers; those that lie behind each other share a frame."""
    sizes = np.array(shown.voxel_size)
    numbers: dict[tuple[float, float], list[str]] = {}
    for number, place in enumerate(shown.places, 1):
        corner = place.corner * sizes
        numbers.setdefault((corner[right], corner[down]), []).append(str(number))
    width, height = (shown.size[i] * sizes[i] for i in (right, down))
    for at, held in numbers.items():
        axis.add_patch(Rectangle(at, width, height, fill=False, ec="white", lw=1.2))
        axis.annotate(
            ", ".join(held),
            at,
            (3, -3),
            textcoords="offset points",
            va="top",
            color="white",
            fontweight="bold",
            bbox={"facecolor": "black", "alpha": 0.6, "pad": 1.5, "lw": 0},
        )


def _show(axis: Axes, shown: DetectionViews, number: int) -> None:
    picture, (_, y, x) = shown.pictures[number], shown.corners[number]
    height, width = picture.shape
    extent = (x - 0.5, x + width - 0.5, y + height - 0.5, y - 0.5)
    _image(axis, picture, extent)
    axis.set_aspect(shown.voxel_size[1] / shown.voxel_size[2])
    axis.set(xlim=extent[:2], ylim=extent[2:])
    _bar(axis, width * shown.voxel_size[2], shown.voxel_size[2])
    axis.locator_params(nbins=4, integer=True)
    if number % ACROSS == 0:
        axis.set_ylabel("y (voxels)")
    axis.set_xlabel("x (voxels)")


def _image(axis: Axes, picture: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    logs = np.log1p(picture.astype(float))
    low, high = np.percentile(logs, [1, 99.8])
    # White is at least twice as bright as black: else noise fills a picture without a cell.
    white = max(high, low + np.log(2))
    axis.imshow(logs, cmap="gray", vmin=low, vmax=white, extent=extent, interpolation="nearest")
    axis.grid(False)


def _mark(axis: Axes, kind: str, x: np.ndarray, y: np.ndarray, area: float | None = None) -> None:
    marker, color, usual, line = LOOKS[kind]
    look: dict[str, Any] = {"color": color}
    if kind not in FILLED:
        look = {"facecolors": "none", "edgecolors": color, "linewidths": line}
    axis.scatter(x, y, s=usual if area is None else area, marker=marker, **look)


def _bar(axis: Axes, width_um: float, um_per_unit: float) -> None:
    length = round_length(width_um / 4)
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    bar = AnchoredSizeBar(
        axis.transData,
        length / um_per_unit,
        text,
        "lower left",
        color="white",
        pad=0.4,
        sep=3,
        size_vertical=abs(np.ptp(axis.get_ylim())) / 120,
    )
    bar.patch.set(facecolor="black", alpha=0.55, linewidth=0)
    axis.add_artist(bar)


def _legend(drawing: Figure, names: dict[str, str]) -> None:
    drawing.legend(
        [_handle(kind) for kind in names],
        list(names.values()),
        loc="outside lower center",
        ncols=legend_columns(list(names.values()), drawing),
        facecolor="#52606D",
        labelcolor="white",
        frameon=True,
        framealpha=1,
    )


def _handle(kind: str) -> Line2D:
    marker, color, _, line = LOOKS[kind]
    return Line2D(
        [],
        [],
        linestyle="",
        marker=marker,
        markersize=9,
        markeredgecolor=color,
        markerfacecolor=color if kind in FILLED else "none",
        markeredgewidth=line,
    )
