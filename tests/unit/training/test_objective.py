"""What networks are trained on and by: batches, losses, softened targets, averaged weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from synthetic_cuboids import SHAPE, make_brains, narrow_arm
from torch import nn
from trained_folds import train_in

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.inference.scoring import Scorer, mirror_images, read_scorer, score
from cellsift.io.tables import read_table
from cellsift.models import create_model
from cellsift.models.contract import Batch, Network
from cellsift.models.storage import load_model
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.augmented_batches import AugmentedBatches
from cellsift.training.classification.fold_data import FoldData
from cellsift.training.classification.objective import Softening, batch_loss
from cellsift.training.fit_check import check_fits
from cellsift.training.optimisation import make_moving_average

CPU = torch.device("cpu")
LOG, LINEAR = Normalisation.named("brain"), Normalisation.named("linear")
MOVED = {"strength": 1.0, "operations": ["flip", "quarter_turn", "affine"]}
LIT = {"strength": 1.0, "operations": ["gain", "blur", "noise"]}


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return make_brains(tmp_path_factory.mktemp("brains"), count=40)


@pytest.fixture(scope="module")
def data(brains) -> FoldData:
    return FoldData.of(*brains, 0)


class Recorder(Network):
    """Keeps what it is given; its logits are the means of two channels."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        self.seen = inputs
        return inputs.mean(dim=(2, 3, 4))


def batches(data, augmentation="default", normalisation=LOG, **teacher) -> AugmentedBatches:
    recipe = Recipe.from_dict({"augmentation": augmentation})
    return AugmentedBatches(data, normalisation, recipe, CPU, **teacher)


def train(folder, brains, arm, after_epoch=None):
    return train_in(folder, arm, brains, after_epoch=after_epoch)


ROWS = np.arange(6)


def test_a_seed_gives_the_same_batch_and_another_gives_another(data):
    made = batches(data)
    first, again, other = (made.batch(ROWS, seed, 0.0).inputs for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("normalisation", [LOG, LINEAR])
def test_a_second_view_is_moved_alike(data, normalisation):
    batch = batches(data, MOVED, normalisation).batch(ROWS, 1, 0.0)
    assert torch.equal(batch.view(), batch.inputs)


def test_a_second_view_has_other_light_and_noise(data):
    batch = batches(data, LIT).batch(ROWS, 1, 0.0)
    assert not torch.equal(batch.view(), batch.inputs)
    correlation = np.corrcoef(batch.view().flatten(), batch.inputs.flatten())[0, 1]
    assert correlation > 0.9
    assert torch.equal(batch.view(), batch.view())


def test_a_teacher_sees_the_cuboids_of_its_student_as_it_was_trained_on_them(data):
    teacher = Recorder()
    batch = batches(data, teacher=Scorer(teacher, LOG)).batch(ROWS, 3, 0.0)
    assert torch.equal(teacher.seen, batch.inputs)
    assert torch.equal(batch.teacher, batch.inputs.mean(dim=(2, 3, 4)))
    batches(data, MOVED, teacher=Scorer(teacher, LINEAR)).batch(ROWS, 3, 0.0)
    expected = batches(data, MOVED, LINEAR).batch(ROWS, 3, 0.0).inputs
    assert torch.equal(teacher.seen, expected)


def made_batch(**changes) -> Batch:
    inputs = torch.randn(8, 2, *SHAPE, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([0, 1, 1, 0, 1, 1, 1, 0])
    batch = Batch(inputs, targets, torch.tensor([2.0, 0.5]), 0.0, lambda: inputs)
    return replace(batch, **changes)


def test_loss_is_the_weighted_cross_entropy_softened_as_asked():
    batch, model = made_batch(), Recorder()
    logits = model(batch.inputs)
    for smoothing in (0.0, 0.2):
        expected = F.cross_entropy(logits, batch.targets, batch.weights, label_smoothing=smoothing)
        assert torch.equal(batch_loss(model, batch, Softening(smoothing)), expected)


def test_mixup_mixes_pairs_and_their_targets_by_the_same_share():
    torch.manual_seed(0)
    same = made_batch(targets=torch.ones(8, dtype=torch.int64))
    model = Recorder()
    loss = batch_loss(model, same, Softening(mixup=1.0))
    assert not torch.equal(model.seen, same.inputs)
    # With one target for all, only the inputs are mixed.
    expected = F.cross_entropy(model.seen.mean(dim=(2, 3, 4)), same.targets, same.weights)
    torch.testing.assert_close(loss, expected)
    # A mixture of cuboids that are alike is no mixture: the shares of both targets remain.
    alike = made_batch(inputs=torch.ones(8, 2, *SHAPE), weights=torch.ones(2))
    torch.testing.assert_close(
        batch_loss(model, alike, Softening(mixup=1.0)), torch.tensor(np.log(2), dtype=torch.float32)
    )


def test_a_loss_of_a_networks_own_is_taken_and_gets_the_whole_batch():
    class Own(Recorder):
        def loss(self, batch):
            return batch.progress + batch.teacher.sum()

    batch = made_batch(progress=0.25, teacher=torch.ones(8, 2))
    assert float(batch_loss(Own(), batch, Softening())) == 16.25


@pytest.mark.parametrize("name", ["pipnet3d", "features"])
def test_softening_of_what_is_not_trained_by_cross_entropy_is_refused(name):
    network = create_model(name, 2, SHAPE)
    check_fits(Recipe(), network)
    for key in ("mixup", "label_smoothing"):
        with pytest.raises(InputError, match=key):
            check_fits(Recipe.from_dict({key: 0.1}), network)


def test_a_teacher_is_for_networks_that_learn_from_one():
    student, other = create_model("deit3d", 2, SHAPE), create_model("vit3d", 2, SHAPE)
    check_fits(Recipe.from_dict({"teacher": "arm"}), student)
    with pytest.raises(InputError, match="name that arm as `teacher`"):
        check_fits(Recipe(), student)
    with pytest.raises(InputError, match="learns from the labels alone"):
        check_fits(Recipe.from_dict({"teacher": "arm"}), other)


def test_a_moving_average_keeps_its_share_of_itself():
    model = nn.Linear(1, 1, bias=False)
    assert make_moving_average(model, 0.0) is None
    average = make_moving_average(model, 0.9)
    expected = None
    for value in (1.0, 2.0, 5.0):
        nn.init.constant_(model.weight, value)
        average.update_parameters(model)
        expected = value if expected is None else 0.9 * expected + 0.1 * value
    assert average.module.weight.item() == pytest.approx(expected)


def test_averaged_weights_are_judged_stored_and_survive_a_kill(brains, tmp_path):
    arm = narrow_arm(moving_average=0.9)

    def stop(epoch):
        if epoch == 2:
            raise KeyboardInterrupt

    path = train(tmp_path / "unbroken", brains, arm)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "broken", brains, arm, stop)
    resumed = train(tmp_path / "broken", brains, arm)
    plain = train(tmp_path / "plain", brains, narrow_arm())
    weights = [load_model(p)[0].state_dict() for p in (path, resumed, plain)]
    name = "output.weight" if "output.weight" in weights[0] else list(weights[0])[0]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not torch.equal(weights[0][name], weights[2][name])
    model, sidecar = load_model(path)
    scorer = Scorer(model, Normalisation.from_dict(sidecar["normalisation"]))
    data = FoldData.of(*brains, 0)
    expected = score([scorer], data.held_out, CPU)[:, 0]
    table = (tmp_path / "unbroken" / "training" / "scores.csv").read_text().splitlines()[1:]
    stored = np.array([float(line.split(",")[-1]) for line in table])
    np.testing.assert_allclose(stored - sidecar["logit_offset"], expected, atol=1e-4)


def test_mirror_images_are_all_there_are_and_each_once():
    cuboid = torch.arange(24.0).reshape(1, 1, 2, 3, 4)
    assert [x is cuboid for x in mirror_images(cuboid, "none")] == [True]
    images = list(mirror_images(cuboid, "flips"))
    assert len({tuple(image.flatten().tolist()) for image in images}) == len(images) == 8
    assert len(list(mirror_images(cuboid[:, :, :1], "flips"))) == 4


def test_scores_over_mirror_images_do_not_know_left_from_right(data):
    torch.manual_seed(0)
    model = create_model("resnet", 2, SHAPE, depth=18, width=4).eval()
    mean = score([Scorer(model, LOG, 1.5, "flips")], data.held_out, CPU)[:, 0]
    inputs = data.held_out.inputs(np.arange(len(data.held_out)), LOG, CPU)
    with torch.inference_mode():
        logits = [model(image) for image in mirror_images(inputs, "flips")]
    expected = np.mean([(of[:, 1] - of[:, 0]).numpy() for of in logits], axis=0) + 1.5
    np.testing.assert_allclose(mean, expected, rtol=1e-4, atol=1e-5)
    once = score([Scorer(model, LOG, 1.5)], data.held_out, CPU)[:, 0]
    assert not np.allclose(mean, once)


def test_mirror_images_of_training_are_those_of_use(brains, data, tmp_path):
    path = train(tmp_path, brains, narrow_arm(test_time_augmentation="flips", epochs=1))
    scorer, _ = read_scorer(path)
    stored = read_table(tmp_path / "training" / "scores.csv")["logit"]
    again = score([scorer], data.held_out, CPU)[:, 0]
    # A network just trained and one that was loaded may round differently in float32.
    np.testing.assert_allclose(again, stored, rtol=1e-4, atol=1e-5)
    once = score([replace(scorer, test_time_augmentation="none")], data.held_out, CPU)[:, 0]
    assert not np.allclose(once, stored, atol=1e-3)


def test_features_are_fitted_once_whatever_the_recipe_says_of_epochs(brains, tmp_path):
    arm = Arm("trees", "features", {"trees": 30}, Recipe(epochs=7))
    path = train(tmp_path, brains, arm)
    history = (tmp_path / "training" / "history.csv").read_text().splitlines()
    assert len(history) == 2
    model, sidecar = load_model(path)
    assert float(model.forest.importance.sum()) == pytest.approx(1)
    assert sidecar["provenance"]["average_precision"] > 0.7
