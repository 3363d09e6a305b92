"""The numbers by which brains are compared, what each means and how far it differs by nature."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logit

from cellsift.evaluation.alarm.answers import answers_of
from cellsift.evaluation.alarm.doubles import cells_per_place

# What a group's deviation is told as.
GROUPS = {
    "voxels": "its voxels are of another size",
    "tissue": "its tissue is of another brightness or contrast",
    "sharpness": "it is of another sharpness or noise",
    "density": "its candidates lie more densely or more thinly",
    "candidates": "its candidates look otherwise",
    "answers": "the arms call another share of its candidates cells, or agree otherwise on which",
    "scores": "the arms are in doubt of another share of its candidates",
    "doubles": "many of its called cells lie closer together than in the train brains: the same "
    "cell may be counted twice or more",
}
# Groups that alarm only where a number is higher than in the train brains.
ONE_SIDED = ("doubles",)


@dataclass(frozen=True)
class Statistic:
    """A number of a brain.

    `floor` is by how much it differs between brains of one cohort, as a standard deviation on its
    `scale`: "log" (natural logarithm, so 0.35 is a factor of 1.4), "logit" or "plain". It is about
    the largest that was seen in the cohorts of reports/alarm.md, whose false alarms are counted
    there as well.
    """

    group: str
    floor: float
    scale: str
    words: str


STATISTICS = {
    "voxel_z": Statistic("voxels", 0.1, "log", "depth of a voxel in µm"),
    "voxel_plane": Statistic("voxels", 0.1, "log", "width of a voxel in µm"),
    "intensity": Statistic("tissue", 0.4, "log", "median intensity of the tissue"),
    "intensity_spread": Statistic(
        "tissue", 0.25, "log", "spread of the tissue's intensity, as a share of it"
    ),
    "contrast": Statistic("tissue", 0.35, "log", "contrast of the tissue at the size of somata"),
    "spots": Statistic("tissue", 0.35, "log", "contrast of the brightest spots"),
    "channels": Statistic("tissue", 0.4, "log", "signal over background"),
    "noise": Statistic("sharpness", 0.35, "log", "noise, as a share of the intensity"),
    "fineness": Statistic("sharpness", 0.35, "log", "fine detail over detail as large as somata"),
    "length_plane": Statistic("sharpness", 0.3, "log", "µm over which a plane loses its likeness"),
    "length_z": Statistic(
        "sharpness", 0.35, "log", "µm over which planes lose their likeness to each other"
    ),
    "per_mm3": Statistic("density", 0.6, "log", "candidates per mm³ around a candidate"),
    "called": Statistic("answers", 0.8, "logit", "share of the candidates called cells"),
    "doubtful": Statistic("scores", 0.7, "logit", "share of the candidates in doubt"),
    "shared": Statistic("answers", 0.6, "logit", "share of cells that two arms have in common"),
    "per_place": Statistic(
        "doubles",
        0.05,
        "log",
        "called cells at one place, much nearer to each other than to others",
    ),
}
# Of each feature of the candidates: its middle in widths of its distribution, and that width.
MIDDLE, WIDTH = Statistic("candidates", 0.45, "plain", ""), Statistic("candidates", 0.35, "log", "")
NARROWEST = 1e-3
# 10% and 90% quantile of a normal distribution lie that many standard deviations apart; variance
# of its median, and of the logarithm of that width, times the number of values.
APART, OF_MEDIAN, OF_WIDTH = 2.563, 1.57, 1.1


def statistics_of(
    appearance: Mapping[str, Any], scored: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return the numbers of a brain: value and variance, by statistic.

    Values are on the statistic's scale; `variance` is what chance alone gives them. Names of
    features' numbers are "middle of FEATURE" and "width of FEATURE".

    Args:
        appearance: what `appearance.brain.describe_brain` returned.
        scored: by arm, the classified candidates (z, y, x, p_cell, is_cell); without arms made of
            others, which say nothing new.
    """
    rows = {
        "voxel_z": (np.log(appearance["voxel_size"][0]), 0.0),
        "voxel_plane": (np.log(appearance["voxel_size"][1] * appearance["voxel_size"][2]) / 2, 0.0),
        "per_mm3": (_log(appearance["candidates"]["per_mm3"]), 0.0),
    }
    tissue = {name: _number(value) for name, value in appearance["tissue"].items()}
    if "background_intensity" in tissue:
        ratio = tissue["intensity"] - tissue.pop("background_intensity")
        rows["channels"] = (ratio, 0.0)
    rows |= {name: (value, 0.0) for name, value in tissue.items()}
    rows |= {
        name: (float(logit(share)), variance)
        for name, (share, variance) in answers_of(scored).items()
    }
    z, y, x = appearance["voxel_size"]
    rows["per_place"] = cells_per_place(scored, (z, y, x))
    measured = max(appearance["candidates"]["measured"], 1)
    for name, quantiles in appearance["features"].items():
        low, middle, high = map(_number, quantiles)
        width = max((high - low) / APART, NARROWEST)
        rows[f"middle of {name}"] = (middle, OF_MEDIAN * width**2 / measured)
        rows[f"width of {name}"] = (float(np.log(width)), OF_WIDTH / measured)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "variance"])


def statistic_of(name: str) -> Statistic:
    """What is known of a statistic."""
    if name in STATISTICS:
        return STATISTICS[name]
    kind, feature = name.split(" of ", 1)
    said = f"{kind} of the feature {feature}"
    known = MIDDLE if kind == "middle" else WIDTH
    return Statistic(known.group, known.floor, known.scale, said)


def floors_of(train: pd.DataFrame) -> pd.Series:
    """The floor of each statistic beside these train brains (statistic, brain), as a deviation.

    The middle of a feature differs in proportion to its width in the train brains.
    """
    floors = {}
    for name in train.index:
        floor = statistic_of(name).floor
        if name.startswith("middle of "):
            floor *= float(np.exp(train.loc[name.replace("middle", "width", 1)].mean()))
        floors[name] = floor
    return pd.Series(floors, dtype=float)


def _log(value: float | None) -> float:
    return float("nan") if value is None or value <= 0 else float(np.log(value))


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
