"""One network of a finished model, in the format of trained arms."""

from pathlib import Path

from cellsift.interop.accepted_models import write_fold
from cellsift.interop.finished_models import describe_model


def accept_fold(source: str | Path, fold: int, out: str | Path) -> None:
    """Write a finished model's network number `fold` to `out`, a JSON, and its weights beside it.

    `source` is the model's folder or Keras file. Raises InputError as `describe_model` and
    `write_fold` do.
    """
    write_fold(describe_model(str(source)), fold, out)
