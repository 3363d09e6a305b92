"""The jobs of a run, as plain data: what they are called, and which others need them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cellsift.workflow.job_names import JobNames
from cellsift.workflow.time_left import Kind


@dataclass(frozen=True)
class PlannedJob:
    """A job of the run.

    Attributes:
        name: what it is called, see `JobNames`.
        kind: what other jobs it is like in the time it takes.
        log: its log; None without one.
        needed_by: Snakemake's numbers of the jobs that cannot begin before it is done.
    """

    name: str
    kind: Kind
    log: Path | None = None
    needed_by: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run is going to do.

    Attributes:
        jobs: by Snakemake's numbers.
        limits: how much there is of each resource; cores are "_cores".
        remote: whether jobs run on a cluster.
        keep_going: whether jobs are begun after one has failed.
        given_up: gives the jobs that failed and are not tried again.
        told_before: lines on what earlier runs found, to be shown again.
    """

    jobs: Mapping[int, PlannedJob]
    limits: Mapping[str, int] = field(default_factory=dict)
    remote: bool = False
    keep_going: bool = False
    given_up: Callable[[], Iterable[int]] = tuple
    told_before: Sequence[str] = ()

    def out_of_reach(self, failed: Iterable[int]) -> set[int]:
        """The jobs that failed, and all that cannot begin for it."""
        found: set[int] = set()
        ahead = list(failed)
        while ahead:
            number = ahead.pop()
            if number not in found and number in self.jobs:
                found.add(number)
                ahead += self.jobs[number].needed_by
        return found


def planned_jobs(dag, names: JobNames) -> dict[int, PlannedJob]:
    """The jobs that Snakemake is going to do, by its numbers, but for those that make nothing."""
    jobs = [job for job in dag.needrun_jobs() if not job.is_norun]
    numbers = {job: dag.jobid(job) for job in jobs}
    return {
        number: PlannedJob(
            names.name(job.rule.name, job.wildcards_dict),
            (job.rule.name, _arm(job.wildcards_dict)),
            Path(job.log[0]) if job.log else None,
            tuple(numbers[other] for other in dag.depending.get(job, ()) if other in numbers),
        )
        for job, number in numbers.items()
    }


def numbers_of(dag, jobs: Iterable) -> list[int]:
    """Snakemake's numbers of jobs, and of those in groups."""
    # A list at once: Snakemake goes on meanwhile.
    single = [each for job in list(jobs) for each in (job if job.is_group() else [job])]
    return [dag.jobid(job) for job in single]


def _arm(wildcards: Mapping[str, str]) -> str:
    return next((wildcards[kind] for kind in ("arm", "pretraining") if kind in wildcards), "")
