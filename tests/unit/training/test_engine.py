"""The engine goes through epochs, saves each before it tells of it, and goes on after a stop."""

from pathlib import Path

import pytest
import torch
from trained_folds import AfterEpoch

from cellsift.training.checkpoint import code_of_package, load_checkpoint
from cellsift.training.engine import RunOptions, Training, train
from cellsift.training.progress import Progress
from cellsift.training.seeds import seed_of


class Draws(Training):
    """Learns nothing but random numbers, two steps an epoch."""

    title, curves, steps = "draws", Path("draws"), 2

    def __init__(self, epochs: int = 4):
        self.epochs, self.rows = epochs, []
        self.first = float(torch.rand(1))

    @property
    def history(self):
        return self.rows

    def train_epoch(self, seed, step_done):
        for _ in range(self.steps):
            step_done()
        return {"drawn": float(torch.rand(1, generator=torch.Generator().manual_seed(seed)))}

    def record(self, row):
        self.rows.append(row)

    def finished(self):
        return len(self.rows) >= self.epochs

    def to_dict(self):
        return {"rows": self.rows, "first": self.first}

    def restore(self, content):
        self.rows, self.first = content["rows"], content["first"]


class Listener(Progress):
    """Keeps what it is told."""

    def __init__(self):
        self.told = []

    def started(self, title, curves, epochs, steps, history):
        self.told.append((title, curves.name, epochs, steps, len(history)))

    def step_done(self):
        self.told.append("step")

    def epoch_done(self, row):
        self.told.append(int(row["epoch"]))

    def ended(self):
        self.told.append("ended")


def run(folder: Path, begin=Draws, mark: str = "mark", seeds=(3, 1), progress=None) -> Draws:
    options = RunOptions(progress=progress or Progress())
    return train(begin, seeds, folder / "checkpoint.pt", mark, options)


def figures(training: Draws) -> list[tuple]:
    return [(row["epoch"], row["drawn"]) for row in training.history]


def stop_after(last: int) -> Progress:
    def stop(epoch: int) -> None:
        if epoch == last:
            raise KeyboardInterrupt

    return AfterEpoch(stop)


def test_every_epoch_has_a_seed_and_a_row_of_its_own(tmp_path):
    done = run(tmp_path)
    for number, row in enumerate(done.history, start=1):
        assert list(row) == ["epoch", "drawn", "seconds"]
        generator = torch.Generator().manual_seed(seed_of(3, 1, number))
        assert row["drawn"] == float(torch.rand(1, generator=generator))
    assert [row["epoch"] for row in done.history] == [1, 2, 3, 4]
    assert figures(run(tmp_path / "other", seeds=(3, 2))) != figures(done)


def test_the_training_is_made_by_the_seed_and_the_callers_draws_stay(tmp_path):
    torch.manual_seed(7)
    expected = float(torch.rand(1))
    torch.manual_seed(7)
    first = run(tmp_path / "a").first
    assert float(torch.rand(1)) == expected
    assert run(tmp_path / "b").first == first
    assert run(tmp_path / "c", seeds=(4, 1)).first != first


@pytest.mark.parametrize("last", [1, 3, 4])
def test_it_goes_on_from_the_last_epoch_that_was_told_of(tmp_path, last):
    unbroken = run(tmp_path / "unbroken")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop_after(last))
    assert len(load_checkpoint(tmp_path / "checkpoint.pt", "mark")["rows"]) == last
    listener = Listener()
    resumed = run(tmp_path, progress=listener)
    assert listener.told[0] == ("draws", "draws", 4, 2, last)
    assert figures(resumed) == figures(unbroken)
    assert resumed.first == unbroken.first


def test_the_checkpoint_of_something_else_is_left_aside(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, progress=stop_after(2))
    listener = Listener()
    run(tmp_path, mark="another", progress=listener)
    assert listener.told[0][-1] == 0


def test_who_watches_is_told_of_steps_epochs_and_the_end(tmp_path):
    listener = Listener()
    run(tmp_path, lambda: Draws(epochs=2), progress=listener)
    steps = ["step", "step"]
    assert listener.told[1:] == [*steps, 1, *steps, 2, "ended"]


def test_who_watches_is_told_of_the_end_of_a_training_that_fails(tmp_path):
    class Failing(Draws):
        def train_epoch(self, seed, step_done):
            raise ValueError("no")

    listener = Listener()
    with pytest.raises(ValueError, match="no"):
        run(tmp_path, Failing, progress=listener)
    assert listener.told[-1] == "ended"


def test_without_a_hash_of_the_code_that_of_the_package_counts(monkeypatch):
    assert RunOptions(code="given").code_hash == "given"
    assert RunOptions().code_hash == code_of_package()
    before = code_of_package()
    code_of_package.cache_clear()
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"edited")
    assert code_of_package() != before
    code_of_package.cache_clear()
