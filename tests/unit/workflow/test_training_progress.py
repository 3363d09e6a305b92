"""What is shown of a training: a line per epoch in a log, TensorBoard, and counts for others."""

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cellsift.training.progress import Progress
from cellsift.workflow.training_progress import TrainingDisplay, shown_figures

ROW = {
    "train_loss": 0.5,
    "learning_rate": 0.001,
    "validation_loss": 0.25,
    "average_precision": 0.75,
    "seconds": 2.0,
}


def do_epochs(display: Progress, folder: Path, first: int, last: int, epochs: int = 3) -> None:
    """Tell of a training of two steps an epoch that does these epochs, then ends."""
    history = [{"epoch": number, **ROW} for number in range(1, first)]
    display.started("a training", folder, epochs, 2, history)
    for number in range(first, last + 1):
        display.step_done()
        display.step_done()
        display.epoch_done({"epoch": number, **ROW})
    display.ended()


def test_a_log_has_a_line_per_epoch(tmp_path, capsys):
    do_epochs(TrainingDisplay(), tmp_path, 1, 2)
    assert capsys.readouterr().err.splitlines() == [
        f"a training: epoch {number} of at most 3, loss 0.5000, held out 0.2500, "
        "average precision 0.7500, 2.0 s"
        for number in (1, 2)
    ]


def test_a_log_tells_that_a_training_goes_on(tmp_path, capsys):
    do_epochs(TrainingDisplay(), tmp_path, 3, 3)
    first, second = capsys.readouterr().err.splitlines()
    assert first == "a training: going on after epoch 2"
    assert second.startswith("a training: epoch 3 of at most 3, ")


def test_nothing_is_printed_where_it_is_not_to_be_visible(tmp_path, capsys):
    do_epochs(TrainingDisplay(visible=False), tmp_path, 2, 3)
    assert capsys.readouterr().err == ""


def test_figures_are_those_of_the_training_in_plain_words():
    row = {"epoch": 1, "train_loss": 2.0, "information": 0.1, "learning_rate": 0.1, "seconds": 1.0}
    assert shown_figures(row) == "loss 2.0000, information 0.1000"


def test_tensorboard_has_every_epoch_once_however_often_it_was_started(tmp_path):
    do_epochs(TrainingDisplay(visible=False), tmp_path, 1, 2)
    do_epochs(TrainingDisplay(visible=False), tmp_path, 3, 3)
    found = EventAccumulator(str(tmp_path)).Reload()
    assert set(found.Tags()["scalars"]) == set(ROW)
    for name, value in ROW.items():
        scalars = found.Scalars(name)
        assert [scalar.step for scalar in scalars] == [1, 2, 3]
        assert scalars[0].value == pytest.approx(value)


def test_epochs_are_counted_in_parts(tmp_path):
    counted = []
    display = TrainingDisplay(visible=False, count_epochs=lambda *count: counted.append(count))
    do_epochs(display, tmp_path, 2, 3)
    assert counted == [
        (1.0, 3),
        *[(done, 3) for done in (1.5, 2.0, 2.0)],
        *[(done, 3) for done in (2.5, 3.0, 3.0)],
    ]


def test_trials_are_counted(tmp_path):
    counted = []
    display = TrainingDisplay(visible=False, count_trials=lambda *count: counted.append(count))
    display.trials_done(2, 20)
    do_epochs(display, tmp_path, 1, 1)
    assert counted == [(2, 20)]
    TrainingDisplay(visible=False).trials_done(2, 20)
