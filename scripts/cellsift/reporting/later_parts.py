"""Parts of the index page that are written again once all brains are done.

The page does not wait for brains to predict, of which one may fail.
"""

from collections.abc import Callable
from pathlib import Path

from cellsift.io.atomic import atomic_file
from cellsift.reporting import alarms, counting, index_making
from cellsift.reporting.html import Html
from cellsift.reporting.run_results import RunResults

PARTS: dict[str, Callable[[RunResults], Html]] = {
    "alarms": alarms.brains_under_alarm,
    "counts": counting.counts_of_brains,
    "explanations": index_making.explanations,
}


def part(name: str, results: RunResults) -> Html:
    """The part of this name as far as it is known, between marks by which it is found again."""
    start, end = _marks(name)
    return Html(start + PARTS[name](results) + end)


def renew(results: RunResults) -> bool:
    """Write what is known by now into the index page; whether it has changed."""
    path = Path(results.paths.index_page)
    before = page = path.read_text()
    for name in PARTS:
        start, end = _marks(name)
        first, found, rest = page.partition(start)
        _, closed, last = rest.partition(end)
        if found and closed:
            page = first + part(name, results) + last
    if page == before:
        return False
    with atomic_file(path) as beside:
        beside.write_text(page)
    return True


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} -->", f"<!-- end of {name} -->"
