"""Refuse an image of regions that does not fit its brain."""

from collections.abc import Callable
from pathlib import Path

from cellsift.io.axes import per_axis
from cellsift.io.json_files import read_json, write_json
from cellsift.preflight.regions import check_regions as doubts_of
from cellsift.settings.brains import Brain


def check_regions(
    brain: Brain, volumes: str | Path, out: str | Path, tell: Callable[[str], None]
) -> None:
    """Write what may be wrong with a brain's image of regions to `out`, a JSON.

    Args:
        brain: with its regions.
        volumes: what `accept_volumes` wrote.
        tell: is called with every doubt.

    Raises InputError for an image, or a table of names, that cannot be read.
    """
    warnings = doubts_of(brain, per_axis(read_json(volumes)["signal"]["shape"]))
    for warning in warnings:
        tell(warning)
    write_json({"regions": brain.regions, "warnings": warnings}, out)
