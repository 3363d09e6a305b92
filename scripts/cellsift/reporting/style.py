"""One look for all figures: colours that colour-blind readers can tell apart, and line styles."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import matplotlib

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# Okabe and Ito's palette (jfly.uni-koeln.de/color), without its yellow, which is lost on white.
OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)), (0, (10, 3)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

GREY = "#6B7280"
INK = "#1F2933"
CELL = "#E69F00"
NO_CELL = "#56B4E9"
# The same on white paper, where the lighter blue is faint.
NO_CELL_INK = "#0072B2"
MISSED = "#FF6EC7"

# The figures are drawn for a text column this wide, in inches at 100 px each.
WIDTH = 11.0

SETTINGS: "dict[RcKeyType, Any]" = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9AA5B1",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E4E7EB",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "cellsift",
}

UNARRANGED: "dict[RcKeyType, Any]" = {
    "figure.constrained_layout.use": False,
    "figure.autolayout": False,
}


@dataclass(frozen=True)
class ArmStyle:
    """How the line and the points of one arm are drawn."""

    color: str
    dashes: object
    marker: str

    def line(self) -> dict:
        """Keywords for a matplotlib line."""
        return {"color": self.color, "linestyle": self.dashes, "linewidth": 1.8}


def arm_styles(arms: Iterable[str], baselines: Iterable[str] = ()) -> dict[str, ArmStyle]:
    """A style for each arm, in their order; arms named in `baselines` are grey and dotted.

    Colour, dashes and marker all differ between the first five arms, so that lines can be told
    apart without colour.
    """
    looks = cycle(zip(cycle(OKABE_ITO), cycle(DASHES), cycle(MARKERS), strict=False))
    baselines = set(baselines)
    return {
        arm: ArmStyle(GREY, ":", "x") if arm in baselines else ArmStyle(*next(looks))
        for arm in arms
    }


def styled():
    """A context in which matplotlib draws in this style."""
    return matplotlib.rc_context(SETTINGS)


def unarranged():
    """A context in which matplotlib arranges no figure, whatever the user's own settings are."""
    return matplotlib.rc_context(UNARRANGED)
