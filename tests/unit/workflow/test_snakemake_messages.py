"""Snakemake's own tracebacks of a failing disk become messages; those of faults stay."""

import errno
import logging
import os
from subprocess import CalledProcessError

import pytest
from snakemake.exceptions import RuleException, WorkflowError, print_exception
from snakemake.logging import logger

from cellsift.workflow.snakemake_messages import explain_disk_errors, repeats_failure


@pytest.fixture
def told(caplog, monkeypatch):
    """A function: what Snakemake logs of an error that it comes upon."""
    monkeypatch.setattr(logger, "filters", [])
    monkeypatch.setattr(logging, "raiseExceptions", True)
    explain_disk_errors(logger)

    def log(error: Exception) -> str:
        try:
            raise error
        except Exception as raised:
            print_exception(raised, {})
        return caplog.records[-1].getMessage()

    return log


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ESTALE])
def test_a_failing_disk_is_told_with_what_to_do(told, number):
    said = told(OSError(number, os.strerror(number), "results/brains/a/cells.csv"))
    assert said.startswith("Error: results/brains/a/cells.csv: ")
    assert os.strerror(number) in said
    assert "start the run again" in said
    assert "\n" not in said


def test_a_disk_without_a_file_is_that_of_the_working_directory(told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"{tmp_path}: there is no room" in told(OSError(errno.ENOSPC, "No space left on device"))


@pytest.mark.parametrize("fault", [ValueError("wrong"), OSError("no number")])
def test_a_fault_keeps_its_traceback(told, fault):
    said = told(fault)
    assert said.startswith("Traceback")
    assert str(fault) in said


def test_other_messages_stay_as_they_are(told, caplog):
    told(OSError(errno.EROFS, "Read-only"))
    try:
        raise OSError(errno.EROFS, "Read-only")
    except OSError:
        logger.error("a job failed")
    assert caplog.records[-1].getMessage() == "a job failed"


@pytest.fixture
def is_repeated(caplog):
    """A function: whether what Snakemake logs of an error only repeats what the job has told."""

    def ask(error: Exception) -> bool:
        print_exception(error, {})
        return repeats_failure(caplog.records[-1])

    return ask


def of_script(status: int) -> RuleException:
    """What Snakemake makes of a script that ends with this status."""
    failed = CalledProcessError(status, "set -euo pipefail;\n python folds.py")
    return RuleException(f'CalledProcessError in file "training.smk", line 16:\n{failed}')


def test_a_script_that_has_told_why_it_failed_is_not_told_of_again(is_repeated):
    assert is_repeated(of_script(1))
    assert is_repeated(WorkflowError("At least one job did not complete successfully."))


@pytest.mark.parametrize("status", [137, -9, 127, 2, 11])
def test_a_script_that_was_killed_is_told_of_in_snakemakes_words(is_repeated, status):
    assert not is_repeated(of_script(status))


def test_what_snakemake_alone_knows_stays(is_repeated):
    assert not is_repeated(WorkflowError("config: arms: give at least one"))
    assert not is_repeated(RuleException("Missing files after 5 seconds"))
