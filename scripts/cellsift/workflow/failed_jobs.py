"""What the terminal is told of jobs that fail on a cluster, whose own words stay in their logs."""

import logging
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

# How a job's own message begins, and that of a scheduler which ended it.
BEGINNINGS = ("Error: ", "slurmstepd: error: ")


class FailedJobs(logging.Handler):
    """Says why a job of a cluster failed, in few lines, at once and at every try.

    To be added to Snakemake's logger. Of jobs on this machine, which tell the terminal themselves,
    it says nothing.
    """

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if lines := failure_lines(record):
                print("", *lines, sep="\n", file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def failure_lines(record: Any) -> list[str]:
    """The lines that tell of a failed job of a cluster; none for all else that is reported.

    `record` is one of logging, with what Snakemake adds to it.
    """
    event = getattr(record, "event", None)
    # What Snakemake adds to a record, by event, logging's type does not know.
    added: Any = record
    # Only what runs elsewhere comes with a message, and is grouped.
    if event == "job_error" and added.rule_msg:
        name, number = f"rule {added.rule_name}", added.aux.get("external_jobid")
        why, logs = _in_one_line(added.rule_msg), added.log
    elif event == "group_error":
        name, number = f"group {added.groupid}", getattr(record, "external_jobid", None)
        own = [log for job in added.job_error_info for log in job["log"]]
        why, logs = "its job on the cluster failed", [*own, *added.aux_logs]
    else:
        return []
    if number is None:
        return [f"Error: {name}: {why}"]
    logs = [log for log in logs if Path(log).exists()]
    told = last_messages(logs) or [f"Error: {name}: {why}"]
    return [*told, f"({name}, job {number}; more in {', '.join(logs)})"]


def last_messages(logs: Iterable[str | Path]) -> list[str]:
    """The last message of the job itself in its logs, and its scheduler's, where there is one."""
    lines = [line for log in logs for line in _lines(Path(log))]
    found = [[line for line in lines if line.startswith(start)] for start in BEGINNINGS]
    return [messages[-1] for messages in found if messages]


def _in_one_line(message: str) -> str:
    # What is indented is the command that was refused.
    lines = message.splitlines()
    return " ".join(line for line in lines if line and not line[0].isspace())


def _lines(log: Path) -> list[str]:
    with suppress(OSError):
        return log.read_text(errors="replace").splitlines()
    return []
