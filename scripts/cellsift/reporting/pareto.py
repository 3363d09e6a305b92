"""What accuracy costs: F1 of arms against the time that they take."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from cellsift.reporting.style import ArmStyle, styled

# F1 spans at least that much, so that differences of nothing do not look large.
LEAST_SPAN = 0.1


def draw_pareto(
    scores: pd.DataFrame, seconds: Mapping[str, float], styles: Mapping[str, ArmStyle], count: int
) -> Figure:
    """A mark for each arm; filled where no other is both faster and at least as good.

    `scores` has arm, value, low, high of F1; `seconds` says what `count` candidates take each.
    """
    front = on_front(scores.set_index("arm")["value"], seconds)
    with styled():
        drawing = Figure(figsize=(8.0, 4.0))
        axis = drawing.subplots()
        for row in scores.itertuples():
            look, time = styles[row.arm], seconds[row.arm]
            axis.plot([time, time], [row.low, row.high], color=look.color, linewidth=1.2)
            axis.plot(
                *(time, row.value, look.marker),
                color=look.color,
                markerfacecolor=look.color if row.arm in front else "white",
                markersize=8,
            )
            axis.annotate(
                row.arm, (time, row.value), (7, 4), textcoords="offset points", fontsize=9
            )
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.xaxis.set_minor_formatter(_some_steps)
        axis.set(xlabel=f"seconds for {count:,} candidates".replace(",", "\u202f"), ylabel="F1")
        axis.margins(x=0.18)
        low, high = float(scores["low"].min()), float(scores["high"].max())
        room = max(LEAST_SPAN - (high - low), 0.02) / 2
        axis.set_ylim(max(low - room, 0), min(high + room, 1.0) + 0.004)
    return drawing


def _some_steps(value: float, _: float) -> str:
    """2 and 5 between powers of ten, as there is room for no more."""
    return f"{value:g}" if f"{value:e}"[0] in "25" else ""


def on_front(f1: pd.Series, seconds: Mapping[str, float]) -> set[str]:
    """The arms that no other is both faster than and at least as good as.

    Example:
        >>> sorted(on_front(pd.Series({"a": 0.9, "b": 0.8, "c": 0.7}), {"a": 9, "b": 1, "c": 2}))
        ['a', 'b']
    """
    return {
        str(arm)
        for arm, value in f1.items()
        if not any(
            other != arm
            and seconds[str(other)] <= seconds[str(arm)]
            and f1[other] >= value
            and (seconds[str(other)], -f1[other]) != (seconds[str(arm)], -value)
            for other in f1.index
        )
    }
