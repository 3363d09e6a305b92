"""Refuse volumes that cannot be worked on."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json


def accept_volumes(checked: str | Path, out: str | Path) -> None:
    """Write what `check_volumes` found to `out`; raise InputError for volumes that it refuses.

    The folder of the brain's detection is made beside `out`: where it cannot be, the brain is
    refused now, not by a step whose failure would end the run of all brains.
    """
    found = read_json(checked)
    if "refused" in found:
        raise InputError(found["refused"])
    (Path(out).parent / "detection").mkdir(exist_ok=True)
    write_json(found, out)
