"""Refuse an annotation that does not fit its volume, and note what a brain is."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.preflight.annotation import check_annotation
from cellsift.preflight.candidates import candidates_doubts
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
        brain: with its role, its annotation and its file of candidates.
        volumes: what `accept_volumes` wrote.
        shared: what may be wrong with the brain beside the others of its run.
        tell: is called with every doubt but those of the volumes, which were told before.

    Raises InputError as `check_annotation` does; candidates are refused by `take_candidates`.
    """
    found = read_json(volumes)
    shape = found["signal"]["shape"]
    annotation = check_annotation(brain, shape)
    new = [*annotation["warnings"], *_doubts_of_candidates(brain, shape), *shared]
    for warning in new:
        tell(warning)
    write_json(found | annotation | {"warnings": found["warnings"] + new}, out)


def _doubts_of_candidates(brain: Brain, shape: Sequence[int]) -> list[str]:
    try:
        return candidates_doubts(brain, shape)
    # One message is enough, and an annotation is looked at all the same.
    except InputError:
        return []
