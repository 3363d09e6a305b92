"""What a run refuses at its start: the terminal shows the message, the log where it arose."""

import logging
import sys

from snakemake.exceptions import WorkflowError


class Refusal(WorkflowError):
    """What a run was told cannot be worked with, in the words of an InputError."""


def tell_refusals_alone(logger: logging.Logger) -> None:
    """Let the terminal show of a `Refusal` its message alone.

    Without the file of the rules and the line that it was raised in, which tell a user nothing:
    these are left to the log in .snakemake/log. `logger` is Snakemake's.
    """
    for handler in logger.handlers:
        if handler.name == "DefaultStreamHandler":
            handler.setFormatter(_MessageOfRefusal(handler.formatter or logging.Formatter()))


class _MessageOfRefusal(logging.Formatter):
    """As another formatter, but for an error that is logged while a refusal is handled."""

    def __init__(self, other: logging.Formatter):
        super().__init__()
        self._other = other

    def format(self, record: logging.LogRecord) -> str:
        error = sys.exc_info()[1]
        if isinstance(error, Refusal) and record.levelno == logging.ERROR:
            return str(error)
        return self._other.format(record)
