"""What Snakemake itself says of jobs that fail, where jobs say it better, and of a failing disk."""

import errno
import logging
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import ProtectedOutputException

from cellsift.errors import disk_trouble

# A script that ends with 1 has said why; one that was killed ends otherwise.
SCRIPT_FAILED = re.compile(
    r"CalledProcessError in file .*returned non-zero exit status 1\.\s*\Z", re.DOTALL
)
# That a run has failed it says itself at its end.
RUN_FAILED = re.compile(
    r"Shutting down, this might take some time"
    r"|Exiting because a job execution failed"
    r"|WorkflowError:\s+At least one job did not complete successfully"
)


def repeats_failure(record: logging.LogRecord) -> bool:
    """Whether Snakemake says of a failure only what the job and the run say in plainer words.

    Such as the command of a job that has told in the terminal why it failed.
    """
    if getattr(record, "event", None) in ("job_error", "group_error"):
        return True
    message = str(record.msg)
    return bool(SCRIPT_FAILED.search(message) or RUN_FAILED.match(message))


def explain_disk_errors(logger: logging.Logger) -> None:
    """Let Snakemake's logger say what to do about a disk's error, in place of a traceback.

    Snakemake makes and removes files for jobs before they start; where it cannot, the run ends.
    """
    logger.addFilter(_with_remedy)
    # Its own log may lie on a full disk; of that, too, one message is enough.
    logging.raiseExceptions = False


def _with_remedy(record: logging.LogRecord) -> bool:
    # Snakemake logs an error while it is handled.
    error = sys.exc_info()[1]
    if isinstance(error, OSError) and "Traceback" in str(record.msg) and disk_trouble(error):
        # Without a name it is one of Snakemake's notes.
        record.msg = f"Error: {error.filename or Path.cwd()}: {disk_trouble(error)}."
    elif isinstance(error, ProtectedOutputException):
        closed = OSError(errno.EACCES, os.strerror(errno.EACCES))
        record.msg = f"{record.msg}\nError: {disk_trouble(closed)}."
    return True
