"""How long a run still takes, about, by what its jobs have taken so far."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

# Jobs alike: their rule, and their arm or pre-training where there is one. Arms take very different
# times, but brains and folds not.
Kind = tuple[str, str]
# About what a job of a rule takes beside those of others: how much of a run is still unknown.
USUAL = {"pretrain": 60, "search": 200, "train": 60}
USUAL |= dict.fromkeys(("detect_slab", "find_centres", "contrast_slab", "explain", "cost"), 10)
USUAL_OF_OTHERS = 3
# Of the run's work, the part that has to be of kinds seen before the time left is told.
LEAST_KNOWN = 2 / 3
# Of its usual time, what a job that has overrun it is given.
OVERRUN = 0.1


@dataclass(frozen=True)
class AtWork:
    """A job at work: its kind, the seconds since it began, those left by its own account if any."""

    kind: Kind
    elapsed: float
    left: float | None = None


@dataclass
class _Times:
    total: float = 0.0
    count: int = 0

    def add(self, seconds: float) -> None:
        self.total += seconds
        self.count += 1

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass
class TimeLeft:
    """Learns from finished jobs, and estimates what the others take."""

    times: dict[Kind, _Times] = field(default_factory=lambda: defaultdict(_Times))
    shares: dict[str, float] = field(default_factory=dict)

    def took(self, kind: Kind, seconds: float) -> None:
        """A job of this kind has taken so many seconds."""
        self.times[kind].add(seconds)
        if kind[1]:
            self.times[kind[0], ""].add(seconds)

    def needs(self, rule: str, share: float) -> None:
        """A job of this rule takes this share, up to 1, of what can work at the same time."""
        self.shares[rule] = share

    def seconds(
        self, at_work: Iterable[AtWork], waiting: Mapping[Kind, int], share: float
    ) -> float | None:
        """Seconds until all jobs are done; None while too little is known.

        Args:
            at_work: the jobs that have begun.
            waiting: how many jobs of each kind are yet to begin.
            share: of a job whose rule is not known to need another.
        """
        at_work = list(at_work)
        times = _with_those_at_work(self.times, at_work)
        pace = _pace(times)
        work = longest = unknown = 0.0
        known = sum(
            _usual(rule) * found.count for (rule, arm), found in self.times.items() if not arm
        )
        # A job at work counts for what is left of it, one that waits for all of it.
        jobs: list[tuple[Kind, int, AtWork | None]] = [(job.kind, 1, job) for job in at_work]
        jobs += [(kind, count, None) for kind, count in waiting.items() if count]
        for kind, count, job in jobs:
            usual = _usual(kind[0])
            expected = _expected(times, kind)
            if expected is None:
                unknown += usual * count
                expected = usual * pace
            else:
                known += usual * count
            left = expected if job is None else _left(job, expected)
            work += left * count * self.shares.get(kind[0], share)
            longest = max(longest, left)
        if known < LEAST_KNOWN * (known + unknown):
            return None
        return max(work, longest)

    def expected(self, kind: Kind) -> float | None:
        """Seconds that a job of this kind takes; None if none of its rule has finished."""
        return _expected(self.times, kind)


def in_words(seconds: float) -> str:
    """Seconds, minutes and seconds, and so on, as exact as a reader needs it: "8 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def about(seconds: float) -> str:
    """The same of an estimate, which is rounded more: "about 40 s"."""
    for limit, step in ((90, 10), (1800, 60), (5400, 300), (36_000, 1800)):
        if seconds < limit:
            return f"about {in_words(max(1, round(seconds / step)) * step)}"
    return f"about {round(seconds / 3600)} h"


def _usual(rule: str) -> float:
    return USUAL.get(rule, USUAL_OF_OTHERS)


def _expected(times: Mapping[Kind, _Times], kind: Kind) -> float | None:
    found = times.get(kind) or times.get((kind[0], ""))
    return found.mean if found else None


def _with_those_at_work(times: Mapping[Kind, _Times], at_work: list[AtWork]) -> dict[Kind, _Times]:
    """The times, and what jobs at work say: by their own account, or that they take longer.

    Of finished jobs alone the quick ones would count first, and those from before a machine became
    busy.
    """
    found = defaultdict(_Times, {kind: replace(known) for kind, known in times.items()})
    for job in at_work:
        expected = _expected(times, job.kind)
        if job.left is not None:
            taken = job.elapsed + job.left
        elif expected is not None and job.elapsed > expected:
            taken = job.elapsed
        else:
            continue
        for kind in {job.kind, (job.kind[0], "")}:
            found[kind].add(taken)
    return dict(found)


def _pace(times: Mapping[Kind, _Times]) -> float:
    """Seconds that this run takes for one of what is usual."""
    whole = [(rule, found) for (rule, arm), found in times.items() if not arm]
    usual = sum(_usual(rule) * found.count for rule, found in whole)
    return sum(found.total for _, found in whole) / usual if usual else 1.0


def _left(job: AtWork, expected: float) -> float:
    if job.left is not None:
        return job.left
    return max(expected - job.elapsed, OVERRUN * expected)
