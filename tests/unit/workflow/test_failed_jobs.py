"""What the terminal is told of a job that failed on a cluster."""

import logging
from pathlib import Path

import pytest

from cellsift.workflow.failed_jobs import FailedJobs

OWN = "Error: brain mouse_7: plane_0006.tif cannot be decoded. Copy or export the file again."
SCHEDULERS = "slurmstepd: error: *** JOB 12 ON node CANCELLED DUE TO TIME LIMIT ***"
FAILED = "SLURM-job '12' failed, SLURM status is: 'FAILED'.\nFor details see the logs."


@pytest.fixture
def logger() -> logging.Logger:
    logger = logging.Logger("of a run")
    logger.addHandler(FailedJobs())
    return logger


@pytest.fixture
def logs(tmp_path) -> list[Path]:
    """The rule's log and the scheduler's."""
    return [tmp_path / "rule.log", tmp_path / "slurm.log"]


def fail(logger, logs: list[Path], message: str | None = FAILED, number: str | None = "12") -> None:
    """Report a failed job as Snakemake does."""
    aux = {} if number is None else {"external_jobid": number}
    told = {"rule_name": "detect_slab", "rule_msg": message, "log": list(map(str, logs))}
    logger.error("Error in rule", extra={"event": "job_error", "aux": aux, **told})


def test_the_jobs_own_message_is_told_with_where_to_read_on(logger, logs, capfd):
    logs[0].write_text(f"Error: of an earlier step\n50%|#####\n{OWN}\n")
    logs[1].write_text("Building DAG of jobs...\n")
    fail(logger, logs)
    error = capfd.readouterr().err
    assert OWN in error.splitlines()
    assert "of an earlier step" not in error
    assert all(part in error for part in ("rule detect_slab", "job 12", *map(str, logs)))


def test_a_job_that_its_scheduler_ended_is_told_in_its_words(logger, logs, capfd):
    logs[0].write_text("epoch 1\n")
    logs[1].write_text(f"Building DAG of jobs...\n{SCHEDULERS}\n")
    fail(logger, logs)
    assert SCHEDULERS in capfd.readouterr().err


def test_a_job_without_a_word_is_told_with_its_state(logger, logs, capfd):
    logs[0].write_bytes(b"\xff\xfe")
    fail(logger, logs)
    error = capfd.readouterr().err
    assert "Error: rule detect_slab: SLURM-job '12' failed, SLURM status is: 'FAILED'." in error
    assert str(logs[0]) in error
    assert str(logs[1]) not in error


def test_a_job_that_was_refused_is_told_without_what_it_said_before(logger, logs, capfd):
    logs[0].write_text(f"{OWN}\n")
    refused = ["SLURM sbatch failed. The error message was", "'invalid partition specified: gpu'."]
    fail(logger, logs, "\n".join([*refused, "    sbatch call:", "        sbatch"]), number=None)
    error = capfd.readouterr().err
    assert error.strip() == f"Error: rule detect_slab: {' '.join(refused)}"
    assert OWN not in error


def test_a_group_tells_the_message_of_the_step_that_failed(logger, logs, capfd):
    logs[0].write_text("300 candidates\n")
    logs[1].write_text(f"{OWN}\n")
    steps = [{"log": [str(log)]} for log in logs] + [{"log": ["never_began.log"]}]
    told = {"groupid": "choose", "aux_logs": [], "job_error_info": steps, "external_jobid": "12"}
    logger.error("Error in group", extra={"event": "group_error", **told})
    fail(logger, logs, message=None, number=None)
    error = capfd.readouterr().err
    assert error.count(OWN) == 1
    assert "group choose" in error
    assert "never_began" not in error


def test_jobs_of_this_machine_and_all_else_are_passed_over(logger, logs, capfd):
    logs[0].write_text(f"{OWN}\n")
    fail(logger, logs, message=None, number=None)
    logger.info("5 of 7 steps done", extra={"event": "progress"})
    logger.warning("a warning of Snakemake")
    assert capfd.readouterr().err == ""
