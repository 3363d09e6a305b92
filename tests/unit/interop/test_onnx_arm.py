"""ONNX files that take intensities as they are give the p_cell that `classify_brain` gives."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from synthetic_cuboids import SHAPE, VOXEL_SIZE, blobs

from cellsift.calibration.members import Combination
from cellsift.cuboids.normalisation import Normalisation
from cellsift.inference.scoring import Scorer
from cellsift.inference.trained_arm import TrainedArm, TrainedEnsemble
from cellsift.interop.onnx_arm import export_raw_arm, export_raw_scorer, normalised, raw_examples
from cellsift.models import create_model
from cellsift.releases.parity import onnx_inputs, parity_of

TOLERANCE = 2e-5
KINDS = {
    "brain": Normalisation.named("brain"),
    "dataset": Normalisation.named("dataset", (5.1, 4.9), (0.2, 0.3)),
    "local": Normalisation.named("local"),
    "linear": Normalisation.named("linear"),
}


def scorer(kind: str, seed: int = 0, mirrored: str = "none") -> Scorer:
    torch.manual_seed(seed)
    model = create_model("vit3d", 2, SHAPE, width=24, depth=1).eval()
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.2 * torch.randn(tensor.shape))
    return Scorer(model, KINDS[kind], -0.7 + seed, mirrored)


def folds(*scorers: Scorer) -> TrainedArm:
    return TrainedArm(scorers, 2, SHAPE, VOXEL_SIZE, 1.7, 0.4)


def run(path, parity, needed) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {entry.name for entry in session.get_inputs()} == set(needed)
    given = onnx_inputs(parity)
    (found,) = session.run(None, {name: given[name] for name in needed})
    return found


@pytest.fixture
def cuboids() -> np.ndarray:
    is_cell = np.arange(6) % 2 == 0
    # In three of them the medians of the channels differ, and one is at the end of the range.
    found = blobs(is_cell, 3)
    found[3:, 1] += 900
    found[5, 0, :2] = 65535
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_intensities_are_normalised_as_in_training(kind, cuboids):
    # The two values in the middle of a channel lie far apart.
    cuboids[0, 0] = np.where(np.arange(cuboids[0, 0].size) % 2, 10, 1000).reshape(SHAPE)
    statistics = np.float32([5.2, 4.8]), np.float32([0.1, 0.4])
    wanted = KINDS[kind].apply(cuboids, *statistics)
    rows = (torch.from_numpy(values).expand(len(cuboids), 2) for values in statistics)
    found = normalised(KINDS[kind], torch.from_numpy(cuboids.astype(np.float32)), *rows)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("kind", ["brain", "local"])
def test_a_fold_gives_its_logits(kind, cuboids, tmp_path):
    one = scorer(kind, mirrored="flips" if kind == "local" else "none")
    parity = parity_of(folds(one), cuboids)
    export_raw_scorer(one, (2, *SHAPE), tmp_path / "fold-0.onnx")
    needed = raw_examples([one], (2, *SHAPE))
    assert ("log_median" in needed) == (kind == "brain")
    found = run(tmp_path / "fold-0.onnx", parity, needed)
    assert np.ptp(parity["logits"]) > 100 * TOLERANCE
    np.testing.assert_allclose(found, parity["logits"][:, 0], atol=TOLERANCE)


def test_an_arm_gives_its_p_cell(cuboids, tmp_path):
    arm = folds(scorer("brain"), scorer("local", seed=1))
    check_arm(arm, cuboids, tmp_path)


def test_an_ensemble_gives_its_p_cell(cuboids, tmp_path):
    members = {
        "b": folds(scorer("brain"), scorer("brain", seed=1)),
        "a": replace(folds(scorer("dataset", seed=2)), temperature=0.8),
    }
    weights, temperatures = {"a": 0.3, "b": 0.9}, {"a": 0.8, "b": 1.7}
    combination = Combination("simplex", weights, temperatures, 0.2)
    scorers = tuple(one for member in members.values() for one in member.scorers)
    arm = TrainedEnsemble(scorers, 2, SHAPE, VOXEL_SIZE, 1.3, 0.4, members, combination)
    check_arm(arm, cuboids, tmp_path)


def check_arm(arm: TrainedArm, cuboids: np.ndarray, folder) -> None:
    # In the middle, where a probability tells of every logit.
    logits = arm.join(parity_of(arm, cuboids)["logits"])
    arm = replace(arm, temperature=float(np.abs(logits).max()))
    parity = parity_of(arm, cuboids)
    export_raw_arm(arm, folder / "arm.onnx")
    found = run(folder / "arm.onnx", parity, raw_examples(arm.scorers, (2, *SHAPE)))
    assert np.ptp(parity["p_cell"]) > 0.001
    np.testing.assert_allclose(found, parity["p_cell"], atol=1e-5)
