"""A finished model as the model of an arm."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.interop.accepted_description import write_model
from cellsift.interop.finished_models import describe_model


def accept_model(
    model: str, folds: Sequence[str | Path], threshold: float | None, out: str | Path
) -> None:
    """Write model.json to `out`, beside the networks `folds` that `accept_fold` wrote.

    `model` is what the arm's file says, `threshold` stands in place of the model's own unless it is
    None. Raises InputError as `describe_model` does.
    """
    write_model(describe_model(model), folds, out, threshold)
