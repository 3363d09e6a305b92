"""What an ensemble costs, by what its members do."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.inference import ensemble_cost
from cellsift.io.json_files import read_json, write_json


def cost_ensemble(ensemble: str, costs: Sequence[str | Path], out: str | Path) -> None:
    """Write the cost of an ensemble to `out`, a JSON, from those of its members (`cost`)."""
    found = ensemble_cost.ensemble_cost([read_json(path) for path in costs])
    write_json({"arm": ensemble, **found}, out)
