"""Which of Label Studio's labels is a cell, which is none, and which says that one is not sure."""

from collections.abc import Iterable, Mapping

from cellsift.errors import InputError
from cellsift.io.label_names import Meaning, meaning_of
from cellsift.io.names import CELL


def meanings_of(
    labels: Iterable[str], given: Mapping[str, Meaning], where: str
) -> dict[str, Meaning]:
    """What each of the labels in use means.

    `given` is what the config says of them (annotators: labels), whatever their case; then it has
    to name each. Without it the names tell ("cell", "no_cell", "unsure" and words like these), and
    a single label that tells nothing is the cell. Raises InputError, beginning with `where`, for
    labels that remain.

    Example:
        >>> meanings_of(["Neuron", "artefact"], {}, "export.json")
        {'Neuron': 'cell', 'artefact': 'no_cell'}
    """
    names = list(dict.fromkeys(labels))
    by_name = {name.strip().lower(): meaning for name, meaning in given.items()}
    found = {name: by_name.get(name.strip().lower()) for name in names}
    if not given:
        found = {name: meaning_of(name) for name in names}
        if len(names) == 1 and found[names[0]] is None:
            return {names[0]: CELL}
    unknown = [name for name, meaning in found.items() if meaning is None]
    if unknown:
        listed = ", ".join(repr(name) for name in names)
        raise InputError(
            f"{where}: has points labelled {listed}, of which it is not clear what "
            f"{', '.join(repr(name) for name in unknown)} means. Say it in the config, as in "
            f"annotators: {{labels: {{{unknown[0] or 'LABEL'}: cell}}}}, for every label: cell, "
            "no_cell or unsure."
        )
    return {name: meaning for name, meaning in found.items() if meaning is not None}
