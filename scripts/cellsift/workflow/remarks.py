"""What jobs have to remark: kept in their logs, and shown to those who watch the run."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cellsift.io.json_files import read_json

REMARK = "Note: "
# The rule whose summary keeps what was told of detection.
LABEL = "label"


class RemarksOfCluster(logging.Handler):
    """Shows what jobs of a cluster remarked, as soon as they are done.

    To be added to Snakemake's logger. Jobs on this machine write to the terminal themselves.

    Args:
        on_cluster: whether jobs run on a cluster, asked when one begins.
    """

    def __init__(self, on_cluster: Callable[[], bool]):
        super().__init__()
        self._on_cluster = on_cluster
        self._logs: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event, told = getattr(record, "event", None), vars(record)
            if event == "job_info" and not told["local"] and self._on_cluster():
                self._logs[told["jobid"]] = list(told["log"] or ())
            elif event == "job_finished":
                for line in remarks_in(self._logs.pop(told["job_id"], [])):
                    print(line, file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def remarks_in(logs: list[str]) -> list[str]:
    """The lines of these logs that are remarks; none of a log that cannot be read."""
    lines = []
    for log in logs:
        with suppress(OSError):
            lines += Path(log).read_text(errors="replace").splitlines()
    return [line for line in lines if line.startswith(REMARK)]


def told_before(dag) -> list[str]:
    """What earlier runs told of detection in brains that this one does not label again.

    `dag` is Snakemake's plan. Each run shows it, since what follows rests on it.
    """
    again = set(dag.needrun_jobs())
    done = [job for job in dag.jobs if job.rule.name == LABEL and job not in again]
    lines = []
    for job in sorted(done, key=lambda job: job.wildcards_dict["brain"]):
        # Of an older version, or removed since.
        with suppress(OSError, ValueError):
            told = read_json(job.output.summary).get("told", [])
            lines += [f"{REMARK}{sentence}" for sentence in told]
    return lines
