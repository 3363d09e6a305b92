"""What a run refuses at its start is told in one message; where it arose stands in the log."""

import io

import pytest
from snakemake.exceptions import WorkflowError, print_exception
from snakemake.logging import ColorizingTextHandler, DefaultFormatter
from snakemake.logging import logger as of_snakemake

from cellsift.workflow.refusal import Refusal, tell_refusals_alone

SAID = "none.tsv: there is no such table; correct brains_table in the config."


@pytest.fixture
def streams(monkeypatch) -> tuple[io.StringIO, io.StringIO]:
    """The terminal and the log of a run whose refusals are told alone."""
    terminal, file = io.StringIO(), io.StringIO()
    shown, kept = (ColorizingTextHandler(True, stream) for stream in (terminal, file))
    shown.name, kept.name = "DefaultStreamHandler", "DefaultLogFileHandler"
    for handler in (shown, kept):
        handler.setFormatter(DefaultFormatter(quiet=set()))
    monkeypatch.setattr(of_snakemake, "handlers", [shown, kept])
    tell_refusals_alone(of_snakemake)
    return terminal, file


def refuse(error: Exception) -> None:
    """As Snakemake does where reading the rules ends with an error."""
    try:
        raise error
    except Exception as raised:
        print_exception(raised, {__file__: dict(enumerate(range(1000)))})


def test_the_terminal_shows_the_message_alone_and_the_log_where_it_arose(streams):
    refuse(Refusal(SAID))
    terminal, file = (stream.getvalue() for stream in streams)
    assert terminal == f"{SAID}\n"
    assert SAID in file
    assert f'in file "{__file__}", line' in file


def test_of_other_errors_the_terminal_shows_where_they_arose(streams):
    refuse(WorkflowError("a fault of the rules"))
    assert f'in file "{__file__}", line' in streams[0].getvalue()


def test_what_else_is_said_while_one_is_handled_stays(streams):
    try:
        raise Refusal(SAID)
    except Refusal:
        of_snakemake.warning("something else")
    assert streams[0].getvalue() == "something else\n"
