"""The page on how often the alarm is raised, in Markdown."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cellsift.benchmarks.alarm.trials import SEARCHED_ON, DoublesTrial, Trial
from cellsift.evaluation.alarm.comparison import LIMIT, LIMIT_OF_ONE, WEIGHT_OF_FLOOR
from cellsift.evaluation.alarm.doubles import FEWEST, NEAR, NEIGHBOUR
from cellsift.evaluation.alarm.statistics import GROUPS, MIDDLE, STATISTICS, WIDTH

INTRODUCTION = f"""\
# The alarm for a foreign brain

Made by `python -m cellsift.benchmarks.alarm`; parts on real volumes only where `CELLSIFT_DATA` \
names their folder.

Each brain is described by numbers in {len(GROUPS)} groups. A number is set beside the mean of the \
train brains, in units of how far a further brain of their cohort would lie from it: the train \
brains' own leave-one-out spread, and, as if {WEIGHT_OF_FLOOR} more brains had shown it, the floor \
below. A group's deviation is the root mean square of its numbers'; above {LIMIT:g}, or \
{LIMIT_OF_ONE:g} where the group is one number, it raises the alarm. The arms are hand-made \
features with boosted trees and a narrow ResNet-18 trained for a few epochs, on a CPU.
"""
DOUBLES = f"""\
Frames of the embryo, with the detection that a search chose on frames {" and ".join(SEARCHED_ON)} \
and arms that learnt from these. In earlier frames nuclei are larger: detection proposes many of \
them several times, each candidate looks like a cell and is called one. Called cells count as at \
one place where one is so much nearer than neighbour number {NEIGHBOUR} that only {NEAR:g} of the \
volume around is as near, which holds in thin sections as in thick volumes. A fixed distance, such \
as that of matching, does not tell these frames apart: in larger nuclei second candidates lie \
farther apart, and in later frames neighbouring nuclei lie nearer than that. Fewer than {FEWEST} \
called cells say nothing.
"""
# Where so many cells are called for each annotated one, a count is clearly too high.
TOO_MANY = 1.2
# Groups of numbers that the arms give, whatever the brain looks like.
OF_ARMS = {"answers", "scores", "doubles"}


def describe(
    cohort: Sequence[Trial],
    real: Sequence[Trial],
    others: Sequence[Trial],
    spreads: Mapping[str, pd.Series],
    machine: str,
    doubles: Sequence[DoublesTrial] = (),
) -> str:
    """Return the page.

    Args:
        cohort: trials within the made-up cohort.
        real: trials within real cohorts; none where their volumes are not at hand.
        others: trials of arms on brains of other tissues, and on the rest of their own.
        spreads: by cohort, the standard deviation of each number over its brains.
        machine: where and when it was made.
        doubles: trials of frames in which detection may propose cells several times.
    """
    parts = [INTRODUCTION, f"{machine}\n", "## Brains of one cohort\n", _false_alarms(cohort)]
    own = [trial for trial in others if trial.learnt_from == trial.tissue]
    if kept := [*real, *own]:
        parts += ["Others of the tissue that was learnt from:\n", _table(_rows(kept))]
    foreign = [trial for trial in others if trial.learnt_from != trial.tissue]
    if foreign:
        raised = sum(trial.comparison.alarm for trial in foreign)
        without = sum(bool(trial.row["alarm but for voxels"]) for trial in foreign)
        parts += [
            "## Brains of another tissue\n",
            f"{raised} of {len(foreign)} raise the alarm, {without} also if the size of voxels did "
            f"not count.{_by_answers_alone(foreign)}\n",
            _table(_rows(foreign)),
        ]
    if doubles:
        parts += ["## Cells that are called twice\n", DOUBLES, _table(_doubles_rows(doubles))]
        parts += _unnoticed(doubles)
    parts += [
        "## How far numbers differ within a cohort\n",
        "The floor is the standard deviation that the alarm takes brains of a cohort to have where "
        "it knows no better, on the scale of the number: natural logarithms, logits of shares, and "
        "for the middle of a feature the width of its distribution. The columns say what brains "
        "have, in floors; of features it is the root mean square. The phantoms' answers are those "
        "of the arms that were trained last; of other cohorts, called cells at one place are the "
        "annotated ones.\n",
        _table(_spread_rows(spreads)),
    ]
    return "\n".join(parts)


def _false_alarms(trials: Sequence[Trial]) -> str:
    rows = pd.DataFrame([trial.row for trial in trials])
    table = [
        {
            "train brains": count,
            "brains compared": len(part),
            "alarms": int(part["alarm"].sum()),
            "largest deviation": f"{part[_groups(part)].max(axis=None):.2f}",
            "95% of them below": f"{part[_groups(part)].max(axis=1).quantile(0.95):.2f}",
        }
        for count, part in rows.groupby("train brains")
    ]
    shown = pd.DataFrame(table)
    share = rows["alarm"].mean()
    return (
        f"Made-up animals that differ moderately in contrast, brightness, noise, density and "
        f"artefacts; those not learnt from are compared. {int(rows['alarm'].sum())} of {len(rows)} "
        f"raise the alarm ({share:.1%}).\n\n{_table(shown)}"
    )


def _rows(trials: Sequence[Trial]) -> pd.DataFrame:
    rows = pd.DataFrame([trial.row for trial in trials])
    groups = _groups(rows)
    rows[groups] = rows[groups].map(lambda value: "" if pd.isna(value) else f"{value:.1f}")
    yes_or_no = ["alarm", "alarm but for voxels"]
    rows[yes_or_no] = rows[yes_or_no].map(lambda raised: "**yes**" if raised else "no")
    return rows


def _doubles_rows(trials: Sequence[DoublesTrial]) -> pd.DataFrame:
    rows = pd.DataFrame([trial.row for trial in trials])
    numbers = list(rows.columns[1:3])
    rows[numbers] = rows[numbers].map("{:.2f}".format)
    rows["alarm"] = [", ".join(trial.comparison.raised) or "no" for trial in trials]
    return rows


def _by_answers_alone(trials: Sequence[Trial]) -> str:
    """Which of them raise the alarm for what the arms say alone, in a sentence."""
    names = [
        f"{trial.learnt_from} on {trial.brain}"
        for trial in trials
        if trial.comparison.alarm and set(trial.comparison.raised) <= OF_ARMS
    ]
    if not names:
        return ""
    return (
        f" By what the arms answer, and by nothing that the brain looks like: {', '.join(names)}."
    )


def _unnoticed(trials: Sequence[DoublesTrial]) -> list[str]:
    """Of frames with far too many called cells that raise no alarm, that they do not."""
    names = [
        trial.brain
        for trial in trials
        if trial.called_per_cell >= TOO_MANY and "doubles" not in trial.comparison.raised
    ]
    if not names:
        return []
    return [
        f"Not noticed, although {TOO_MANY:g} or more cells are called for each annotated one: "
        f"{', '.join(names)}. Where cells are called twice in train brains, too, a brain with more "
        "of them is hardly told from these.\n"
    ]


def _groups(rows: pd.DataFrame) -> list[str]:
    return [name for name in GROUPS if name in rows]


def _spread_rows(spreads: Mapping[str, pd.Series]) -> pd.DataFrame:
    rows = []
    for name, statistic in STATISTICS.items():
        found = {cohort: spread.get(name) for cohort, spread in spreads.items()}
        rows.append({"number": statistic.words, **_digits(found), "floor": statistic.floor})
    for kind, known in (("middle", MIDDLE), ("width", WIDTH)):
        found = {
            cohort: float(np.sqrt(spread[spread.index.str.startswith(f"{kind} of ")].pow(2).mean()))
            for cohort, spread in spreads.items()
        }
        rows.append({"number": f"{kind} of a feature", **_digits(found), "floor": known.floor})
    return pd.DataFrame(rows)


def _digits(values: Mapping[str, float | None]) -> dict[str, str]:
    return {k: "" if v is None or pd.isna(v) else f"{v:.2f}" for k, v in values.items()}


def _table(rows: pd.DataFrame) -> str:
    lines = [f"| {' | '.join(map(str, rows.columns))} |", f"|{' --- |' * len(rows.columns)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows.itertuples(index=False)]
    return "\n".join(lines) + "\n"
