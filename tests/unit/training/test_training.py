"""Training: repeatable, resumable, and honest about what it was given."""

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from synthetic_cuboids import blobs, make_brains, narrow_arm, write_store
from trained_folds import train_in

from cellsift.cuboids.batches import Cuboids, fit_normalisation
from cellsift.errors import InputError
from cellsift.inference.device import choose_device, repeatable
from cellsift.io.json_files import read_json
from cellsift.models import create_model
from cellsift.models.storage import load_model
from cellsift.settings.recipe import Recipe
from cellsift.training.classification import fold_training
from cellsift.training.optimisation import (
    class_weights,
    even_batches,
    learning_rate_at,
    make_optimiser,
    recalibrate_batch_norm,
)
from cellsift.workflow.training_progress import TrainingDisplay


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"))


def train(folder: Path, brains, arm=None, fold=0, **options) -> Path:
    return train_in(folder, arm or narrow_arm(), brains, fold, **options)


def results(folder: Path) -> tuple[bytes, pd.DataFrame, pd.DataFrame]:
    """The weights, the scores, and the history without its times."""
    return (
        (folder / "models" / "fold-0.safetensors").read_bytes(),
        pd.read_csv(folder / "training" / "scores.csv"),
        pd.read_csv(folder / "training" / "history.csv").drop(columns="seconds"),
    )


def assert_same_results(first: Path, second: Path) -> None:
    (weights, scores, history), (others, other_scores, other_history) = map(
        results, (first, second)
    )
    assert weights == others
    pd.testing.assert_frame_equal(scores, other_scores, check_exact=True)
    pd.testing.assert_frame_equal(history, other_history, check_exact=True)


@pytest.fixture(scope="module")
def unbroken(brains, tmp_path_factory) -> Path:
    """The folder of a training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("unbroken")
    train(folder, brains, progress=TrainingDisplay(visible=False))
    return folder


class Stop(Exception):
    """Ends a training from outside."""


def stop_after(last: int):
    def stop(epoch: int) -> None:
        if epoch == last:
            raise Stop

    return stop


def test_it_learns_to_tell_cells_from_artefacts(brains, tmp_path):
    train(tmp_path, brains, narrow_arm(epochs=8))
    history = pd.read_csv(tmp_path / "training" / "history.csv")
    assert history["average_precision"].max() > 0.9
    assert history["train_loss"].iloc[-1] < 0.7 * history["train_loss"].iloc[0]


def test_what_a_training_leaves(brains, unbroken):
    stores, table = brains
    _, sidecar = load_model(unbroken / "models" / "fold-0.json")
    assert sidecar["cuboid"] == {"shape": [8, 16, 16], "voxel_size": [5.0, 2.0, 2.0]}
    assert sidecar["provenance"]["brains"] == ["two"]
    assert sidecar["provenance"]["judged_on"] == ["one"]
    scores = pd.read_csv(unbroken / "training" / "scores.csv")
    assert list(scores) == ["brain", "candidate", "label", "fold", "logit"]
    held_out = table[table["fold"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(
        scores.drop(columns="logit"), held_out[["brain", "candidate", "label", "fold"]]
    )
    assert "ambiguous" in set(scores["label"])
    history = pd.read_csv(unbroken / "training" / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3]
    assert list((unbroken / "training" / "tensorboard").glob("events.out.tfevents.*"))
    assert not (unbroken / "checkpoint.pt").exists()


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(brains, unbroken, tmp_path):
    train(tmp_path / "again", brains)
    assert_same_results(tmp_path / "again", unbroken)
    train(tmp_path / "other", brains, seed=5)
    assert results(tmp_path / "other")[0] != results(unbroken)[0]


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_broken_training_goes_on_and_ends_like_an_unbroken_one(brains, unbroken, tmp_path, last):
    with pytest.raises(Stop):
        train(tmp_path, brains, after_epoch=stop_after(last))
    assert not (tmp_path / "models").exists()
    epochs = []
    train(tmp_path, brains, after_epoch=epochs.append)
    assert epochs == list(range(last + 1, 4))
    assert_same_results(tmp_path, unbroken)


def test_a_training_can_be_watched_from_where_it_goes_on(brains, tmp_path):
    with pytest.raises(Stop):
        train(tmp_path, brains, after_epoch=stop_after(1))
    seen = []
    watch = lambda done, total: seen.append((done, total))  # noqa: E731
    train(tmp_path, brains, progress=TrainingDisplay(visible=False, count_epochs=watch))
    done = [epochs for epochs, _ in seen]
    assert done[0] == 1
    assert done[-1] == 3
    assert done == sorted(done)
    # Also within an epoch, as one may take minutes.
    assert any(epochs % 1 for epochs in done)
    assert {total for _, total in seen} == {3}


KILLED = """
import sys, time
from pathlib import Path
from synthetic_cuboids import make_brains
from test_training import train

folder = Path(sys.argv[1])

def after_epoch(epoch):
    if epoch == 2:
        (folder / "two epochs").touch()
        time.sleep(600)

train(folder, make_brains(folder / "brains"), after_epoch=after_epoch)
"""


@pytest.mark.slow
def test_a_training_that_was_killed_goes_on_where_it_was(unbroken, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = os.environ | {"PYTHONPATH": path}
    with subprocess.Popen(command, env=environment) as process:
        waited_until = time.monotonic() + 300
        while not (tmp_path / "two epochs").exists() and time.monotonic() < waited_until:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    epochs = []
    train(tmp_path, make_brains(tmp_path / "brains"), after_epoch=epochs.append)
    assert epochs == [3]
    assert_same_results(tmp_path, unbroken)


@pytest.mark.parametrize("change", ["recipe", "seed", "labels", "voxels", "code"])
def test_a_checkpoint_of_something_else_is_not_used(brains, tmp_path, change):
    with pytest.raises(Stop):
        train(tmp_path, brains, after_epoch=stop_after(2))
    stores, table = brains
    arm, seed, code = narrow_arm(), 0, ""
    if change == "recipe":
        arm = narrow_arm(learning_rate=0.002)
    elif change == "seed":
        seed = 1
    elif change == "code":
        code = "edited"
    elif change == "labels":
        table = table.copy()
        row = table.index[table["label"] == "cell"][0]
        table.loc[row, "label"] = "no_cell"
    else:
        brighter = stores["one"].read(np.arange(len(stores["one"]))) + np.uint16(1)
        store = write_store(tmp_path / "one.zarr", brighter, stores["one"].positions)
        stores = stores | {"one": store}
    epochs = []
    train(tmp_path, (stores, table), arm, seed=seed, code=code, after_epoch=epochs.append)
    assert epochs == [1, 2, 3]


class Harmful:
    def __reduce__(self):
        return exec, ("raise SystemExit('code from a checkpoint was run')",)


@pytest.mark.parametrize(
    "content",
    [b"", b"no checkpoint", pickle.dumps(Harmful(), protocol=2)],
    ids=["empty", "text", "code"],
)
def test_a_checkpoint_that_cannot_be_read_is_not_used(brains, unbroken, tmp_path, content):
    (tmp_path / "checkpoint.pt").write_bytes(content)
    train(tmp_path, brains)
    assert_same_results(tmp_path, unbroken)


def test_it_stops_when_nothing_gets_better_and_keeps_the_best_epoch(brains, tmp_path, monkeypatch):
    judged = iter([0.5, 0.9, 0.6, 0.7, 0.8])
    logits_of_epochs = []

    def judge(logits, *_):
        logits_of_epochs.append(logits)
        return {"validation_loss": 1.0, "average_precision": next(judged)}

    monkeypatch.setattr(fold_training, "held_out_figures", judge)
    path = train(tmp_path, brains, narrow_arm(epochs=9, patience=2))
    assert len(logits_of_epochs) == 4
    sidecar = load_model(path)[1]
    assert sidecar["provenance"]["best_epoch"] == 2
    scores = pd.read_csv(tmp_path / "training" / "scores.csv")
    answered = scores["logit"] - sidecar["logit_offset"]
    np.testing.assert_allclose(answered, logits_of_epochs[1], atol=2e-6)


def test_a_single_channel_and_raw_intensities_can_be_trained_on(tmp_path):
    one_channel = make_brains(tmp_path / "brains", channels=1)
    path = train(tmp_path, one_channel, narrow_arm(epochs=1, normalisation="linear"))
    assert load_model(path)[1]["in_channels"] == 1


def test_brains_named_by_numbers_survive_a_csv_file(brains, tmp_path):
    stores, table = brains
    numbered = {"695": stores["one"], "1147": stores["two"]}
    renamed = table.assign(brain=table["brain"].map({"one": 695, "two": 1147}))
    path = train(tmp_path, (numbered, renamed), narrow_arm(epochs=1))
    assert load_model(path)[1]["provenance"]["brains"] == ["1147"]


def test_reading_from_disk_gives_the_same_cuboids_as_memory(brains):
    stores, table = brains
    rows = table.sample(frac=1, random_state=0)
    in_memory, on_disk = Cuboids(stores, rows), Cuboids(stores, rows, memory_bytes=0)
    chosen = np.array([5, 100, 3, 3])
    assert np.array_equal(in_memory.raw(chosen), on_disk.raw(chosen))
    row = rows.iloc[100]
    assert np.array_equal(in_memory.raw([100])[0], stores[row.brain].read([row.candidate])[0])


def test_every_brain_is_normalised_by_its_own_statistics(tmp_path):
    cuboids = blobs(np.ones(20, bool), 0)
    stores = {
        name: write_store(tmp_path / f"{name}.zarr", cuboids * np.uint16(factor))
        for name, factor in {"dim": 1, "bright": 10}.items()
    }
    rows = pd.DataFrame({"brain": ["dim", "bright"] * 20, "candidate": np.repeat(range(20), 2)})
    data = Cuboids(stores, rows)
    inputs = data.inputs(np.arange(40), fit_normalisation("brain", data), torch.device("cpu"))
    # log1p makes tenfold intensities a shift, but for the 1.
    torch.testing.assert_close(inputs[::2], inputs[1::2], atol=0.1, rtol=0)
    assert abs(float(inputs.median())) < 0.05


def test_dataset_statistics_are_those_of_the_training_cuboids_alone(brains, tmp_path):
    stores, table = brains
    path = train(tmp_path / "a", brains, narrow_arm(epochs=1, normalisation="dataset"))
    held_out = set(table.loc[table["fold"] == 0, "brain"]).pop()
    brighter = stores[held_out].read(np.arange(len(stores[held_out]))) * np.uint16(3)
    changed = write_store(tmp_path / "x.zarr", brighter, stores[held_out].positions)
    other = train(
        tmp_path / "b",
        (stores | {held_out: changed}, table),
        narrow_arm(epochs=1, normalisation="dataset"),
    )
    first, second = (load_model(p)[1]["normalisation"] for p in (path, other))
    assert first == second
    assert first["median"][0] == pytest.approx(math.log1p(100), abs=0.2)


@pytest.mark.parametrize("weights", ["balanced", "none"])
def test_every_fold_answers_for_the_odds_of_all_candidates(brains, tmp_path, weights):
    """Whether it was trained with even odds or with those of its own candidates."""
    stores, table = brains
    cells = table.index[(table["label"] == "cell") & (table["fold"] == 1)]
    scarce = table.drop(index=cells[8:])
    labels = scarce["label"].value_counts()
    for fold in (0, 1):
        arm = narrow_arm(epochs=1, class_weights=weights)
        path = train(tmp_path / str(fold), (stores, scarce), arm, fold=fold)
        sidecar = load_model(path)[1]
        found = sidecar["provenance"]["cells"], sidecar["provenance"]["no_cells"]
        trained_with = 1.0 if weights == "balanced" else found[0] / found[1]
        answers_for = trained_with * math.exp(sidecar["logit_offset"])
        assert (found[0] == 8) == (fold == 0)
        assert answers_for == pytest.approx(labels["cell"] / labels["no_cell"])


def test_the_callers_random_numbers_and_threads_are_left_alone(brains, tmp_path):
    threads = torch.get_num_threads()
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    train(tmp_path, brains, narrow_arm(epochs=1), threads=1)
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


def test_progress_in_a_log_is_one_line_per_epoch(brains, tmp_path, capsys):
    train(tmp_path, brains, progress=TrainingDisplay())
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 3
    assert all("average precision" in line for line in lines)


def test_a_loss_that_is_not_finite_ends_the_training(brains, tmp_path, monkeypatch):
    monkeypatch.setattr(fold_training, "step", lambda *_: torch.tensor(math.nan))
    with pytest.raises(InputError, match="diverged; set a learning_rate below 0.003"):
        train(tmp_path, brains)
    assert not (tmp_path / "models").exists()


def test_a_gpu_that_is_not_there_is_an_error_and_not_a_slow_training(brains, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="finds 0 GPUs"):
        train(tmp_path, brains, device="cuda")
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(InputError, match="choose one of"):
        choose_device("gpu")


@pytest.mark.parametrize("threads", [0, -1, True, 1.5])
def test_threads_that_make_no_sense_are_refused(threads):
    with pytest.raises(InputError, match="threads"), repeatable(threads):
        pass


def test_a_share_of_the_labels_trains_on_fewer_and_judges_by_all(brains, unbroken, tmp_path):
    made = read_json(train(tmp_path, brains, narrow_arm(label_share=0.5)))["provenance"]
    whole = read_json(unbroken / "models" / "fold-0.json")["provenance"]
    for count in ("cells", "no_cells"):
        assert made[count] == pytest.approx(whole[count] / 2, abs=1)
    scored = [pd.read_csv(folder / "training" / "scores.csv") for folder in (tmp_path, unbroken)]
    assert scored[0].drop(columns="logit").equals(scored[1].drop(columns="logit"))
    with pytest.raises(InputError, match="raise label_share"):
        train(tmp_path, brains, narrow_arm(label_share=0.05))


def test_data_that_do_not_fit_together_are_refused(brains, tmp_path):
    stores, table = brains
    with pytest.raises(InputError, match="no fold-7; there are fold-0, fold-1"):
        train(tmp_path, brains, fold=7)
    with pytest.raises(InputError, match="lacks the columns fold"):
        train(tmp_path, (stores, table.drop(columns="fold")))
    with pytest.raises(InputError, match="brain two has candidates but no cuboids"):
        train(tmp_path, ({"one": stores["one"]}, table))
    with pytest.raises(InputError, match="has 60 cuboids, but candidates"):
        train(tmp_path, (stores, table.assign(candidate=table["candidate"] + 1)))
    single = write_store(tmp_path / "single.zarr", blobs(np.ones(60, bool), 0, channels=1))
    with pytest.raises(InputError, match="the same channels"):
        train(tmp_path, (stores | {"two": single}, table))
    with pytest.raises(InputError, match="0 cells"):
        train(tmp_path, (stores, table.assign(label="no_cell")))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"epoch": 3}, "no key 'epoch'; its keys are: epochs"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": 2.5}, "whole number"),
        ({"batch_size": 2}, "at least 3"),
        ({"patience": True}, "whole number"),
        ({"learning_rate": 0}, "above 0"),
        ({"label_share": 0}, "above 0"),
        ({"learning_rate": "1e-3"}, "written like 0.001"),
        ({"learning_rate": math.nan}, "at most 1"),
        ({"weight_decay": -0.1}, "at least 0"),
        ({"class_weights": "even"}, "balanced, none"),
        ({"normalisation": None}, "brain, dataset, local, linear"),
        ({"augmentation": "strong"}, "default, none"),
        ({"augmentation": {"strength": 2}}, "at most 1"),
        ({"augmentation": {"elastic": True}}, "strength"),
        ({"augmentation": {"operations": ["elastic"]}}, "flip"),
        ({"augmentation": {"operations": "flip"}}, "a list"),
    ],
)
def test_recipes_that_cannot_be_used_are_refused(recipe, message):
    with pytest.raises(InputError, match=message):
        Recipe.from_dict(recipe)


def test_a_completed_recipe_stays_as_it_is():
    recipe = Recipe.from_dict({"epochs": 5, "augmentation": {"strength": 0.5}})
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    assert Recipe.from_dict({}) == Recipe()
    with pytest.raises(ValidationError, match="frozen"):
        recipe.epochs = 6


@settings(deadline=None)
@given(count=st.integers(2, 5000), batch_size=st.integers(3, 300))
def test_batches_hold_every_row_once_and_none_is_tiny(count, batch_size):
    batches = even_batches(count, batch_size)
    rows = np.concatenate([np.arange(count)[batch] for batch in batches])
    assert np.array_equal(rows, np.arange(count))
    sizes = [batch.stop - batch.start for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    # Of one cuboid batch normalisation can take no statistics.
    assert min(sizes) >= 2


@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
def test_the_learning_rate_rises_shortly_and_falls_to_almost_zero(steps):
    rates = np.array([learning_rate_at(step, steps, 0.01) for step in range(steps)])
    highest = int(rates.argmax())
    assert rates[highest] == pytest.approx(0.01)
    assert highest <= 0.06 * steps
    assert (np.diff(rates[: highest + 1]) > 0).all()
    assert (np.diff(rates[highest:]) <= 0).all()
    assert (rates > 0).all()
    if steps == 1000:
        assert rates[-1] < 1e-6


def test_biases_and_normalisation_are_not_decayed():
    model = create_model("resnet", 1, (8, 16, 16), depth=18, width=4)
    decayed, spared = make_optimiser(model, 0.1).param_groups
    assert spared["weight_decay"] == 0
    assert decayed["weight_decay"] == 0.1
    ids = {id(p) for p in decayed["params"]}
    for module in model.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            assert id(module.weight) not in ids
    assert len(decayed["params"]) + len(spared["params"]) == len(list(model.parameters()))


def test_balanced_weights_give_both_classes_the_same_sum():
    is_cell = np.arange(50) < 10
    no_cell, cell = class_weights(is_cell, "balanced")
    assert 40 * no_cell == pytest.approx(10 * cell)
    assert 40 * no_cell + 10 * cell == pytest.approx(50)


def test_settled_statistics_make_use_agree_with_training():
    torch.manual_seed(0)
    model = create_model("resnet", 1, (8, 16, 16), depth=18, width=4)
    cuboids = torch.from_numpy(blobs(np.ones(64, bool), 0, channels=1)).float()
    with repeatable(threads=1), torch.no_grad():
        unsettled = model.eval()(cuboids)
        in_training = model.train()(cuboids)
        recalibrate_batch_norm(model, iter([cuboids]))
        in_use = model.eval()(cuboids)
    close = 0.1 * in_training.std()
    assert (in_use - in_training).abs().mean() < close
    assert (unsettled - in_training).abs().mean() > close
