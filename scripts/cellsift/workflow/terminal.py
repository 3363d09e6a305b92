"""What the terminal shows of a run: a line for each step that is done, and signs of life between.

All that Snakemake has to say is in its own log, below .snakemake/log.
"""

import logging
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

from snakemake.logging import DefaultFilter
from snakemake.settings.enums import Quietness

from cellsift.workflow.job_names import JobNames
from cellsift.workflow.plan import Plan, PlannedJob, numbers_of, planned_jobs
from cellsift.workflow.progress_file import JobProgress, progress_file, read_progress
from cellsift.workflow.remarks import told_before
from cellsift.workflow.snakemake_messages import repeats_failure
from cellsift.workflow.time_left import AtWork, TimeLeft, about, in_words

# Seconds without a line until a sign of life; more of them come more slowly, up to the second.
SILENCE, LONGEST_SILENCE = 30, 60
# The same while all jobs wait for the cluster.
IN_QUEUE, LONGEST_IN_QUEUE = 60, 1800
# Seconds for which it is not asked again which jobs of a cluster are at work.
LOOK_EVERY = 10
# What Snakemake reports of jobs and of itself, and the display in its own words or not at all.
REPLACED = {
    "workflow_started",
    "run_info",
    "resources_info",
    "job_info",
    "group_info",
    "shellcmd",
    "job_started",
    "job_finished",
    "progress",
}
CHATTER = re.compile(
    r"Assuming unrestricted shared filesystem usage|Building DAG of jobs|Using shell: "
    r"|(Conda environments|Singularity containers): ignored|Group jobs: inactive"
    r"|Select jobs to execute|SLURM run ID: |Job \S+ has been submitted with SLURM jobid "
    r"|'sacct' unavailable"
)
AGAIN = re.compile(r"Trying to restart job (\d+)\.")


@dataclass
class Begun:
    """A job that Snakemake has begun, or sent to the cluster."""

    job: PlannedJob
    since: float
    remote: bool
    noted: JobProgress | None = None
    shown: int = 0

    @property
    def queued(self) -> bool:
        """Whether it waits for the cluster, as far as it has been looked at."""
        return self.remote and self.noted is None

    @property
    def at_work(self) -> bool:
        """Whether it works: Snakemake learns late of jobs of a cluster that have ended."""
        return not self.queued and (self.noted is None or self.noted.seconds is None)


class RunDisplay(logging.Handler):
    """Tells of a run what Snakemake's logger, to which it is added, reports of jobs.

    Args:
        plan: gives what is to be done; called once, when Snakemake has planned it.
        stream: where the lines go.
        silence: seconds without a line until a sign of life; 0: never.
        clock: seconds from any moment on.
    """

    def __init__(
        self,
        plan: Callable[[], Plan],
        *,
        stream: TextIO | None = None,
        silence: float = SILENCE,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        self._make_plan = plan
        self._stream = stream or sys.stderr
        self._silence, self._clock = silence, clock
        self._plan = Plan({})
        self._begun: dict[int, Begun] = {}
        self._done: set[int] = set()
        self._failed: set[int] = set()
        self._broken = False
        self._times = TimeLeft()
        self._looked = self._spoke = self._clock()
        self._signs = self._turns = self._most_at_work = 0
        # Not the handler's own lock: Snakemake holds that one while it closes the handler.
        self._state = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._told_by = {
            "run_info": self._plan_made,
            "job_info": self._job_begun,
            "job_finished": self._job_done,
            "job_error": self._job_failed,
        }

    def emit(self, record: logging.LogRecord) -> None:
        try:
            with self._state:
                event = getattr(record, "event", None)
                if event in self._told_by:
                    self._told_by[event](vars(record))
                elif (number := self._tried_again(record)) is not None:
                    self._failed.discard(number)
                    self._print(f"{self._plan.jobs[number].name}: is tried again")
                elif str(record.msg).startswith("Building DAG of jobs"):
                    self._print("Looking for what is to be done.")
        except Exception:
            # From here on Snakemake's own lines are shown: a run must not go on in silence.
            self._broken = True
            self.handleError(record)

    def close(self) -> None:
        """End the signs of life."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=2)
        super().close()

    def tells(self, record: logging.LogRecord) -> bool:
        """Whether the display says in its own words what Snakemake reports, or leaves it out."""
        if self._broken or record.levelno > logging.INFO:
            return False
        # Of some messages Snakemake itself says that they are details.
        if getattr(record, "event", None) in REPLACED or hasattr(record, "quietness"):
            return True
        return bool(CHATTER.match(str(record.msg))) or self._tried_again(record) is not None

    def sign_of_life(self) -> str | None:
        """One line on what is at work now; None if nothing is.

        The jobs have their turn one after the other.
        """
        self._look()
        at_work = [begun for begun in self._begun.values() if begun.at_work]
        queued = sum(begun.queued for begun in self._begun.values())
        in_queue = f"{queued} in the cluster's queue" if queued else ""
        if not at_work:
            return f"nothing at work, {in_queue}" if queued else None
        turn = min(at_work, key=lambda begun: begun.shown)
        self._turns += 1
        turn.shown = self._turns
        more = f"{len(at_work) - 1} more at work" if len(at_work) > 1 else ""
        others = ", ".join(filter(None, [more, in_queue]))
        return f"{turn.job.name}: {self._how_far(turn)}{f' ({others})' if others else ''}"

    def _plan_made(self, _: Mapping[str, Any]) -> None:
        self._plan = self._make_plan()
        where = "" if self._plan.remote else f" on {_number(self._cores, 'core')}"
        self._print(f"{_number(len(self._plan.jobs), 'step')} to do{where}.")
        for line in self._plan.told_before:
            self._print(line)
        if self._silence:
            self._thread = threading.Thread(target=self._watch, name="signs of life", daemon=True)
            self._thread.start()

    @property
    def _cores(self) -> int:
        return max(self._plan.limits.get("_cores", 1), 1)

    def _job_begun(self, told: Mapping[str, Any]) -> None:
        if (job := self._plan.jobs.get(told["jobid"])) is None:
            return
        # What an earlier try has noted.
        _forget(job)
        self._failed.discard(told["jobid"])
        remote = self._plan.remote and not told["local"]
        self._begun[told["jobid"]] = Begun(job, self._clock(), remote)
        if not remote:
            needs = dict(told["resources"].items())
            self._times.needs(job.kind[0], _share(needs, self._plan.limits))

    def _job_done(self, told: Mapping[str, Any]) -> None:
        if (job := self._plan.jobs.get(told["job_id"])) is None:
            return
        begun = self._begun.pop(told["job_id"], None)
        self._done.add(told["job_id"])
        took = None if begun is None else self._took(begun)
        _forget(job)
        if took is not None:
            self._times.took(job.kind, took)
        parts = [
            job.name if took is None else f"{job.name}: {in_words(took)}",
            ", ".join([f"{len(self._done)} of {len(self._plan.jobs)}", *self._outlook()]),
        ]
        self._print("; ".join(parts))

    def _job_failed(self, told: Mapping[str, Any]) -> None:
        if (job := self._plan.jobs.get(told["jobid"])) is None:
            return
        self._begun.pop(told["jobid"], None)
        self._failed.add(told["jobid"])
        _forget(job)
        self._print(f"{job.name}: failed")

    def _tried_again(self, record: logging.LogRecord) -> int | None:
        found = AGAIN.match(str(record.msg))
        return int(found[1]) if found and int(found[1]) in self._plan.jobs else None

    def _outlook(self) -> Iterable[str]:
        self._look()
        lost = self._plan.out_of_reach(self._failed)
        if lost:
            yield f"{len(lost)} cannot be done"
        left = self._seconds_left(lost)
        if left is not None:
            yield f"{about(left)} left"

    def _seconds_left(self, lost: set[int]) -> float | None:
        if lost and not self._plan.keep_going:
            # Nothing more is begun.
            return None
        at_work = [begun for begun in self._begun.values() if begun.at_work]
        begun = {number for number, job in self._begun.items() if not job.queued}
        waiting = Counter(
            job.kind
            for number, job in self._plan.jobs.items()
            if number not in self._done | lost | begun
        )
        if not waiting and not at_work or self._in_queue():
            return None
        self._most_at_work = max(self._most_at_work, len(at_work))
        # How many jobs a cluster lets work at once is seen, not known.
        cores = self._most_at_work if self._plan.remote else self._cores
        jobs = [AtWork(b.job.kind, self._elapsed(b), _left(b.noted)) for b in at_work]
        return self._times.seconds(jobs, waiting, 1 / max(cores, 1))

    def _took(self, begun: Begun) -> float | None:
        """Seconds that a job took; of one on a cluster by its own account, without the queue."""
        if not begun.remote:
            return self._clock() - begun.since
        noted = self._noted(begun)
        if noted is None:
            return None
        return self._elapsed(begun) if noted.seconds is None else noted.seconds

    def _elapsed(self, begun: Begun) -> float:
        if begun.remote and begun.noted is not None:
            # The node's clock may differ from this one.
            return max(time.time() - begun.noted.begun, 0)
        return self._clock() - begun.since

    def _look(self) -> None:
        """See which jobs are at work, and how far."""
        for number in self._plan.given_up():
            # Not every failure is reported as one of a job.
            if self._begun.pop(number, None):
                self._failed.add(number)
        now = self._clock()
        if now - self._looked < LOOK_EVERY:
            return
        self._looked = now
        for begun in self._begun.values():
            self._noted(begun)

    def _noted(self, begun: Begun) -> JobProgress | None:
        if begun.job.log is not None:
            begun.noted = read_progress(begun.job.log) or begun.noted
        return begun.noted

    def _how_far(self, begun: Begun) -> str:
        noted, elapsed = begun.noted, self._elapsed(begun)
        if noted is not None and noted.total > 1:
            now = min(int(noted.done) + 1, noted.total)
            far, left = f"{noted.unit} {now} of {noted.total}", noted.left
        else:
            far, left = f"{in_words(elapsed)} so far", None
            expected = self._times.expected(begun.job.kind)
            if expected is not None and expected > elapsed:
                left = expected - elapsed
        return far if left is None else f"{far}, {about(left)} left"

    def _watch(self) -> None:
        while not self._ended.wait(max(self._due() - self._clock(), 1)):
            with self._state:
                if self._clock() < self._due():
                    continue
                line, signs = self.sign_of_life(), self._signs + 1
                if line is None:
                    self._spoke = self._clock()
                else:
                    self._print(f"  {line}")
                self._signs = signs

    def _due(self) -> float:
        """When the next sign of life is due."""
        if self._in_queue():
            wait = min(IN_QUEUE * 2 ** min(self._signs, 10), LONGEST_IN_QUEUE)
        else:
            wait = min(self._silence * (1 + self._signs / 10), 2 * self._silence)
        return self._spoke + wait

    def _in_queue(self) -> bool:
        """Whether all jobs wait for the cluster: nobody knows for how long."""
        return bool(self._begun) and all(begun.queued for begun in self._begun.values())

    def _print(self, line: str) -> None:
        self._spoke, self._signs = self._clock(), 0
        # A terminal that is gone stops no run.
        with suppress(OSError, ValueError):
            print(line, file=self._stream, flush=True)


def show_run(logger: logging.Logger, workflow: Any, names: JobNames) -> None:
    """Let the terminal show a run by its steps, and Snakemake's log in .snakemake/log all of it.

    Where the user asked Snakemake to say more (--verbose) or nothing, or to speak through a plugin
    of another kind, the terminal stays as it is.
    """
    handlers = {handler.name: handler for handler in logger.handlers}
    settings = workflow.output_settings
    if file := handlers.get("DefaultLogFileHandler"):
        file.filters = [
            DefaultFilter((), settings.debug_dag, settings.verbose, False, settings.printshellcmds)
        ]
    terminal = handlers.get("DefaultStreamHandler")
    quiet = {Quietness.PROGRESS, Quietness.ALL} & set(settings.quiet or ())
    if not isinstance(terminal, logging.StreamHandler) or settings.verbose or settings.debug_dag:
        return
    terminal.addFilter(lambda record: not repeats_failure(record))
    if quiet:
        return
    display = RunDisplay(
        lambda: Plan(
            planned_jobs(workflow.dag, names),
            workflow.scheduler.global_resources,
            remote=not workflow.local_exec,
            keep_going=workflow.execution_settings.keep_going,
            given_up=lambda: numbers_of(workflow.dag, workflow.scheduler.failed),
            told_before=told_before(workflow.dag),
        ),
        stream=terminal.stream,
    )
    terminal.addFilter(lambda record: not display.tells(record))
    logger.addHandler(display)


def _number(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _forget(job: PlannedJob) -> None:
    if job.log is not None:
        with suppress(OSError):
            progress_file(job.log).unlink()


def _left(noted: JobProgress | None) -> float | None:
    return None if noted is None else noted.left


def _share(needs: Mapping[str, object], limits: Mapping[str, float]) -> float:
    """The largest share that a job needs of anything that there is a limit of."""
    shares = [
        need / limits[name]
        for name, need in needs.items()
        if isinstance(need, int) and 0 < limits.get(name, 0) < sys.maxsize
    ]
    return min(max(shares, default=1.0), 1.0)
