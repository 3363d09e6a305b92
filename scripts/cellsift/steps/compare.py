"""Whether a brain is unlike the train brains."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from cellsift.evaluation.alarm.comparison import compare as compare_statistics
from cellsift.evaluation.alarm.reasons import (
    in_terminal,
    not_compared,
    to_document,
    with_source,
)
from cellsift.evaluation.alarm.statistics import statistics_of
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table


def compare(
    brain: str,
    appearances: Mapping[str, str | Path],
    cells: Mapping[tuple[str, str], str | Path],
    arms: Sequence[str],
    train: Sequence[str],
    role: str,
    out: str | Path,
    tell: Callable[[str], None],
    given: Collection[str] = (),
) -> None:
    """Write the comparison of a brain with the train brains but itself to `out`, a JSON.

    Args:
        appearances: what `describe` wrote, by brain.
        cells: the classified candidates, by brain and arm.
        arms: whose answers are compared.
        train: the brains that the arms learnt from.
        role: that of the brain.
        tell: is called with the alarm, if there is one.
        given: the brains whose candidates are another program's.
    """
    statistics = {
        name: statistics_of(read_json(path), {arm: read_table(cells[name, arm]) for arm in arms})
        for name, path in appearances.items()
    }
    others = {name: statistics[name] for name in train if name != brain}
    if not others:
        write_json(not_compared(), out)
        return
    comparison = compare_statistics(statistics[brain], others)
    document = {"train_brains": list(others)} | with_source(
        to_document(comparison), brain in given, [name in given for name in others]
    )
    if document["alarm"]:
        tell(in_terminal(brain, role, document))
    write_json(document, out)
