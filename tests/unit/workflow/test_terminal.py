"""What the terminal shows of a run, by records as Snakemake logs them."""

import io
import logging
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness

from cellsift.workflow.job_names import JobNames
from cellsift.workflow.plan import Plan, PlannedJob, planned_jobs
from cellsift.workflow.progress_file import ProgressNotes, progress_file
from cellsift.workflow.terminal import RunDisplay, show_run

RESOURCES = {"_cores": 1, "_nodes": 1, "mem_mb": 2000, "slurm_partition": "cpu"}
# Two trainings, what needs each of them, and a report that needs all.
NEEDED_BY = {1: (3,), 2: (4,), 3: (5,), 4: (5,), 5: ()}
TRAININGS = ("train vit, fold 1 of 2", "train vit, fold 2 of 2")


class Run:
    """A run as its display sees it."""

    def __init__(self, folder, **plan):
        logs = {number: folder / f"{number}.log" for number in NEEDED_BY}
        steps = [("train", name) for name in TRAININGS]
        steps += [("classify", "classify a by vit"), ("classify", "classify b by vit")]
        steps += [("report_index", "report of all brains")]
        jobs = {
            number: PlannedJob(name, (rule, ""), logs[number], NEEDED_BY[number])
            for number, (rule, name) in enumerate(steps, 1)
        }
        self.logs, self.now, self.stream = logs, 0.0, io.StringIO()
        self.display = RunDisplay(
            lambda: Plan(jobs, **{"limits": {"_cores": 2}, **plan}),
            stream=self.stream,
            silence=0,
            clock=lambda: self.now,
        )
        self.logger = logging.Logger("of a run")
        self.logger.addHandler(self.display)
        self.logger.info("Job stats: a table", extra={"event": "run_info", "stats": {"total": 6}})

    def begin(self, number: int, local: bool = False) -> None:
        told = {"jobid": number, "local": local, "resources": RESOURCES}
        self.logger.info(" Rule: ...", extra={"event": "job_info", **told})

    def finish(self, number: int, after: float = 0) -> str:
        """The line of a job that is done so many seconds later."""
        self.now += after
        told = {"event": "job_finished", "job_id": number}
        self.logger.info(f"Finished jobid: {number} (Rule: ...)", extra=told)
        return self.lines[-1]

    def fail(self, number: int) -> None:
        told = {"event": "job_error", "jobid": number, "rule_msg": None}
        self.logger.error("Error in rule ...", extra=told)

    def note(self, number: int) -> ProgressNotes:
        """What a job notes; it is seen when it was not looked at for a while."""
        self.now += 11
        return ProgressNotes(self.logs[number])

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path)


@pytest.fixture
def on_cluster(tmp_path) -> Run:
    return Run(tmp_path, remote=True, keep_going=True, limits={"_nodes": 100})


def test_a_finished_job_is_one_line_with_how_far_the_run_is(run):
    assert run.lines == ["5 steps to do on 2 cores."]
    run.begin(1)
    run.begin(2)
    assert run.finish(2, after=100) == f"{TRAININGS[1]}: 2 min; 1 of 5, about 10 s left"
    assert len(run.lines) == 2
    assert run.finish(1, after=20) == f"{TRAININGS[0]}: 2 min; 2 of 5, about 10 s left"
    for number in (3, 4, 5):
        run.begin(number)
        last = run.finish(number, after=4)
    assert last == "report of all brains: 4 s; 5 of 5"


def test_what_earlier_runs_told_of_detection_is_shown_at_once(tmp_path):
    run = Run(tmp_path, told_before=["Note: brain a: all 9 annotated cells have a candidate"])
    assert run.lines[1:] == ["Note: brain a: all 9 annotated cells have a candidate"]


def test_nothing_is_told_of_the_time_that_nobody_knows(run):
    run.begin(3)
    assert run.finish(3, after=1) == "classify a by vit: 1 s; 1 of 5"


def test_a_display_that_fails_leaves_the_word_to_snakemake(run, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    record = logging.makeLogRecord({"levelno": logging.INFO, "event": "job_finished"})
    assert run.display.tells(record)
    # Such as a record of a Snakemake that names its parts otherwise.
    run.logger.info("Finished", extra={"event": "job_finished"})
    assert not run.display.tells(record)


def test_what_makes_nothing_is_no_step(run):
    run.begin(0)
    run.logger.info("Finished", extra={"event": "job_finished", "job_id": 0})
    assert len(run.lines) == 1


def test_a_failed_job_and_what_needs_it_are_counted_apart(tmp_path):
    run = Run(tmp_path, keep_going=True)
    run.begin(1)
    run.begin(2)
    run.fail(1)
    assert run.lines[-1] == f"{TRAININGS[0]}: failed"
    assert run.finish(2, after=60).startswith(
        f"{TRAININGS[1]}: 60 s; 1 of 5, 3 cannot be done, about"
    )


def test_a_run_that_stops_at_a_failure_tells_no_time(run):
    run.begin(1)
    run.begin(2)
    run.fail(1)
    assert run.finish(2, after=60).endswith("1 of 5, 3 cannot be done")


def test_a_job_that_failed_without_a_report_is_not_at_work(tmp_path):
    given_up = []
    run = Run(tmp_path, keep_going=True, given_up=lambda: given_up)
    run.begin(1)
    assert run.display.sign_of_life() is not None
    given_up.append(1)
    assert run.display.sign_of_life() is None
    run.begin(2)
    assert ", 3 cannot be done" in run.finish(2, after=60)


def test_a_job_that_is_tried_again_has_not_failed(run):
    run.begin(1)
    run.begin(2)
    run.fail(1)
    run.logger.info("Trying to restart job 1.")
    assert run.lines[-1] == f"{TRAININGS[0]}: is tried again"
    run.now += 1000
    run.begin(1)
    assert run.finish(1, after=5).startswith(f"{TRAININGS[0]}: 5 s; 1 of 5, about")


def test_a_sign_of_life_tells_the_epoch_and_its_jobs_have_turns(run):
    run.begin(1)
    run.begin(2)
    run.note(2).counted("epoch")(11.4, 30)
    signs = [run.display.sign_of_life() for _ in range(3)]
    assert signs == [
        f"{TRAININGS[0]}: 11 s so far (1 more at work)",
        f"{TRAININGS[1]}: epoch 12 of 30 (1 more at work)",
        f"{TRAININGS[0]}: 11 s so far (1 more at work)",
    ]


def test_a_sign_of_life_tells_what_is_left(run, monkeypatch):
    run.begin(1)
    note = run.note(1).counted("epoch")
    note(0, 30)
    start = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start + 120)
    note(12, 30)
    assert run.display.sign_of_life() == f"{TRAININGS[0]}: epoch 13 of 30, about 3 min left"


def test_what_an_earlier_try_noted_is_forgotten(run):
    run.note(1).begun()
    run.begin(1)
    assert not progress_file(run.logs[1]).exists()
    run.note(1).begun()
    run.fail(1)
    assert not progress_file(run.logs[1]).exists()


def test_a_job_like_finished_ones_is_told_with_the_time_they_took(run):
    run.begin(3)
    run.finish(3, after=100)
    run.begin(4)
    run.now += 40
    assert run.display.sign_of_life() == "classify b by vit: 40 s so far, about 60 s left"


def test_without_a_job_there_is_no_sign(run):
    assert run.display.sign_of_life() is None


def test_what_waits_for_the_cluster_is_not_at_work(on_cluster):
    run = on_cluster
    assert run.lines == ["5 steps to do."]
    run.begin(1)
    run.begin(2)
    run.now += 3600
    assert run.display.sign_of_life() == "nothing at work, 2 in the cluster's queue"
    run.note(1).begun()
    sign = run.display.sign_of_life()
    assert sign == f"{TRAININGS[0]}: 1 s so far (1 in the cluster's queue)"


def test_time_in_the_queue_is_not_counted(on_cluster, monkeypatch):
    run = on_cluster
    run.begin(1)
    run.begin(2)
    run.now += 3600
    notes = run.note(1)
    notes.begun()
    start = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: start + 90)
    notes.ended()
    # The other is in the queue, and who knows for how long.
    assert run.finish(1, after=30) == f"{TRAININGS[0]}: 2 min; 1 of 5"


def test_a_job_that_the_cluster_has_ended_is_not_at_work(on_cluster):
    on_cluster.begin(1)
    on_cluster.note(1).ended()
    assert on_cluster.display.sign_of_life() is None


def test_a_terminal_that_is_gone_stops_no_run(run, monkeypatch):
    def gone(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(run.stream, "write", gone)
    run.begin(1)
    run.finish(1)
    assert len(run.lines) == 1


def test_the_clusters_own_messages_are_left_to_the_log(run):
    for message in (
        "Job 7 has been submitted with SLURM jobid 12 (log: /somewhere).",
        "Job 1257d7de-daaa-5440-a4d4 has been submitted with SLURM jobid 72 (log: /somewhere).",
        "SLURM run ID: cellsift-5",
        "Select jobs to execute...",
        "Using shell: /usr/bin/bash",
    ):
        record = logging.makeLogRecord({"msg": message, "levelno": logging.INFO})
        assert run.display.tells(record), message
    told = {"msg": "Removing temporary output a.npz.", "levelno": logging.INFO}
    assert run.display.tells(logging.makeLogRecord(told | {"quietness": Quietness.RULES}))


def test_what_a_user_has_to_know_is_left_to_snakemake(run):
    for message, level in (
        ("Nothing to be done (all requested files are present and up to date).", logging.INFO),
        ("Creating conda environment envs/networks.yaml...", logging.INFO),
        ("Terminating processes on user request, this might take some time.", logging.INFO),
        ("Trying to restart job 99.", logging.INFO),
        ("Select jobs to execute...", logging.WARNING),
    ):
        record = logging.makeLogRecord({"msg": message, "levelno": level})
        assert not run.display.tells(record), message
    told = {"msg": "Error in rule", "levelno": logging.ERROR, "event": "job_error"}
    assert not run.display.tells(logging.makeLogRecord(told))


def test_signs_come_after_silence_and_end_with_the_display(tmp_path, monkeypatch):
    run = Run(tmp_path)
    run.display._silence = 1
    run.display._clock = time.monotonic
    run.display._plan_made({})
    run.begin(1)
    deadline = time.monotonic() + 10
    while not run.lines[-1].startswith("  ") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert run.lines[-1].startswith(f"  {TRAININGS[0]}: ")
    thread = run.display._thread
    assert thread.daemon
    # As Snakemake does it.
    run.display.acquire()
    run.display.close()
    run.display.release()
    assert not thread.is_alive()


@dataclass(frozen=True, eq=False)
class PlannedTraining:
    """A job as Snakemake plans it."""

    rule = SimpleNamespace(name="train")
    wildcards_dict = {"arm": "vit", "fold": "0"}
    log = ("logs/train/vit/fold-0.log",)
    is_norun: bool = False


def of_snakemake(**settings) -> SimpleNamespace:
    """What of Snakemake's workflow the display asks for."""
    defaults = {"quiet": {Quietness.RULES}, "verbose": False, "debug_dag": False}
    output = SimpleNamespace(**{**defaults, "printshellcmds": False, **settings})
    training, last = PlannedTraining(), PlannedTraining(is_norun=True)
    dag = SimpleNamespace(
        needrun_jobs=lambda: [training, last],
        jobid={training: 4, last: 0}.get,
        depending={training: {last: set()}},
        jobs=[training, last],
    )
    return SimpleNamespace(
        output_settings=output,
        dag=dag,
        scheduler=SimpleNamespace(global_resources={"_cores": 1}, failed=set()),
        local_exec=True,
        execution_settings=SimpleNamespace(keep_going=False),
    )


def handlers(quiet) -> tuple[logging.Logger, io.StringIO, io.StringIO]:
    """A logger with Snakemake's handlers for the terminal and its file."""
    logger, terminal, file = logging.Logger("snakemake"), io.StringIO(), io.StringIO()
    for name, handler in (
        ("DefaultStreamHandler", ColorizingTextHandler(stream=terminal)),
        ("DefaultLogFileHandler", logging.StreamHandler(file)),
    ):
        handler.name = name
        handler.setFormatter(DefaultFormatter(quiet))
        handler.addFilter(DefaultFilter(quiet, False, False, False, False))
        logger.addHandler(handler)
    return logger, terminal, file


def report(logger: logging.Logger) -> None:
    """Report a run of one job."""
    job = {"jobid": 4, "local": False, "resources": RESOURCES, "rule_name": "train"}
    job |= {"rule_msg": None, "is_checkpoint": False, "input": ["a.zarr"], "output": [], "log": []}
    job |= {"benchmark": None, "reason": "Missing output", "wildcards": {}, "threads": 1}
    logger.info("Building DAG of jobs...")
    logger.info("Job stats:\na table", extra={"event": "run_info", "stats": {}})
    logger.info("Select jobs to execute...")
    logger.info("", extra={"event": "job_info", "priority": 0, **job})
    logger.info("Finished jobid: 4", extra={"event": "job_finished", "job_id": 4})
    logger.info(None, extra={"event": "progress", "done": 1, "total": 2})


def test_the_terminal_is_calm_and_the_log_has_it_all():
    workflow = of_snakemake()
    logger, terminal, file = handlers(workflow.output_settings.quiet)
    show_run(logger, workflow, JobNames(2, {}))
    report(logger)
    logger.handlers[-1].close()
    assert terminal.getvalue().splitlines() == [
        "Looking for what is to be done.",
        "1 step to do on 1 core.",
        "train vit, fold 1 of 2: 1 s; 1 of 1",
    ]
    logged = file.getvalue()
    assert all(part in logged for part in ("Select jobs", "rule train:", "a.zarr", "1 of 2 steps"))


@pytest.mark.parametrize(
    "settings",
    [
        {"verbose": True},
        {"quiet": {Quietness.PROGRESS, Quietness.RULES}},
        {"quiet": {Quietness.ALL}},
    ],
)
def test_who_asks_snakemake_for_more_or_for_nothing_gets_it(settings):
    workflow = of_snakemake(**settings)
    logger, terminal, _ = handlers(workflow.output_settings.quiet)
    show_run(logger, workflow, JobNames(2, {}))
    report(logger)
    assert "to do" not in terminal.getvalue()
    assert ("Select jobs" in terminal.getvalue()) == (
        Quietness.ALL not in workflow.output_settings.quiet
    )


FAILED = "CalledProcessError in file training.smk\nCommand 'p' returned non-zero exit status {}."


@pytest.mark.parametrize("quiet", [{Quietness.RULES}, set(), {Quietness.PROGRESS}])
def test_a_failed_job_is_told_by_its_own_message_alone(quiet):
    """In the log there is all that Snakemake says of it."""
    workflow = of_snakemake(quiet=quiet)
    logger, terminal, file = handlers(quiet)
    show_run(logger, workflow, JobNames(2, {}))
    failed = {"event": "error", "exception": "RuleException"}
    logger.error(f"RuleException:\n{FAILED.format(1)}", extra=failed)
    logger.info("Shutting down, this might take some time.")
    logger.error("Exiting because a job execution failed. Look above for error messages")
    logger.handlers[-1].close()
    assert terminal.getvalue() == ""
    assert "non-zero exit status 1" in file.getvalue()
    logger.error(f"RuleException:\n{FAILED.format(137)}", extra=failed)
    assert "non-zero exit status 137" in terminal.getvalue()


def test_only_jobs_that_make_something_are_planned():
    jobs = planned_jobs(of_snakemake().dag, JobNames(2, {}))
    assert {number: job.name for number, job in jobs.items()} == {4: "train vit, fold 1 of 2"}
    assert jobs[4].kind == ("train", "vit")
    assert jobs[4].needed_by == ()
