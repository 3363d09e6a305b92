"""A finished model as the model of an arm."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.interop.accepted_description import write_model


def accept_model(
    source: str | Path,
    learnt_from: Sequence[str],
    folds: Sequence[str | Path],
    threshold: float | None,
    out: str | Path,
) -> None:
    """Write model.json to `out`, beside the networks `folds` that `accept_fold` wrote.

    The other arguments are those of `write_model`. Raises InputError as `read_description` does.
    """
    write_model(source, learnt_from, folds, out, threshold)
