"""What a run says at its end."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from snakemake.common import NOTHING_TO_BE_DONE_MSG

from cellsift.io.json_files import read_json
from cellsift.results import Results
from cellsift.settings.draft import MEANING
from cellsift.workflow.detection_found import detection_message

# More files than these are counted, not named.
NAMED = 3


class NothingToDo(logging.Handler):
    """Says where the report is when Snakemake finds nothing to do, and ends without its hooks.

    To be added to Snakemake's logger. `message` gives the last words of such a run.
    """

    def __init__(self, message: Callable[[], str]):
        super().__init__()
        self._message = message

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if record.msg == NOTHING_TO_BE_DONE_MSG:
                print(self._message(), flush=True)
        except Exception:
            self.handleError(record)


def files_aimed_at(dag: Any) -> list[str]:
    """What a run was asked for, by Snakemake's plan of it.

    Rule all makes nothing itself: what it waits for was the aim.
    """
    return [str(file) for job in dag.targetjobs for file in job.output or job.input]


def renew_index(results: Results, roles: Mapping[str, str]) -> None:
    """Let the index page tell of all brains, also of those that were done after it."""
    page, brains = results.index_page, [results.brain(name) for name in roles]
    files = [file for brain in brains for file in (brain.alarm, brain.count)]
    files += [results.explanation(arm).montage for arm in results.model_names()]
    if not page.is_file() or all(_older(file, page) for file in files):
        return
    # What pages are made of takes long to load.
    from cellsift.reporting.later_parts import renew
    from cellsift.reporting.run_results import RunResults

    renew(RunResults(results.path, roles=dict(roles)))


def _older(file: Path, page: Path) -> bool:
    return not file.is_file() or file.stat().st_mtime_ns <= page.stat().st_mtime_ns


def success_message(
    results: str | PathLike[str], files: Iterable[str], *, draft: bool = False
) -> str:
    """The last words of a run whose aim was these `files`: where the report is, or what it made.

    The report is named where it is one of the files, not where it is one of an earlier run. Where
    only the page of detection was wanted, what detection finds is told as well. A `draft` is told
    as one.
    """
    said = _made(results, files)
    return f"{said}\n{MEANING}" if draft else said


def _made(results: str | PathLike[str], files: Iterable[str]) -> str:
    """Where the report is, or what was made."""
    report = str(Results(results).index_page)
    made = sorted({str(file) for file in files if os.path.exists(file)})
    if made == [str(Results(results).detection_page)]:
        return detection_message(results)
    if report in made:
        # A browser takes it also where the path has spaces.
        uri = Path(report).absolute().as_uri()
        released = _released(Results(results), made)
        return f"The report is in {report}: open {uri} in a browser.{released}"
    if not made:
        return "Done."
    more = f" and {len(made) - NAMED} more" if len(made) > NAMED else ""
    return f"Done: {', '.join(made[:NAMED])}{more}"


def _released(results: Results, made: Iterable[str]) -> str:
    """Where the release is, if a run has made one: a line of its own."""
    if str(results.released) not in made:
        return ""
    found = read_json(results.released)
    file = results.releases / found["file"]
    return f"\n{file} is the model {found['name']}@{found['version']} of the index {file.parent}."


def failure_message(results: str | PathLike[str]) -> str:
    """The last words of a run that failed: where more is to be read, and how to go on."""
    return (
        f"Not finished. The messages above say why; {Results(results).logs} has the whole story.\n"
        "Started again, the run goes on where it stopped."
    )
