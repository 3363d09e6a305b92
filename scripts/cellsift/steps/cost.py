"""What an arm costs on this machine."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellsift.inference.cost import measure_cost
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table


def cost(
    arm: str,
    sidecar: str | Path,
    histories: Sequence[str | Path],
    out: str | Path,
    *,
    device: str = "auto",
    threads: int = 1,
) -> None:
    """Write what `measure_cost` finds to `out`, a JSON.

    `sidecar` is the JSON file of one of the arm's folds, `histories` tell how long all of them
    were trained; there is none of a finished model.
    """
    network = read_json(sidecar)
    found = measure_cost(
        network["architecture"],
        network["options"],
        network["in_channels"],
        network["cuboid"]["shape"],
        history=pd.concat([read_table(path) for path in histories]) if histories else None,
        device=device,
        threads=threads,
    )
    write_json({"arm": arm, **found}, out)
