"""Scores of every brain by arms that learnt from the others; what was computed once is kept."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.benchmarks.carry_over.adaptation import confident, with_tissue_statistics
from cellsift.benchmarks.carry_over.arms import VARIANTS, LeftOut, Scores, Trained
from cellsift.benchmarks.carry_over.brains import Cage, Source
from cellsift.benchmarks.carry_over.feature_arm import FeatureArm
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import AXES

Tell = Callable[[str], None]
# What is done with an arm once it is trained, as words after the name of its variant.
TISSUE_STATISTICS, SELF_TRAINING = "batch norm of tissue", "self-training"


@dataclass(frozen=True)
class Job:
    """What is trained, by the names of architecture and variant, and with how many seeds."""

    architecture: str
    variant: str
    seeds: int = 3
    adaptation: str = ""

    @property
    def name(self) -> str:
        return f"{self.variant}; {self.adaptation}" if self.adaptation else self.variant

    @property
    def plain(self) -> "Job":
        """The same without adaptation."""
        return Job(self.architecture, self.variant, self.seeds)


@dataclass(frozen=True, eq=False)
class Result:
    """The scores of one training, and of which brain they are."""

    cohort: str
    brain: str
    job: Job
    seed: int
    scores: Scores


def all_scores(
    sources: Sequence[Source], jobs: Sequence[Job], cache: Path, tell: Tell, kept_only: bool = False
) -> Iterator[Result]:
    """Leave each brain of each cohort out in turn, and score it with every arm.

    Args:
        cache: a folder; what lies there from earlier is not computed again.
        kept_only: give only what lies there.
    """
    for source in sources:
        with tempfile.TemporaryDirectory() as scratch:
            turns = _Turns(source, cache / source.name, Path(scratch), tell)
            for brain in source.brains:
                for job in jobs:
                    for seed in range(1, job.seeds + 1):
                        if kept_only and not turns.file(brain, job, seed).exists():
                            continue
                        scores = turns.scores(brain, job, seed)
                        yield Result(source.name, brain, job, seed, scores)


class _Turns:
    """The brains of a cohort, made when scores are missing."""

    def __init__(self, source: Source, cache: Path, scratch: Path, tell: Tell):
        self._source, self._cache, self._scratch, self._tell = source, cache, scratch, tell
        self._kept: dict[tuple[str, Job, int], Trained] = {}
        self._features = FeatureArm()

    def file(self, brain: str, job: Job, seed: int) -> Path:
        return self._cache / brain / f"{job.architecture}, {job.name}, {seed}.npz"

    def scores(self, brain: str, job: Job, seed: int) -> Scores:
        file = self.file(brain, job, seed)
        if not file.exists():
            _write(self._computed(brain, job, seed), file)
            self._tell(f"{self._source.name}, without {brain}: {job.architecture}, {job.name}")
        return _read(file)

    def _computed(self, brain: str, job: Job, seed: int) -> Scores:
        answered = None
        if job.adaptation == SELF_TRAINING:
            answered = confident(self.scores(brain, job.plain, seed), seed)
        if job.architecture == "features":
            left_out = LeftOut(self._cage, brain, self._scratch)
            return self._features.scores(left_out, VARIANTS[job.variant], seed, answered)
        if answered is not None:
            return self._train(brain, job, seed, answered).scores()
        key = (brain, job.plain, seed)
        if key not in self._kept:
            self._kept[key] = self._train(brain, job, seed)
        trained = self._kept[key]
        return with_tissue_statistics(trained) if job.adaptation else trained.scores()

    def _train(
        self, brain: str, job: Job, seed: int, answered: pd.DataFrame | None = None
    ) -> Trained:
        left_out = LeftOut(self._cage, brain, Path(tempfile.mkdtemp(dir=self._scratch)))
        return left_out.train(job.architecture, VARIANTS[job.variant], seed, answered)

    @cached_property
    def _cage(self) -> Cage:
        self._tell(f"{self._source.name}: {len(self._source.brains)} brains are made")
        return Cage(self._source.make(), self._scratch)


def _write(scores: Scores, file: Path) -> None:
    content = {
        "is_cell": scores.left_out["is_cell"],
        "logit": scores.left_out["logit"],
        "learnt_brain": scores.learnt["brain"].to_numpy(str),
        "learnt_is_cell": scores.learnt["is_cell"],
        "learnt_logit": scores.learnt["logit"],
        "candidate": scores.left_out["candidate"],
        **{axis: scores.left_out[axis] for axis in AXES},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(file) as beside, beside.open("wb") as opened:
        np.savez_compressed(opened, **content)


def _read(file: Path) -> Scores:
    with np.load(file) as content:
        left_out = pd.DataFrame(
            {name: content[name] for name in (*AXES, "candidate", "is_cell", "logit")}
        )
        learnt = pd.DataFrame(
            {name: content[f"learnt_{name}"] for name in ("brain", "is_cell", "logit")}
        )
    return Scores(left_out, learnt)
