"""The picture of what labels of a brain are worth."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellsift.benchmarks.carry_over.measures import BRAIN, gap_closed


def draw_gaps(drawn: pd.DataFrame, path: Path) -> None:
    """Draw, by number of labels, the share of the gap that is closed and each brain's change.

    `drawn` is what `draw_rows` gives of all brains, joined. Written as PNG.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for way, rows in gap_closed(drawn, []).groupby("way", sort=False):
        left.plot(rows["labels"], 100 * rows["closed"], marker="o", label=way)
    left.axhline(60, color="0.6", linestyle=":")
    left.set(xlabel="labels", ylabel="gap closed, %", xscale="log")
    left.legend(frameon=False, fontsize=8)
    first = drawn[drawn["way"] == drawn["way"].iloc[0]]
    gain = (first["f1"] - first["today"]).groupby([first[k] for k in [*BRAIN, "labels"]]).mean()
    for _, of_brain in gain.groupby(level=BRAIN):
        labels = of_brain.index.get_level_values("labels")
        right.plot(labels, of_brain.to_numpy(), color="C0", alpha=0.4)
    right.axhline(0, color="0.6")
    right.axhline(-0.01, color="0.6", linestyle=":")
    right.set(xlabel="labels", ylabel=f"change of F1: {first['way'].iloc[0]}", xscale="log")
    for axes in (left, right):
        ticks = np.unique(drawn["labels"])
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.minorticks_off()
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110, format="png")
