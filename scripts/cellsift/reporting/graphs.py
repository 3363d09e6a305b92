"""Graphs of the index page."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cellsift.reporting.style import GREY, INK, OKABE_ITO, WIDTH, ArmStyle, styled

PANELS_ACROSS = 3
LEGEND_LINE = 0.25  # inches
TITLE_LETTERS = 80  # side by side over the whole width


def panels(
    count: int,
    height: float,
    across: int = PANELS_ACROSS,
    legend: Sequence[str] = (),
    **keywords,
) -> tuple:
    """A figure and a list of `count` axes in rows of `across`; fewer make a narrower figure.

    There is room for a legend of these names below.
    """
    rows, used = max(1, math.ceil(count / across)), max(1, min(count, across))
    drawing = Figure(figsize=(WIDTH * used / across, rows * height + 0.5))
    if legend:
        lines = math.ceil(len(legend) / legend_columns(legend, drawing))
        drawing.set_figheight(drawing.get_figheight() + LEGEND_LINE * lines)
    grid = drawing.subplots(rows, used, squeeze=False, **keywords).ravel()
    for spare in grid[count:]:
        spare.remove()
    return drawing, list(grid[:count])


def legend_columns(names: Sequence[str], drawing: Figure) -> int:
    """How many columns of these names fit side by side into a figure."""
    widest = 0.7 + 0.085 * max(map(len, names), default=0)
    return max(1, min(len(names), int(drawing.get_figwidth() / widest)))


def title_lines(name: str, across: int = PANELS_ACROSS) -> str:
    """A name as the title of one of `across` panels: a long one in lines, cut after "_"."""
    most = TITLE_LETTERS // across
    return "\n".join(re.findall(rf".{{1,{most}}}(?:(?<=_)|$)|.{{{most}}}", name))


def draw_curves(
    curves: pd.DataFrame, kind: str, styles: Mapping[str, ArmStyle], cell_share: Mapping[str, float]
) -> Figure:
    """ROC (`kind` "roc") or precision-recall curves, a panel for each brain.

    `curves` has the columns arm, brain, recall and false_positive_rate or precision; `cell_share`
    gives the share of cells among a brain's candidates, which guessing would reach as precision.
    """
    across, up = ("false_positive_rate", "recall") if kind == "roc" else ("recall", "precision")
    brains = list(dict.fromkeys(curves["brain"]))
    with styled():
        drawing, axes = panels(len(brains), 3.7, legend=[*styles, "guessing"])
        for axis, brain in zip(axes, brains, strict=True):
            part = curves[curves["brain"] == brain]
            _guessing(axis, kind, cell_share.get(brain))
            for arm, style in styles.items():
                line = part[part["arm"] == arm]
                axis.plot(line[across], line[up], label=arm, **style.line())
            axis.set(title=brain, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
            axis.set_xlabel(
                "artefacts taken for cells (share)" if kind == "roc" else "cells found (recall)"
            )
        for axis in axes[::PANELS_ACROSS]:
            axis.set_ylabel(
                "cells found (recall)" if kind == "roc" else "right among called (precision)"
            )
        _legend(drawing, styles, [Line2D([], [], color=INK, linewidth=0.8)], ["guessing"])
    return drawing


def _guessing(axis: Axes, kind: str, share: float | None) -> None:
    if kind == "roc":
        axis.plot([0, 1], [0, 1], color=INK, linewidth=0.8)
    elif share is not None and not math.isnan(share):
        axis.axhline(share, color=INK, linewidth=0.8)


def _legend(drawing: Figure, styles: Mapping[str, ArmStyle], more=(), names=()) -> None:
    handles = [Line2D([], [], **style.line()) for style in styles.values()]
    drawing.legend(
        [*handles, *more],
        [*styles, *names],
        loc="outside lower center",
        ncols=legend_columns([*styles, *names], drawing),
        handlelength=3.5,
    )


def draw_intervals(
    tidy: pd.DataFrame,
    metric: str,
    styles: Mapping[str, ArmStyle],
    ceiling: Mapping[str, tuple[float, float, float]] | None = None,
) -> Figure:
    """One metric of each arm as a point with its 95% interval, a panel for each brain.

    `ceiling` gives, by brain, what can be reached at most and its interval: an upright line.
    """
    rows = tidy[tidy["metric"] == metric]
    brains = list(dict.fromkeys(rows["brain"]))
    with styled():
        drawing, axes = panels(len(brains), 0.8 + 0.33 * len(styles), sharex=True)
        for axis, brain in zip(axes, brains, strict=True):
            part = rows[rows["brain"] == brain].set_index("arm")
            for number, (arm, style) in enumerate(styles.items()):
                if arm in part.index and not math.isnan(part.at[arm, "value"]):
                    _interval(axis, number, part.loc[arm], style)
            if ceiling and brain in ceiling:
                value, low, high = ceiling[brain]
                axis.axvspan(low, high, color=GREY, alpha=0.2, linewidth=0)
                axis.axvline(value, color=INK, linewidth=0.9, linestyle="--")
            axis.set(title=brain, ylim=(len(styles) - 0.4, -0.6), xlim=(-0.02, 1.02))
            axis.set_yticks(range(len(styles)), list(styles))
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
            axis.tick_params(axis="y", length=0)
            axis.grid(False, axis="y")
        for axis in axes[-PANELS_ACROSS:]:
            axis.set_xlabel("end-to-end F1 (0 to 1)" if metric == "f1" else metric)
            axis.tick_params(axis="x", labelbottom=True)
        for number, axis in enumerate(axes):
            if number % PANELS_ACROSS:
                axis.set_yticklabels([])
    return drawing


def _interval(axis: Axes, number: int, row: pd.Series, style: ArmStyle) -> None:
    axis.plot([row["low"], row["high"]], [number, number], color=style.color, linewidth=2)
    face = style.color if style.marker == "x" else "white"
    axis.plot(
        row["value"],
        number,
        style.marker,
        color=style.color,
        markerfacecolor=face,
        markersize=7,
        markeredgewidth=2,
    )


def draw_loss(histories: Mapping[str, Mapping[int, pd.DataFrame]]) -> Figure:
    """Training and validation loss over epochs; a panel for each arm, a colour for each fold.

    What is trained on is the arm's own loss, which may be a sum of several; what is left out is
    judged by the cross-entropy, of every arm alike. A history has the columns epoch, train_loss,
    validation_loss and average_precision; the epoch whose weights are used, the one of highest
    average precision, is marked.
    """
    folds = sorted({fold for runs in histories.values() for fold in runs})
    colors = {fold: OKABE_ITO[number % len(OKABE_ITO)] for number, fold in enumerate(folds)}
    names = [f"fold-{fold}" for fold in folds]
    kinds: dict[str, dict[str, Any]] = {
        "trained on (the arm's own loss)": {"linestyle": ":"},
        "left out (cross-entropy)": {"linestyle": "-"},
    }
    with styled():
        drawing, axes = panels(len(histories), 3.0, legend=[*names, *kinds, "weights kept"])
        for axis, (arm, runs) in zip(axes, histories.items(), strict=True):
            for fold, history in runs.items():
                color = colors[fold]
                axis.plot(history["epoch"], history["train_loss"], ":", color=color, linewidth=1.6)
                axis.plot(history["epoch"], history["validation_loss"], color=color, linewidth=1.6)
                best = history.loc[history["average_precision"].fillna(-1).idxmax()]
                axis.plot(best["epoch"], best["validation_loss"], "o", color=color, markersize=6)
            axis.set(title=title_lines(arm), xlabel="epoch", ylim=(0, None))
            axis.xaxis.get_major_locator().set_params(integer=True)
        for axis in axes[::PANELS_ACROSS]:
            axis.set_ylabel("loss")
        handles = [Line2D([], [], color=colors[fold], linewidth=3) for fold in folds]
        handles += [Line2D([], [], color=GREY, linewidth=1.6, **look) for look in kinds.values()]
        handles += [Line2D([], [], color=GREY, marker="o", linestyle="")]
        names = [*names, *kinds, "weights kept"]
        columns = legend_columns(names, drawing)
        drawing.legend(handles, names, loc="outside lower center", ncols=columns)
    return drawing


def draw_confusion(counts: pd.DataFrame) -> Figure:
    """What became of cells and artefacts: a matrix for each arm, counts with row percentages.

    `counts` has the columns arm, true_positive, false_positive, false_negative, true_negative.
    """
    with styled():
        drawing, axes = panels(len(counts), 2.6, across=4)
        for axis, row in zip(axes, counts.itertuples(index=False), strict=True):
            matrix = np.array(
                [
                    [row.true_positive, row.false_negative],
                    [row.false_positive, row.true_negative],
                ],
                float,
            )
            totals = matrix.sum(axis=1, keepdims=True)
            shares = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
            axis.imshow(shares, cmap="Blues", vmin=0, vmax=1.25)
            for (i, j), share in np.ndenumerate(shares):
                text = f"{int(matrix[i, j]):,}\n{share:.0%}"
                color = "white" if share > 0.7 else INK
                axis.text(j, i, text, ha="center", va="center", color=color, fontsize=11)
            axis.set(title=title_lines(row.arm, across=4), xlabel="classified as")
            axis.set_xticks([0, 1], ["cell", "no cell"])
            axis.set_yticks([0, 1], ["cell", "no cell"], rotation=90, va="center")
            axis.grid(False)
            axis.tick_params(length=0)
        for axis in axes[::4]:
            axis.set_ylabel("annotated as")
    return drawing


def draw_reliability(curve: pd.DataFrame, styles: Mapping[str, ArmStyle]) -> Figure:
    """How often candidates given a probability truly are cells; a panel for each arm.

    `curve` has the columns arm, p_cell, cell_share, low, high and candidates.
    """
    arms = [arm for arm in styles if arm in set(curve["arm"])]
    with styled():
        drawing, axes = panels(len(arms), 3.5)
        for axis, arm in zip(axes, arms, strict=True):
            part, style = curve[curve["arm"] == arm], styles[arm]
            axis.plot([0, 1], [0, 1], color=INK, linewidth=0.8)
            spread = [part["cell_share"] - part["low"], part["high"] - part["cell_share"]]
            axis.errorbar(
                part["p_cell"],
                part["cell_share"],
                np.clip(spread, 0, None),
                fmt=style.marker,
                color=style.color,
                linewidth=1.4,
                markersize=5,
            )
            axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")
            axis.set_title(title_lines(arm))
            axis.set_xlabel("p_cell given by the arm")
        for axis in axes[::PANELS_ACROSS]:
            axis.set_ylabel("share that are cells")
    return drawing
