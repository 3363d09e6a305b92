"""Take over the candidates that another program has found in a brain."""

from collections.abc import Callable
from pathlib import Path

from cellsift.io.json_files import read_json
from cellsift.io.tables import write_table
from cellsift.preflight.candidates import given_candidates
from cellsift.settings.brains import Brain


def take_candidates(
    brain: Brain, volumes: str | Path, out: str | Path, tell: Callable[[str], None]
) -> None:
    """Write the candidates that the table of brains gives, z, y, x in voxels, to `out`, a CSV.

    They have no contrast, as no detector measured one, and all of them are kept. `volumes` is what
    `accept_volumes` wrote; `tell` is called with where they are from. What is doubtful about them
    is told by `preflight`. Raises InputError as `given_candidates` does.
    """
    table, _ = given_candidates(brain, read_json(volumes)["signal"]["shape"])
    write_table(table, out)
    tell(
        f"brain {brain.name}: {len(table)} candidates are taken from {brain.candidates}; nothing "
        "is detected in it"
    )
