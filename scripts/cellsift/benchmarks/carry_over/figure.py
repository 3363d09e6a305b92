"""The picture of what labels of a brain are worth."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellsift.benchmarks.carry_over.measures import BRAIN, gap_closed
from cellsift.reporting.style import GREY, INK, WIDTH, arm_styles, styled


def draw_gaps(drawn: pd.DataFrame, path: Path) -> None:
    """Draw, by number of labels, the share of the gap that is closed and each brain's change.

    `drawn` is what `draw_rows` gives of all brains, joined. Written as PNG.
    """
    with styled():
        figure = Figure(figsize=(WIDTH, 4.2))
        _draw(drawn, *figure.subplots(1, 2))
        figure.legend(loc="outside lower center", ncols=3)
        figure.savefig(path, dpi=100, format="png")


def _draw(drawn: pd.DataFrame, left: Axes, right: Axes) -> None:
    closed = gap_closed(drawn, [])
    styles = arm_styles(dict.fromkeys(closed["way"]))
    for way, rows in closed.groupby("way", sort=False):
        look = styles[str(way)].line() | {"marker": styles[str(way)].marker}
        left.plot(rows["labels"], 100 * rows["closed"], label=way, **look)
    left.axhline(60, color=GREY, linestyle=":")
    left.set(xlabel="labels", ylabel="gap closed, %", xscale="log")
    first = drawn[drawn["way"] == drawn["way"].iloc[0]]
    gain = (first["f1"] - first["today"]).groupby([first[k] for k in [*BRAIN, "labels"]]).mean()
    for _, of_brain in gain.groupby(level=BRAIN):
        labels = of_brain.index.get_level_values("labels")
        right.plot(labels, of_brain.to_numpy(), color=INK, alpha=0.4)
    right.axhline(0, color=GREY)
    right.axhline(-0.01, color=GREY, linestyle=":")
    right.set(xlabel="labels", ylabel=f"change of F1: {first['way'].iloc[0]}", xscale="log")
    for axes in (left, right):
        ticks = np.unique(drawn["labels"])
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
