"""What an ensemble of arms costs, by what its members do; needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

SUMS = ("parameters", "flops_per_cuboid")


def ensemble_cost(costs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what an ensemble costs, from what `measure_cost` returned for each member.

    The members work one after the other: sizes, calculations and times add up; memory is that of
    the one that takes most. `training_seconds` stands for the seconds of an epoch and their number.
    """
    devices = list(dict.fromkeys(cost["device"] for cost in costs))
    threads = {cost["threads"] for cost in costs}
    rates = [cost["cuboids_per_second"] for cost in costs]
    seconds = [_training_seconds(cost) for cost in costs]
    known = [of_member for of_member in seconds if of_member is not None]
    return {
        "device": ", ".join(devices),
        "threads": threads.pop() if len(threads) == 1 else None,
        **{key: sum(cost[key] for cost in costs) for key in SUMS},
        # A very slow member's rate is rounded to 0.
        "cuboids_per_second": round(1 / sum(1 / rate for rate in rates), 1) if all(rates) else 0.0,
        "peak_memory_mb": max(cost["peak_memory_mb"] for cost in costs),
        "training_seconds_per_epoch": None,
        "training_epochs": None,
        "training_seconds": round(sum(known), 3) if len(known) == len(seconds) else None,
    }


def _training_seconds(cost: Mapping[str, Any]) -> float | None:
    if cost["training_seconds_per_epoch"] is None:
        return None
    return cost["training_seconds_per_epoch"] * cost["training_epochs"]
