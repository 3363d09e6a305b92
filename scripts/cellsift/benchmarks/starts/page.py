"""The page that compares two checkouts, in Markdown."""

from collections.abc import Mapping, Sequence
from statistics import median

from cellsift.benchmarks.starts.measuring import Took

# By row of the table and side, "other" or "this", what each round took.
Rows = Mapping[str, Mapping[str, Sequence[Took]]]
COLUMNS = (
    "CPU s, other",
    "CPU s, this",
    "this / other",
    "s on the clock, other",
    "s on the clock, this",
    "this / other",
)
RUNS = ("demo", "plan", "nothing")


def describe(
    measured: Mapping[str, Rows], commits: Mapping[str, str], machine: str, repeats: int
) -> str:
    """Return the page.

    Args:
        measured: by part ("demo", "plan", "nothing", "jobs"); those that are missing are named.
        commits: of the sides "other" and "this".
        machine: date, machine and versions.
        repeats: how often each was measured.
    """
    missing = [name for name in (*RUNS, "jobs") if name not in measured]
    runs = {row: sides for name in RUNS for row, sides in measured.get(name, {}).items()}
    parts = [
        "# How fast runs start\n",
        f"Two commits on one machine, other: {commits['other']}; this: {commits['this']}. Measured "
        f"by `make starts OTHER=CHECKOUT`, in turn, {repeats} times each: medians, with the lowest "
        "and the highest. CPU seconds are those of all processes, user and system together. Each "
        "side was run once before, so that its modules are compiled and its networks checked.\n",
        f"{machine}\n",
    ]
    if missing:
        parts.append(f"Not measured this time: {', '.join(missing)}.\n")
    if runs:
        parts += ["## Runs\n", _table("", runs)]
    if jobs := measured.get("jobs"):
        parts += [
            "## Jobs\n",
            "From the start of a job's process, as Snakemake starts it, to the begin of its work; "
            "libraries that the work itself loads later do not count.\n",
            _table("rule", jobs),
        ]
    return "\n".join(parts)


def _table(first: str, rows: Rows) -> str:
    lines = [f"| {' | '.join([first, *COLUMNS])} |", f"| --- |{' --: |' * len(COLUMNS)}"]
    for row, sides in rows.items():
        cells = [*_compared(sides, "cpu"), *_compared(sides, "wall")]
        lines.append(f"| {' | '.join([row, *cells])} |")
    return "\n".join(lines) + "\n"


def _compared(sides: Mapping[str, Sequence[Took]], what: str) -> list[str]:
    """Both sides and their ratio; a side that lacks it is said to."""
    values = {
        side: [getattr(took, what) for took in sides.get(side, ())] for side in ("other", "this")
    }
    cells = [_spread(found) if found else "has none" for found in values.values()]
    if not all(values.values()):
        return [*cells, ""]
    return [*cells, f"{median(values['this']) / median(values['other']):.2f}"]


def _spread(values: Sequence[float]) -> str:
    middle, low, high = (_seconds(value) for value in (median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})" if len(values) > 1 else middle


def _seconds(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
