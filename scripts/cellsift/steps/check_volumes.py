"""Note what a brain's volumes are, or why they cannot be worked on."""

from collections.abc import Callable
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.json_files import write_json
from cellsift.preflight import volumes
from cellsift.settings.brains import Brain


def check_volumes(brain: Brain, slabs: int, out: str | Path, tell: Callable[[str], None]) -> None:
    """Write what was found to `out`, a JSON; its `refused` says why volumes cannot be worked on.

    `slabs` is the number of jobs that detection is divided into. Doubts are told as well as noted.
    """
    try:
        found = volumes.check_volumes(brain, slabs)
    except InputError as problem:
        found = {"brain": brain.name, "refused": str(problem), "warnings": []}
    for warning in found["warnings"]:
        tell(warning)
    write_json(found, out)
