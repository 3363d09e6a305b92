"""What Snakemake itself says of a disk that fails, in the words that jobs use for it."""

import errno
import logging
import os
import sys
from pathlib import Path

from snakemake.exceptions import ProtectedOutputException

from cellsift.errors import disk_trouble


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
