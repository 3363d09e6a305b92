"""An ensemble arm as a whole: fitted on its members' out-of-fold scores; needs no torch."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

import cellsift
from cellsift.evaluation.calibration import calibrate
from cellsift.evaluation.combination import combine
from cellsift.inference.description import FILE, read_description
from cellsift.inference.members import member_folder
from cellsift.io.whole import read_table, write_json, write_table

PACKAGES = ("numpy", "scipy", "scikit-learn")
SUMS = ("parameters", "flops_per_cuboid")


def combine_members(
    folder: str | Path,
    members: Mapping[str, Sequence[str | Path]],
    method: str = "mean",
    threshold: str | dict = "f1",
    scores_file: str | Path | None = None,
) -> Path:
    """Write model.json, by which trained arms are used as one; return its path.

    Args:
        folder: of the ensemble; the folders of its members, with their model.json, lie beside it.
        members: by the name of its folder, the files of a member's out-of-fold scores.
        method: how they are weighted (`evaluation.combination.combine`).
        threshold: how the threshold is chosen, "f1" or {"recall": share}.
        scores_file: where the ensemble's own out-of-fold scores are written, from which its
            temperature and threshold are taken; default: training/scores.csv in `folder`, where
            `arm.out_of_fold_scores` finds them.

    Raises InputError as `combine` and `calibrate` do, and for a member that is not trained.
    """
    folder = Path(folder)
    scores = {
        name: pd.concat([read_table(file) for file in files], ignore_index=True)
        for name, files in members.items()
    }
    temperatures = {
        name: read_description(member_folder(folder, name))["temperature"] for name in members
    }
    combination, joined = combine(scores, temperatures, method)
    calibration = calibrate(joined, threshold)
    write_table(joined, scores_file or folder / "training" / "scores.csv")
    content = {
        "architecture": "ensemble",
        **combination.to_dict(),
        "temperature": calibration["temperature"],
        "threshold": calibration["threshold"],
        "calibration": calibration,
        "provenance": {
            "arm": folder.name,
            "brains": sorted(set(joined["brain"])),
            "versions": {
                "cellsift": cellsift.__version__,
                "python": platform.python_version(),
                **{package: version(package) for package in PACKAGES},
            },
        },
    }
    write_json(content, folder / FILE)
    return folder / FILE


def ensemble_cost(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what an ensemble costs, from what `measure_cost` returned for each member.

    The members work one after the other: sizes, calculations and times add up; memory is that of
    the one that takes most. `training_seconds` stands for the seconds of an epoch and their number.
    """
    devices = list(dict.fromkeys(cost["device"] for cost in costs))
    threads = {cost["threads"] for cost in costs}
    rates = [cost["cuboids_per_second"] for cost in costs]
    seconds = [_training_seconds(cost) for cost in costs]
    return {
        "device": ", ".join(devices),
        "threads": threads.pop() if len(threads) == 1 else None,
        **{key: sum(cost[key] for cost in costs) for key in SUMS},
        # A very slow member's rate is rounded to 0.
        "cuboids_per_second": round(1 / sum(1 / rate for rate in rates), 1) if all(rates) else 0.0,
        "peak_memory_mb": max(cost["peak_memory_mb"] for cost in costs),
        "training_seconds_per_epoch": None,
        "training_epochs": None,
        "training_seconds": None if None in seconds else round(sum(seconds), 3),
    }


def _training_seconds(cost: Mapping[str, Any]) -> float | None:
    if cost["training_seconds_per_epoch"] is None:
        return None
    return cost["training_seconds_per_epoch"] * cost["training_epochs"]
