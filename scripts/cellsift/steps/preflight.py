"""Refuse an annotation that does not fit its volume, and note what a brain is."""

from collections.abc import Callable, Iterable
from pathlib import Path

from cellsift.io.json_files import read_json, write_json
from cellsift.preflight.annotation import check_annotation
from cellsift.settings.brains import Brain


def preflight(
    brain: Brain,
    volumes: str | Path,
    shared: Iterable[str],
    out: str | Path,
    tell: Callable[[str], None],
) -> None:
    """Write what was found in a brain's files to `out`, a JSON.

    Args:
        brain: with its role and annotation.
        volumes: what `accept_volumes` wrote.
        shared: what may be wrong with the brain beside the others of its run.
        tell: is called with every doubt but those of the volumes, which were told before.

    Raises InputError as `check_annotation` does.
    """
    found = read_json(volumes)
    annotation = check_annotation(brain, found["signal"]["shape"])
    new = [*annotation["warnings"], *shared]
    for warning in new:
        tell(warning)
    write_json(found | annotation | {"warnings": found["warnings"] + new}, out)
