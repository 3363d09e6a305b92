"""The engine of all trainings: epoch by epoch, saved after each, so that a killed one goes on."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from cellsift.inference.device import repeatable
from cellsift.training.checkpoint import code_of_package, load_checkpoint, save_checkpoint
from cellsift.training.progress import Progress, Row
from cellsift.training.seeds import seed_of


@dataclass(frozen=True)
class RunOptions:
    """How trainings are run.

    Attributes:
        seed: the same seed gives the same weights on the same machine and number of threads.
        device: "auto" (a GPU where there is one), "cpu" or "cuda".
        threads: CPU threads of torch.
        code: hash of the code that decides the weights, as `workflow.code.code_of` gives it: what
            other code has begun is begun anew. Without one, that of the whole package.
        progress: told how they get on.
    """

    seed: int = 1
    device: str = "auto"
    threads: int = 1
    code: str = ""
    progress: Progress = Progress()

    @property
    def code_hash(self) -> str:
        """The hash of the code, that of the whole package where none was given."""
        return self.code or code_of_package()


DEFAULT_RUN = RunOptions()


class Training(ABC):
    """What is trained, as the engine sees it: its epochs, and its state between two of them.

    There is no state of random generators: every epoch starts from a seed of its own.

    Attributes:
        title: names the training to people.
        curves: a folder for what is recorded of the epochs for people.
        epochs: of them at most there will be.
        steps: of the optimiser in an epoch.
    """

    title: str
    curves: Path
    epochs: int
    steps: int

    @property
    @abstractmethod
    def history(self) -> Sequence[Row]:
        """What was recorded, an entry for each epoch done."""

    @abstractmethod
    def train_epoch(self, seed: int, step_done: Callable[[], None]) -> dict[str, float]:
        """Train for one more epoch and return its figures; the same seed gives the same epoch."""

    @abstractmethod
    def record(self, row: dict[str, float]) -> None:
        """Add the epoch just trained to the history: epoch (from 1), its figures, and seconds."""

    @abstractmethod
    def finished(self) -> bool:
        """Return whether no more epochs are to follow."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return tensors, numbers, text, lists and dicts from which `restore` goes on."""

    @abstractmethod
    def restore(self, content: dict[str, Any]) -> None:
        """Take over what `to_dict` returned."""


AnyTraining = TypeVar("AnyTraining", bound=Training)


def train(
    begin: Callable[[], AnyTraining],
    seeds: tuple[int, ...],
    checkpoint: Path,
    fingerprint: str,
    run: RunOptions,
) -> AnyTraining:
    """Train until nothing is to follow, and return the training.

    After every epoch the state goes to `checkpoint`, which stays at the end. A training that was
    killed goes on from there and ends with the weights of an unbroken one. The random state and the
    threads of torch are as before in the end.

    Args:
        begin: makes the training, by random numbers of the seed.
        seeds: seed, and what else tells this training from others of the run, such as its fold.
        checkpoint: a file for this training alone.
        fingerprint: of all that decides the weights (`checkpoint.fingerprint`); the checkpoint of
            another is not used.

    Raises InputError as `begin` and the epochs do.
    """
    with repeatable(run.threads):
        torch.manual_seed(seed_of(*seeds, 0))
        training = begin()
        if (saved := load_checkpoint(checkpoint, fingerprint)) is not None:
            training.restore(saved)
        counts = (training.epochs, training.steps)
        run.progress.started(training.title, training.curves, *counts, training.history)
        try:
            while not training.finished():
                _do_epoch(training, seeds, run.progress)
                save_checkpoint(checkpoint, fingerprint, training.to_dict())
                run.progress.epoch_done(training.history[-1])
        finally:
            run.progress.ended()
    return training


def _do_epoch(training: Training, seeds: tuple[int, ...], progress: Progress) -> None:
    number, started = len(training.history) + 1, time.perf_counter()
    figures = training.train_epoch(seed_of(*seeds, number), progress.step_done)
    seconds = time.perf_counter() - started
    training.record({"epoch": number, **figures, "seconds": seconds})
