"""The page on the search for a detector, in Markdown."""

from collections.abc import Mapping, Sequence

from cellsift.benchmarks.detection.splits import Outcome

HEAD = (
    "| searched on | chosen | recall there | candidates per cell | left out | recall | candidates "
    "per cell | second candidates per cell | search, s |\n"
    "|---|---|--:|--:|---|--:|--:|--:|--:|\n"
)
# What is wished for.
ALLOWED = 4


def describe(
    outcomes: Sequence[Outcome], large: Mapping[str, Outcome], trials: int, machine: str
) -> str:
    """Return the page.

    Args:
        outcomes: of the searches, each on some volumes, tried on others.
        large: of the searches on large brains, by what each repeats, as far as measured.
        trials: settings that were tried in each search.
        machine: date, machine and versions.
    """
    parts = [
        "# How well the search for a detector chooses\n",
        f"`detection: {{method: auto}}` with its defaults: {trials} settings in each search, the "
        "wish a recall of 0.95 with at most 4 candidates for each annotated cell. The detector, "
        "its parameters, the threshold on contrast and the matching distance come from the volumes "
        "that were searched on; the volumes left out took no part. A second candidate lies at a "
        "cell that another one reaches already. Measured by `python -m "
        "cellsift.benchmarks.detection`, with real volumes where `CELLSIFT_DATA` names their "
        "folder: light-sheet c-Fos (three volumes), microglia (one; the size of its voxels is "
        "assumed), frames of one embryo (confocal; the scale of its voxels is assumed), and "
        "made-up brains.\n",
        "The ranges that are searched, the default lengths of `dog` and how far within the span of "
        "the train volumes the threshold lies were chosen with a look at these volumes: what the "
        "table promises for other data is a little less.\n",
        f"{machine}\n",
        HEAD + "".join(_row(outcome) for outcome in outcomes),
        *_beyond(outcomes),
    ]
    if large:
        parts.append("## Large brains\n")
    return "\n".join([*parts, *(_of_large(name, found) for name, found in large.items())])


def _of_large(name: str, outcome: Outcome) -> str:
    ratio, found = outcome.seconds / outcome.detection_seconds, outcome.train["large"]
    return (
        f"{name}, repeated until it has {outcome.voxels / 1e9:.2f}·10^9 voxels and "
        f"{found['annotated']:,} cells: the search took {outcome.seconds:.0f} s, one detection of "
        f"the whole brain by what it chose ({_setting(outcome)}) {outcome.detection_seconds:.0f} "
        f"s, {ratio:.2f} times as long a search as a detection. Recall {found['recall']:.3f} at "
        f"{found['candidates_per_cell']:.2f} candidates per cell.\n"
    )


def _beyond(outcomes: Sequence[Outcome]) -> list[str]:
    """Which of the volumes left out have more candidates than allowed, and why, if any do."""
    names = [
        f"{name} ({found['candidates_per_cell']:.2f})"
        for outcome in outcomes
        for name, found in outcome.left_out.items()
        if found["candidates_per_cell"] > ALLOWED
    ]
    if not names:
        return []
    return [
        f"More than {ALLOWED} candidates per cell, among what was left out: {', '.join(names)}. "
        "Their number is held down only where is searched: with the same threshold there are more "
        "in a volume with fewer cells for its artefacts, and in one with larger nuclei, of which "
        "many get several, as the second candidates show.\n"
    ]


def _row(outcome: Outcome) -> str:
    train, left_out = outcome.train, outcome.left_out
    cells = [
        ", ".join(train),
        _setting(outcome),
        _of(train, "recall", 3),
        _of(train, "candidates_per_cell", 2),
        ", ".join(left_out) or "-",
        _of(left_out, "recall", 3),
        _of(left_out, "candidates_per_cell", 2),
        ", ".join(f"{one['doubles'] / one['annotated']:.2f}" for one in left_out.values()) or "-",
        f"{outcome.seconds:.0f}",
    ]
    return f"| {' | '.join(cells)} |\n"


def _setting(outcome: Outcome) -> str:
    values = ", ".join(f"{name} {value:g}" for name, value in outcome.trial.values.items())
    return f"{outcome.trial.method}: {values}"


def _of(found: Mapping[str, Mapping], name: str, digits: int) -> str:
    return ", ".join(f"{one[name]:.{digits}f}" for one in found.values()) or "-"
