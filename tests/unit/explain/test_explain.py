"""A whole arm is explained: by the right network, in files that are whole."""

from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from synthetic_examples import SHAPE, VOXEL_SIZE, made_up, scores

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.explain.arm import explain_arm
from cellsift.explain.gradcam import gradcam, scale
from cellsift.explain.own_maps import own_maps
from cellsift.explain.selection import KINDS
from cellsift.io.json_files import write_json
from cellsift.models import create_model
from cellsift.models.storage import load_model, save_model
from cellsift.results import ExplanationFolder


class Store:
    """What explanations use of a cuboid store."""

    def __init__(self, cuboids: np.ndarray):
        self._cuboids = cuboids
        self.channels, self.shape = cuboids.shape[1], cuboids.shape[2:]
        self.voxel_size = VOXEL_SIZE
        self.padded = np.arange(len(cuboids)) % 3 == 0
        self.log_median, self.log_spread = (10.0,) * self.channels, (1.0,) * self.channels

    def __len__(self) -> int:
        return len(self._cuboids)

    def read(self, indices) -> np.ndarray:
        return self._cuboids[indices]


@pytest.fixture
def arm(tmp_path):
    """Two fold models, two brains of 30 cuboids, and their scored cells."""
    return make_arm(tmp_path, SHAPE)


def make_arm(tmp_path, shape) -> SimpleNamespace:
    folder = tmp_path / "models" / "narrow"
    sidecar = {
        "architecture": "resnet",
        "options": {"depth": 18, "width": 4},
        "in_channels": 2,
        "cuboid": {"shape": list(shape), "voxel_size": list(VOXEL_SIZE)},
        "normalisation": Normalisation().to_dict(),
        "provenance": {},
    }
    models = []
    for fold in range(2):
        torch.manual_seed(fold)
        models.append(create_model("resnet", 2, shape, depth=18, width=4))
        save_model(folder / f"fold-{fold}.json", models[-1], sidecar)
    write_json({"folds": ["fold-0.json", "fold-1.json"]}, folder / "model.json")
    cuboids, _ = made_up(60, 2, shape)
    stores = {"a": Store(cuboids[:30]), "b": Store(cuboids[30:])}
    cells = {
        brain: scores(30, seed).assign(z=1.5, y=2.0, x=3.0).drop(columns=["candidate", "brain"])
        for seed, brain in enumerate(stores)
    }
    cells["a"]["fold"] = np.arange(30) % 2
    return SimpleNamespace(folder=folder, stores=stores, cells=cells, models=models)


def test_an_arm_is_explained_in_three_files(arm, tmp_path):
    out = tmp_path / "explanations"
    chosen = explain_arm(arm.folder, arm.stores, arm.cells, ExplanationFolder(out), count=2)
    assert sorted(p.name for p in out.iterdir()) == ["chosen.csv", "montage.png", "saliency.tif"]
    pd.testing.assert_frame_equal(
        pd.read_csv(out / "chosen.csv"), chosen.round(6), check_dtype=False
    )
    assert set(chosen["kind"]) == set(KINDS)
    assert (chosen["padded"] == (chosen["candidate"] % 3 == 0)).all()
    volume = tifffile.imread(out / "saliency.tif")
    assert volume.shape == (len(chosen), SHAPE[0], 3, *SHAPE[1:])
    for row, signal in zip(chosen.itertuples(), volume[:, :, 0], strict=True):
        expected = arm.stores[row.brain].read([row.candidate])[0, 0]
        np.testing.assert_array_equal(signal, expected)


def test_an_arm_for_single_planes_is_explained(tmp_path):
    shape, out = (1, 24, 30), tmp_path / "out"
    arm = make_arm(tmp_path, shape)
    chosen = explain_arm(arm.folder, arm.stores, arm.cells, ExplanationFolder(out), count=2)
    with tifffile.TiffFile(out / "saliency.tif") as tiff:
        volume = tiff.asarray()
        assert tiff.series[0].axes == "TCYX"
    assert volume.shape == (len(chosen), 3, *shape[1:])
    assert set(volume[:, 2].max(axis=(1, 2))) == {1}
    for row, signal in zip(chosen.itertuples(), volume[:, 0], strict=True):
        expected = arm.stores[row.brain].read([row.candidate])[0, 0, 0]
        np.testing.assert_array_equal(signal, expected)
    height, width = matplotlib.image.imread(out / "montage.png").shape[:2]
    assert min(height, width) > 500


def test_a_training_candidate_is_explained_by_the_fold_that_did_not_see_it(arm, tmp_path):
    chosen = explain_arm(
        arm.folder, arm.stores, arm.cells, ExplanationFolder(tmp_path / "out"), count=3
    )
    stored = tifffile.imread(tmp_path / "out" / "saliency.tif")[:, :, 2]
    assert {"a", "b"} == set(chosen["brain"])
    for row, found in zip(chosen.itertuples(), stored, strict=True):
        store = arm.stores[row.brain]
        inputs = Normalisation().apply(
            store.read([row.candidate]), store.log_median, store.log_spread
        )
        maps = [gradcam(model, inputs, [row.is_cell])[0] for model in arm.models]
        expected = maps[int(row.fold)] if row.brain == "a" else scale(sum(maps)[None])[0]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def add_ensemble(arm, weights: dict[str, float]):
    """Write another arm beside the first, and an ensemble of both; return its folder and models."""
    _, sidecar = load_model(arm.folder / "fold-0.json")
    models = []
    for fold in range(2):
        torch.manual_seed(10 + fold)
        models.append(create_model("resnet", 2, SHAPE, depth=18, width=4))
        save_model(arm.folder.parent / "other" / f"fold-{fold}.json", models[-1], sidecar)
    content = {"folds": ["fold-0.json", "fold-1.json"]}
    write_json(content, arm.folder.parent / "other" / "model.json")
    content = {"members": weights, "member_temperatures": dict.fromkeys(weights, 2.0)}
    folder = arm.folder.parent / "both"
    write_json(content, folder / "model.json")
    return folder, {"narrow": arm.models, "other": models}


@pytest.mark.parametrize("weights", [(0.75, 0.25), (0.0, 1.0), (1.4, -0.6)])
def test_an_ensemble_is_explained_by_its_members_by_their_weights(arm, tmp_path, weights):
    """Each member by the fold that did not see the candidate; against it, where it counts so."""
    weights = dict(zip(("narrow", "other"), weights, strict=True))
    folder, models = add_ensemble(arm, weights)
    chosen = explain_arm(
        folder, arm.stores, arm.cells, ExplanationFolder(tmp_path / "out"), count=2
    )
    saliency = tifffile.imread(tmp_path / "out" / "saliency.tif")[:, :, 2]
    for row, found in zip(chosen.itertuples(), saliency, strict=True):
        store = arm.stores[row.brain]
        inputs = Normalisation().apply(
            store.read([row.candidate]), store.log_median, store.log_spread
        )
        total = 0
        for name, weight in weights.items():
            towards = [row.is_cell if weight > 0 else not row.is_cell]
            maps = [gradcam(model, inputs, towards)[0] for model in models[name]]
            alone = maps[int(row.fold)] if row.brain == "a" else scale(sum(maps)[None])[0]
            total += abs(weight) * alone
        np.testing.assert_allclose(found, scale(total[None])[0], atol=1e-4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"narrow": 1, "missing": 1}, "missing.model.json"),
        ({"narrow": 1, "../other": 1}, "'../other' is no name of a folder beside it"),
        ({"narrow": 1, "both": 1}, "'folds' is None"),
        ({"narrow": 1, "other": None}, "number for each member"),
    ],
)
def test_an_ensemble_of_what_is_no_arm_is_not_explained(arm, tmp_path, weights, message):
    folder, _ = add_ensemble(arm, weights)
    with pytest.raises(InputError, match=message):
        explain_arm(folder, arm.stores, arm.cells, ExplanationFolder(tmp_path / "out"))


@pytest.mark.parametrize(
    ("architecture", "options", "file", "names"),
    [
        ("efficientnet3d_attention", {"width": 0.1}, "gates.tif", ["finer gate", "coarser gate"]),
        ("vit3d", {"width": 24, "depth": 2}, "rollout.tif", ["attention rollout"]),
        ("slice_mil", {"depth": 10, "width": 4}, "plane_attention.tif", ["plane attention"]),
    ],
)
def test_where_a_network_itself_looked_is_told_on_the_cuboids_grid(
    arm, tmp_path, architecture, options, file, names
):
    """By the fold that did not see the candidate, or the mean of all.

    What is of an earlier architecture goes, and what is not cellsift's stays.
    """
    _, sidecar = load_model(arm.folder / "fold-0.json")
    folder, out, models = tmp_path / "models" / "own", tmp_path / "out", []
    for fold in range(2):
        torch.manual_seed(fold)
        models.append(create_model(architecture, 2, SHAPE, **options).eval())
        made_of = {"architecture": architecture, "options": options}
        save_model(folder / f"fold-{fold}.json", models[-1], sidecar | made_of)
    write_json({"folds": ["fold-0.json", "fold-1.json"]}, folder / "model.json")
    chosen = explain_arm(folder, arm.stores, arm.cells, ExplanationFolder(out), count=2)
    with tifffile.TiffFile(out / file) as tif:
        stack, labels = tif.asarray(), tif.imagej_metadata["Labels"]
    stack = stack.reshape(len(chosen), SHAPE[0], len(names), *SHAPE[1:])
    assert stack.dtype == np.float32
    assert [label.split(" | ")[0] for label in labels[: len(names)]] == names
    for row, found in zip(chosen.itertuples(), stack, strict=True):
        store = arm.stores[row.brain]
        inputs = Normalisation().apply(
            store.read([row.candidate]), store.log_median, store.log_spread
        )
        maps = [own_maps(model, inputs)[0] for model in models]
        expected = maps[int(row.fold)] if row.brain == "a" else sum(maps) / 2
        np.testing.assert_allclose(found.swapaxes(0, 1), expected, atol=1e-5)

    (out / "prototypes.csv").touch()
    (out / "broken.tif").write_bytes(b"II*")
    tifffile.imwrite(out / "mine.tif", stack)
    explain_arm(arm.folder, arm.stores, arm.cells, ExplanationFolder(out), count=1)
    written = ["chosen.csv", "montage.png", "saliency.tif"]
    assert sorted(p.name for p in out.iterdir()) == sorted([*written, "broken.tif", "mine.tif"])


def test_own_maps_are_those_of_the_network():
    shape = (12, 25, 25)
    inputs = torch.randn(3, 2, *shape)
    gated = create_model("efficientnet3d_attention", 2, shape, width=0.1).eval()
    gates = own_maps(gated, inputs)
    assert gates.shape == (3, 2, *shape)
    assert 0 < gates.min() <= gates.max() < 1
    images = {"planes_as_channels": True}
    flat = create_model("efficientnet3d_attention", 2, shape, width=0.1, **images).eval()
    assert own_maps(flat, inputs).shape == (3, 2, *shape)
    image = create_model("vit3d", 2, shape, width=24, depth=1, **images).eval()
    with torch.no_grad():
        rollout = image.attention_rollout(inputs).numpy()
    np.testing.assert_allclose(own_maps(image, inputs)[:, 0, 5], rollout, rtol=1e-5)
    planes = create_model("slice_mil", 2, shape, depth=10, width=4).eval()
    with torch.no_grad():
        weights = planes.plane_attention(inputs).numpy()
    np.testing.assert_allclose(own_maps(planes, inputs)[:, 0, :, 7, 9], weights, rtol=1e-5)
    assert not create_model("resnet", 2, shape, width=4).own_map_names


def test_explaining_twice_gives_the_same_files(arm, tmp_path):
    for out in ("first", "second"):
        explain_arm(arm.folder, arm.stores, arm.cells, ExplanationFolder(tmp_path / out), count=1)
    for name in ("chosen.csv", "montage.png", "saliency.tif"):
        first, second = tmp_path / "first" / name, tmp_path / "second" / name
        assert first.read_bytes() == second.read_bytes(), name


def test_an_arm_without_candidates_still_writes_its_files(arm, tmp_path):
    store = Store(np.zeros((0, 2, *SHAPE), np.uint16))
    cells = {"a": arm.cells["a"].iloc[:0]}
    chosen = explain_arm(arm.folder, {"a": store}, cells, ExplanationFolder(tmp_path / "out"))
    assert chosen.empty
    assert (tmp_path / "out" / "montage.png").stat().st_size > 0
    assert not tifffile.imread(tmp_path / "out" / "saliency.tif").any()


def drop_score(arm):
    arm.cells["a"] = arm.cells["a"].drop(columns="p_cell")


def drop_row(arm):
    arm.cells["a"] = arm.cells["a"].iloc[1:]


def drop_store(arm):
    del arm.stores["b"]


def drop_channel(arm):
    arm.stores["b"] = Store(made_up(30, 1)[0])


def other_voxels(arm):
    arm.stores["b"].voxel_size = (5.0, 1.0, 1.0)


def unknown_fold(arm):
    arm.cells["a"]["fold"] = 7


def no_model(arm):
    (arm.folder / "model.json").unlink()


def no_folds(arm):
    write_json({"folds": []}, arm.folder / "model.json")


def folds_elsewhere(arm):
    write_json({"folds": ["../fold-0.json"]}, arm.folder / "model.json")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (drop_score, "brain a lack the columns p_cell"),
        (drop_row, "brain a has 29 scored cells and 30 cuboids"),
        (drop_store, "brain b has 30 scored cells and no cuboids"),
        (drop_channel, r"brain b has cuboids of channels, z, y, x \(1, 20, 24, 24\)"),
        (other_voxels, "brain b .* µm"),
        (unknown_fold, "in fold-7.*no fold-7.json"),
        (no_model, "model.json"),
        (no_folds, "'folds' is"),
        (folds_elsewhere, "'folds' is"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_nothing_written(arm, tmp_path, spoil, message):
    spoil(arm)
    with pytest.raises(InputError, match=message):
        explain_arm(arm.folder, arm.stores, arm.cells, ExplanationFolder(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
