"""The figure of how often intervals hold the truth, and how wide they are."""

import pandas as pd
from matplotlib.figure import Figure

from cellsift.reporting.style import GREY, WIDTH, arm_styles, styled


def draw(table: pd.DataFrame) -> Figure:
    """Coverage and width by the number of labels, a line for each number of blocks."""
    own = table[table["way"] == "cellsift"].assign(
        held=lambda t: (t["low"] <= t["truth"]) & (t["truth"] <= t["high"]),
        width=lambda t: (t["high"] - t["low"]) / t["truth"].clip(lower=1),
    )
    names = {blocks: f"{blocks} blocks" if blocks else "no block" for blocks in own["blocks"]}
    styles = arm_styles(dict.fromkeys(names.values()))
    places = {labels: place for place, labels in enumerate(sorted(own["labels"].unique()))}
    with styled():
        drawing = Figure(figsize=(WIDTH, 4.2))
        held, width = drawing.subplots(1, 2)
        held.axhspan(0.93, 0.97, color=GREY, alpha=0.25, linewidth=0, label="93 to 97%")
        for blocks, name in dict.fromkeys(names.items()):
            part = own[own["blocks"] == blocks].groupby("labels")
            at = [places[labels] for labels in part["held"].mean().index]
            look = styles[name].line() | {"marker": styles[name].marker}
            held.plot(at, part["held"].mean(), label=name, **look)
            width.plot(at, part["width"].median(), **look)
        for axis in (held, width):
            axis.set_xticks(list(places.values()), list(places))
            axis.set_xlabel("labelled candidates")
        held.set(ylim=(0.8, 1.0), ylabel="share of intervals that hold the truth")
        width.set(ylabel="median width of the interval / true number", yscale="log")
        width.set_yticks([0.1, 0.2, 0.5, 1, 2, 4], ["0.1", "0.2", "0.5", "1", "2", "4"])
        width.minorticks_off()
        drawing.legend(loc="outside lower center", ncols=4)
    return drawing
