"""Studies that lie in a journal on disk, so that a search that was killed goes on (Optuna)."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, TrialState

from cellsift.io.atomic import atomic_file

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)

optuna.logging.set_verbosity(optuna.logging.WARNING)


def open_study(journal: Path, name: str, **settings: Any) -> optuna.Study:
    """Return the study of a name in a journal file, begun with `settings` if it is not there.

    Jobs on several machines may have it open at once: a lock beside the journal lets one write at
    a time. What a killed job or a full disk has left of a line is taken out.
    """
    journal.parent.mkdir(parents=True, exist_ok=True)
    lock = JournalFileSymlinkLock(str(journal))
    lock.acquire()
    try:
        _drop_cut_lines(journal)
    finally:
        lock.release()
    storage = JournalStorage(JournalFileBackend(str(journal), lock))
    return optuna.create_study(study_name=name, storage=storage, load_if_exists=True, **settings)


def _drop_cut_lines(journal: Path) -> None:
    """Keep the entries of a journal that are whole; Optuna reads none beyond a cut one."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    whole = [line for line in lines if line.endswith(b"\n") and _is_entry(line)]
    if len(whole) < len(lines):
        with atomic_file(journal) as beside:
            beside.write_bytes(b"".join(whole))


def _is_entry(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def ended_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that were brought to an end, also those given up as hopeless."""
    return study.get_trials(deepcopy=False, states=ENDED)


@contextmanager
def experimental() -> Iterator[None]:
    """Without a word that Optuna calls its samplers, or their keywords, experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
