"""Graphs of the page of detection."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from cellsift.reporting.detection_views import DetectionViews
from cellsift.reporting.graphs import PANELS_ACROSS, panels, title_lines
from cellsift.reporting.style import (
    CELL,
    GREY,
    INK,
    MARKERS,
    NO_CELL_INK,
    OKABE_ITO,
    WIDTH,
    styled,
)

# What detection should reach, and at what price.
GOOD_RECALL, MANY_PER_CELL = 0.9, 4
# From this ratio of the largest to the smallest on, candidates per cell are drawn as logarithms.
WIDE_RANGE = 30
# Up to this ratio contrasts are drawn as they are.
NARROW_RANGE = 4
PURPLE = "#882255"


def draw_curves(curves: pd.DataFrame, brains: Sequence[Mapping[str, Any]]) -> Figure:
    """Recall against candidates per annotated cell as contrast falls, a panel for each brain.

    `curves` has the columns brain, contrast, candidates, recall; `brains` are those of
    `evaluation.detection_summary`. What is in use is marked. Of a brain that is annotated in part
    the candidates are counted, as nobody knows how many cells it has.
    """
    with styled():
        drawing, axes = panels(len(brains), 3.4, legend=["in use"])
        for axis, brain in zip(axes, brains, strict=True):
            part = curves[curves["brain"] == brain["brain"]]
            unit = 1 if brain["partial"] else max(brain["annotated"], 1)
            across = part["candidates"] / unit
            axis.plot(across, part["recall"], color=OKABE_ITO[0], linewidth=2)
            if brain["recall"] is not None:
                axis.plot(brain["candidates"] / unit, brain["recall"], "o", color=INK, markersize=8)
            _wishes(axis, brain["partial"])
            axis.set_title(title_lines(f"brain {brain['brain']}"))
            axis.set_ylim(-0.02, 1.04)
            least = 1 if brain["partial"] else 1.3 * MANY_PER_CELL
            axis.set_xlim(0, max(across.max() * 1.05 if len(across) else 0, least))
            if len(across) and not brain["partial"] and across.max() > WIDE_RANGE:
                _logarithmic(axis)
                axis.set_xlim(across.min(), across.max() * 1.15)
            axis.set_xlabel("candidates" if brain["partial"] else "candidates per annotated cell")
        for axis in axes[::PANELS_ACROSS]:
            axis.set_ylabel("annotated cells with a candidate\n(recall of detection)")
        mark = Line2D([], [], linestyle="", marker="o", color=INK, markersize=8)
        wish = Line2D([], [], color=GREY, linestyle=":", linewidth=1.4)
        names = ["in use", f"recall {GOOD_RECALL:g}, {MANY_PER_CELL} candidates per cell"]
        drawing.legend([mark, wish], names, loc="outside lower center", ncols=2)
    return drawing


def _logarithmic(axis: Axes) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())


def _wishes(axis: Axes, partial: bool) -> None:
    axis.axhline(GOOD_RECALL, color=GREY, linestyle=":", linewidth=1.4)
    if not partial:
        axis.axvline(MANY_PER_CELL, color=GREY, linestyle=":", linewidth=1.4)


def draw_contrasts(shown: DetectionViews, threshold: float | None, partial: bool) -> Figure:
    """How many candidates have which contrast, and below it the contrast of annotated cells.

    Candidates that are an annotated cell are filled, others an outline. Each annotated cell is a
    point, the missed ones in a row of their own. `threshold` is the least contrast in use.
    """
    other = "candidates, nothing annotated there" if partial else "candidates without a cell"
    with styled():
        drawing = Figure(figsize=(0.8 * WIDTH, 4.6))
        above, below = drawing.subplots(2, sharex=True, height_ratios=(2, 1))
        above.stairs(
            shown.without_cell,
            shown.edges,
            color=NO_CELL_INK,
            linewidth=1.8,
            baseline=None,
            label=other,
            zorder=2,
        )
        above.stairs(
            shown.with_cell,
            shown.edges,
            fill=True,
            facecolor=CELL,
            edgecolor="#8A5A00",
            hatch="///",
            linewidth=0.8,
            zorder=1,
            label="candidates that are an annotated cell",
        )
        above.set_ylabel("candidates")
        above.yaxis.get_major_locator().set_params(integer=True)
        _strip(below, shown.cell_contrast, shown.found)
        low = _lowest(shown)
        if shown.edges[0] > 0 and shown.edges[-1] > NARROW_RANGE * low:
            _logarithmic(above)
            above.set_xlim(low, None)
        if threshold is not None:
            for axis in (above, below):
                axis.axvline(threshold, color=INK, linewidth=1.2, linestyle="--")
            above.plot([], [], color=INK, linewidth=1.2, linestyle="--", label="least contrast")
        below.set_xlabel("contrast to the surroundings (difference of log intensities)")
        drawing.legend(loc="outside lower center", ncols=2)
    return drawing


def _lowest(shown: DetectionViews) -> float:
    """Where the axis of contrasts begins: cells that do not stand out at all lie at its edge."""
    known = shown.cell_contrast[np.isfinite(shown.cell_contrast) & (shown.cell_contrast > 0)]
    least = min([shown.edges[0], *known])
    return max(least, shown.edges[-1] / 1000) * 0.9


def _strip(axis: Axes, contrast: np.ndarray, found: np.ndarray) -> None:
    rows = (("found", found, "o", "#8A5A00"), ("missed", ~found, "s", PURPLE))
    for height, (_, which, marker, color) in enumerate(rows):
        values = contrast[which & np.isfinite(contrast)]
        jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(values))
        axis.scatter(
            values,
            height + jitter,
            s=14,
            marker=marker,
            facecolors="none",
            edgecolors=color,
            linewidths=0.8,
            alpha=0.8,
        )
    axis.set_yticks([0, 1], ["cells found", "cells missed"])
    axis.set_ylim(1.6, -0.6)
    axis.grid(False, axis="y")


def draw_trials(
    trials: pd.DataFrame, chosen: int | None, wished_recall: float = GOOD_RECALL
) -> Figure:
    """Recall against candidates per cell of each setting that a search has tried.

    `trials` has the columns trial, method, recall and candidates_per_cell; a setting that failed
    has no numbers and is left out. Methods differ in shape and colour; `chosen` is a number of a
    trial, which is ringed.
    """
    known = trials.dropna(subset=["recall", "candidates_per_cell"])
    with styled():
        drawing = Figure(figsize=(0.8 * WIDTH, 4.4))
        axis = drawing.subplots()
        for number, (method, part) in enumerate(known.groupby("method", sort=True)):
            axis.scatter(
                part["candidates_per_cell"],
                part["recall"],
                s=34,
                marker=MARKERS[number % len(MARKERS)],
                facecolors="none",
                edgecolors=OKABE_ITO[number % len(OKABE_ITO)],
                linewidths=1.5,
                label=str(method),
            )
        best = known[known["trial"] == chosen]
        if len(best):
            axis.scatter(
                best["candidates_per_cell"],
                best["recall"],
                s=230,
                facecolors="none",
                edgecolors=INK,
                linewidths=2,
                label="chosen",
            )
        axis.axhline(
            wished_recall, color=GREY, linestyle=":", linewidth=1.4, label="recall wished for"
        )
        axis.set(
            xlabel="candidates per annotated cell",
            ylabel="annotated cells with a candidate\n(recall of detection)",
            ylim=(-0.03, 1.05),
        )
        across = known["candidates_per_cell"]
        across = across[across > 0]
        if len(across) and across.max() > WIDE_RANGE * across.min():
            _logarithmic(axis)
        drawing.legend(loc="outside lower center", ncols=4)
    return drawing
