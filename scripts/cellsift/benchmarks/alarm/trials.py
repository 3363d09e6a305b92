"""How often brains raise the alarm: those of the cohort that was learnt from, and foreign ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cellsift.benchmarks.alarm.models import Bench, Prepared, TrainedArms, choose, cohort_spread
from cellsift.benchmarks.alarm.specimens import EMBRYO_SEARCHED, Cohort
from cellsift.evaluation.alarm.comparison import Comparison

Tell = Callable[[str], None]
# Numbers of train brains, and how often each is drawn.
DRAWS = {2: 2, 3: 2, 5: 2}
# What is learnt from, by tissue, and the tissues that are foreign to it.
LEARNT_FROM = {
    "phantom": ("phantom_0", "phantom_1"),
    "cfos": ("695", "1147"),
    "microglia": ("microglia",),
    "embryo": ("062", "145"),
}
FOREIGN = {
    "phantom": ("cfos", "microglia", "cortex"),
    "cfos": ("embryo", "microglia", "cortex", "phantom"),
    "microglia": ("cortex", "cfos", "phantom"),
    "embryo": ("cfos",),
}
# Of the embryo, what a search for a detector was told.
SEARCHED_ON = ("110", "145")
# Of these each brain is left out in turn, with all others to learn from.
IN_TURN = ("cfos",)


@dataclass(frozen=True)
class Trial:
    """A brain that arms did not learn from, beside the brains that they learnt from."""

    learnt_from: str
    train_brains: int
    tissue: str
    brain: str
    comparison: Comparison

    @property
    def row(self) -> dict:
        """As a row of a table: the deviation of each group, and whether the alarm was raised."""
        told = {"learnt from": self.learnt_from, "train brains": self.train_brains}
        told |= {"a brain of": self.tissue, "brain": self.brain, "alarm": self.comparison.alarm}
        told["alarm but for voxels"] = bool(set(self.comparison.raised) - {"voxels"})
        return told | self.comparison.groups["deviation"].to_dict()


@dataclass(frozen=True)
class CohortTrials:
    """What brains of one cohort do beside each other, and how their numbers differ."""

    trials: list[Trial]
    spread: pd.Series


@dataclass(frozen=True)
class DoublesTrial:
    """A brain in which detection may propose cells several times.

    `called_per_cell`: cells that the arms call for each annotated one, their mean.
    """

    brain: str
    called_per_cell: float
    comparison: Comparison

    @property
    def row(self) -> dict:
        """As a row of a table."""
        deviation = self.comparison.statistics["deviation"].get("per_place", np.nan)
        return {
            "brain": self.brain,
            "called cells for each annotated one": self.called_per_cell,
            "deviation for called cells at one place": deviation,
            "alarm": self.comparison.alarm,
        }


def in_cohort(
    bench: Bench, cohort: Cohort, draws: Mapping[int, int], tell: Tell, seed: int = 1
) -> CohortTrials:
    """Learn from some brains of a cohort, drawn by chance, and compare all others with them."""
    random = np.random.default_rng(seed)
    threshold = bench.threshold(cohort.method, cohort.specimens)
    brains = {s.name: bench.prepare(cohort.method, s, threshold) for s in cohort.specimens}
    tell(f"{cohort.name}: {len(brains)} brains")
    trials, tables = [], {}
    for count in [n for n, times in draws.items() for _ in range(times)]:
        chosen = choose(random, cohort, count)
        arms = bench.train(cohort.method, {name: brains[name] for name in chosen})
        rest = {name: brain for name, brain in brains.items() if name not in chosen}
        tables = {name: arms.statistics(brain) for name, brain in rest.items()}
        trials += _trials(arms, cohort.name, cohort.name, rest)
        tell(
            f"{cohort.name}, {count} train brains: {sum(t.comparison.alarm for t in trials)} of "
            f"{len(trials)} alarms so far"
        )
    return CohortTrials(trials, cohort_spread(tables.values()))


def in_turn(bench: Bench, cohort: Cohort, tell: Tell) -> list[Trial]:
    """Leave each brain of a cohort out, and learn from all others."""
    trials = []
    for left_out in cohort.specimens:
        others = [s for s in cohort.specimens if s is not left_out]
        arms, threshold = _learnt(bench, cohort, [s.name for s in others])
        brain = bench.prepare(cohort.method, left_out, threshold)
        trials += _trials(arms, cohort.name, cohort.name, {left_out.name: brain})
        tell(f"{cohort.name} without {left_out.name}: {trials[-1].comparison.raised or 'no alarm'}")
    return trials


def on_others(bench: Bench, cohorts: Mapping[str, Cohort], tell: Tell) -> Iterator[Trial]:
    """Learn from one tissue; compare others, and what of its own is not left out in turn."""
    for tissue in [name for name in LEARNT_FROM if name in cohorts]:
        cohort, names = cohorts[tissue], LEARNT_FROM[tissue]
        arms, threshold = _learnt(bench, cohort, names)
        own = [] if tissue in IN_TURN else [tissue]
        for other in [*own, *FOREIGN[tissue]]:
            for specimen in cohorts[other].specimens if other in cohorts else []:
                if other == tissue and specimen.name in names:
                    continue
                brain = bench.prepare(cohort.method, specimen, threshold)
                for trial in _trials(arms, tissue, other, {specimen.name: brain}):
                    raised = ", ".join(trial.comparison.raised) or "no alarm"
                    tell(f"{tissue} on {other} {specimen.name}: {raised}")
                    yield trial


def on_larger_nuclei(bench: Bench, embryo: Cohort, tell: Tell) -> list[DoublesTrial]:
    """Detection that suits two frames of the embryo, on frames whose nuclei are larger or smaller.

    In the larger ones it proposes nuclei several times, and arms call each of the candidates.
    """
    cohort = replace(embryo, method=EMBRYO_SEARCHED)
    arms, threshold = _learnt(bench, cohort, SEARCHED_ON)
    trials = []
    for specimen in cohort.specimens:
        if specimen.name in SEARCHED_ON or specimen.cells is None:
            continue
        brain = bench.prepare(cohort.method, specimen, threshold)
        called = [int(table["is_cell"].sum()) for table in arms.scored(brain).values()]
        per_cell = float(np.mean(called)) / len(specimen.cells)
        trials.append(DoublesTrial(specimen.name, per_cell, arms.compare(brain)))
        raised = ", ".join(trials[-1].comparison.raised) or "no alarm"
        tell(f"{specimen.name}: {per_cell:.2f} called cells for each annotated one: {raised}")
    return trials


def _learnt(bench: Bench, cohort: Cohort, names: Sequence[str]) -> tuple[TrainedArms, float]:
    train = [s for s in cohort.specimens if s.name in names]
    threshold = bench.threshold(cohort.method, train)
    brains = {s.name: bench.prepare(cohort.method, s, threshold) for s in train}
    return bench.train(cohort.method, brains), threshold


def _trials(
    arms: TrainedArms, learnt_from: str, tissue: str, brains: Mapping[str, Prepared]
) -> list[Trial]:
    return [
        Trial(learnt_from, len(arms.brains), tissue, name, arms.compare(brain))
        for name, brain in brains.items()
    ]
