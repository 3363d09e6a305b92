"""A trained arm for another program."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cellsift.interop.cellfinder_export import export_to_cellfinder, instructions


def export_model(
    model: str | Path,
    out: str | Path,
    cuboids: Sequence[str | Path] = (),
    tell: Callable[[str], object] = print,
) -> None:
    """Write an arm as one Keras model for cellfinder, and tell how it is used there.

    Args:
        model: folder of the trained arm or ensemble, with model.json.
        out: the file to write, NAME.keras.
        cuboids: cuboid stores of the brain that it is meant for, where the arm normalises by the
            statistics of each brain.
        tell: is given each line.

    Raises InputError for what `export_to_cellfinder` refuses; then nothing is written.
    """
    for line in instructions(export_to_cellfinder(model, out, cuboids)):
        tell(line)
