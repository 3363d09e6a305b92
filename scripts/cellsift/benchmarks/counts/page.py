"""The page on what counting takes, in Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from cellsift.benchmarks.counts.project import ARMS, BLOCKS, LABELS
from cellsift.benchmarks.starts.measuring import Took


@dataclass(frozen=True)
class Counted:
    """What a run took in which brains were counted.

    `seconds` and `memory_mb` are those of its jobs, as Snakemake measures them.
    """

    labelled: bool
    took: Took
    seconds: Sequence[float]
    memory_mb: Sequence[float]


def describe(
    found: Sequence[Counted], candidates: int, cores: int, machine: str, revision: str
) -> str:
    """Return the page on these runs, of brains with so many candidates each.

    `machine` is date, machine and versions; `revision` that of the code, without a date.
    """
    brains = len(found[0].seconds)
    lines = [
        "# What counting takes\n",
        "Made by `python -m cellsift.benchmarks.counts`: a project of two train brains, a test "
        f"brain and {brains} others, all with {candidates:,} candidates scored by {len(ARMS)} "
        "arms. All but the counts of the others is there, its scores and labels made up; then "
        f"Snakemake is told to make these counts on {cores} cores. Seconds on the clock are those "
        "of the whole command, Snakemake's own start included; those of a job, and its memory, are "
        "as Snakemake measures them.\n",
        f"{machine} Commit {revision}.\n",
        f"| {brains} brains | s on the clock | CPU s | longest job, s | highest memory of a job |",
        "| --- | --: | --: | --: | --: |",
    ]
    for run in found:
        what = f"{LABELS} labels and {BLOCKS} blocks of each" if run.labelled else "without labels"
        lines.append(
            f"| {what} | {run.took.wall:.0f} | {run.took.cpu:.0f} | {max(run.seconds):.1f} | "
            f"{max(run.memory_mb):,.0f} MB |"
        )
    return "\n".join(lines) + "\n"
