"""Explanations: the right examples, saliency at the right place, files that other tools open."""

from types import SimpleNamespace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cellsift.errors import InputError
from cellsift.explain.arm import explain_arm
from cellsift.explain.gradcam import gradcam, scale
from cellsift.explain.montage import draw_montage
from cellsift.explain.own_maps import has_own_maps, own_maps
from cellsift.explain.saliency import saliency, saliency_method
from cellsift.explain.selection import KINDS, choose_examples
from cellsift.explain.volume import write_saliency
from cellsift.io.whole import write_json
from cellsift.models import create_model
from cellsift.models.normalisation import Normalisation
from cellsift.models.storage import load_model, save_model

SHAPE = (20, 24, 24)
CUBOID = (20, 50, 50)  # the default, in which saliency is to be of use
VOXEL_SIZE = (5.0, 1.0, 2.0)


# Which examples


def scores(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    label = random.choice(["cell", "no_cell", "ambiguous"], rows, p=[0.4, 0.4, 0.2])
    p = np.clip((label == "cell") * 0.4 + random.random(rows) * 0.6, 0, 1)
    frame = pd.DataFrame({"candidate": np.arange(rows), "label": label, "p_cell": p})
    return frame.assign(brain="a", is_cell=frame["p_cell"] >= 0.5)


def test_the_surest_errors_come_first():
    table = scores()
    chosen = choose_examples(table, 3)
    wrong = table[(table["label"] == "no_cell") & table["is_cell"]]
    missed = table[(table["label"] == "cell") & ~table["is_cell"]]
    of_kind = chosen.groupby("kind")["p_cell"].apply(list)
    assert of_kind["false positive"] == wrong["p_cell"].nlargest(3).tolist()
    assert of_kind["false negative"] == missed["p_cell"].nsmallest(3).tolist()


def test_rightly_classified_examples_run_from_the_surest_to_the_most_doubtful():
    table = scores()
    chosen = choose_examples(table, 4)
    cells = table[(table["label"] == "cell") & table["is_cell"]]["p_cell"]
    artefacts = table[(table["label"] == "no_cell") & ~table["is_cell"]]["p_cell"]
    shown = chosen[chosen["kind"] == "cell"]["p_cell"]
    assert shown.is_monotonic_decreasing
    assert (shown.iloc[0], shown.iloc[-1]) == (cells.max(), cells.min())
    shown = chosen[chosen["kind"] == "artefact"]["p_cell"]
    assert (shown.iloc[0], shown.iloc[-1]) == (artefacts.min(), artefacts.max())


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(0, 60), count=st.integers(1, 8), seed=st.integers(0, 1000))
def test_examples_are_what_their_kind_says_in_order_and_at_most_count(rows, count, seed):
    table = scores(rows, seed)
    chosen = choose_examples(table, count)
    assert not chosen.duplicated("candidate").any()
    labelled = chosen[chosen["kind"].isin(KINDS)]
    assert (labelled["label"].eq("cell") == labelled["kind"].isin(["cell", "false negative"])).all()
    assert (labelled["is_cell"] == labelled["kind"].isin(["cell", "false positive"])).all()
    assert chosen["kind"].value_counts().le(count).all()
    assert not chosen.empty or not len(table)
    if len(labelled):
        assert "ambiguous" not in set(chosen["label"])
        assert labelled["kind"].map(KINDS.index).is_monotonic_increasing


def test_the_choice_does_not_depend_on_the_order_of_rows():
    table = scores().assign(p_cell=lambda t: t["p_cell"].round(1))
    shuffled = table.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(choose_examples(table, 3), choose_examples(shuffled, 3))


def test_without_labels_examples_are_named_by_the_verdict_alone():
    chosen = choose_examples(scores().drop(columns=["label", "is_cell"]), 2)
    assert chosen["kind"].tolist() == ["called a cell"] * 2 + ["called no cell"] * 2
    assert (chosen["p_cell"].iloc[:2] >= 0.5).all()


def test_a_table_without_scores_and_a_count_of_none_are_refused():
    with pytest.raises(InputError, match="p_cell"):
        choose_examples(pd.DataFrame({"candidate": [0]}), 1)
    with pytest.raises(InputError, match="at least 1"):
        choose_examples(scores(), 0)


# Where the evidence lies


def cuboids_with_blob(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Noise, and in every second cuboid a bright blob anywhere; its centre, z, y, x."""
    random = np.random.default_rng(seed)
    grid = np.indices(CUBOID).astype(np.float32)
    centres = random.uniform([3, 4, 4], np.array(CUBOID) - [3, 4, 4], (count, 3))
    labels = np.arange(count) % 2
    spread = np.array([2.0, 2.5, 2.5])
    distance = (grid[None] - centres[:, :, None, None, None]) / spread[:, None, None, None]
    blobs = 4 * np.exp(-0.5 * (distance**2).sum(axis=1)) * labels[:, None, None, None]
    noisy = blobs + random.normal(0, 0.5, blobs.shape)
    return torch.from_numpy(noisy[:, None]).float(), torch.from_numpy(labels), centres


@pytest.fixture(scope="module")
def blob_finder():
    torch.manual_seed(0)
    model = create_model("resnet", 1, CUBOID, depth=18, width=8)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for step in range(40):
        inputs, labels, _ = cuboids_with_blob(8, seed=step)
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimiser.step()
    return model.eval()


def centre_of_mass(maps: np.ndarray) -> np.ndarray:
    weights = maps / maps.sum(axis=(1, 2, 3), keepdims=True)
    return np.einsum("nzyx,azyx->na", weights, np.indices(maps.shape[1:]))


@pytest.mark.slow
def test_saliency_points_at_a_planted_cell_wherever_it_is(blob_finder):
    inputs, labels, centres = cuboids_with_blob(40, seed=999)
    is_cell = labels.numpy() == 1
    assert ((blob_finder(inputs).argmax(dim=1) == labels).float().mean()) > 0.9
    maps = gradcam(blob_finder, inputs[is_cell])
    found, planted = centre_of_mass(maps), centres[is_cell]
    for axis in range(3):
        assert np.corrcoef(found[:, axis], planted[:, axis])[0, 1] > 0.6
    middle = (np.array(CUBOID) - 1) / 2
    distance = np.linalg.norm(found - planted, axis=1).mean()
    assert distance < 0.75 * np.linalg.norm(middle - planted, axis=1).mean()


class CornerWatcher(nn.Module):
    """Calls a cuboid a cell by how bright its first corner is; has no layer for Grad-CAM."""

    gradcam_layer = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        corner = x[:, 0, :4, :5, :5].mean(dim=(1, 2, 3))
        return torch.stack([-corner, corner], dim=1)


def test_covering_shows_the_only_place_that_a_model_looks_at():
    inputs = torch.randn(3, 2, *SHAPE, generator=torch.Generator().manual_seed(0))
    inputs[:, 0, :4, :5, :5] += 5
    maps = saliency(CornerWatcher(), inputs)
    assert maps.shape == (3, *SHAPE)
    assert maps.max() == 1
    assert centre_of_mass(maps) == pytest.approx(np.tile([1.5, 2, 2], (3, 1)), abs=2)
    assert not maps[:, 10:].any()
    # A bright corner is no evidence for a verdict of no cell.
    assert not saliency(CornerWatcher(), inputs, np.zeros(3, bool)).any()
    inputs[:, 0, :4, :5, :5] -= 10
    assert saliency(CornerWatcher(), inputs, np.zeros(3, bool)).max() == 1


def test_a_model_is_explained_by_what_it_has():
    assert saliency_method(CornerWatcher()) == "Occlusion"
    assert saliency_method(create_model("resnet", 1, SHAPE, depth=18, width=4)) == "Grad-CAM"
    vit = {"width": 24, "depth": 2}
    assert saliency_method(create_model("vit3d", 1, SHAPE, **vit)) == "HiResCAM"
    flat = create_model("mobilenet3d", 1, SHAPE, size="small", planes_as_channels=True)
    assert saliency_method(flat) == "HiResCAM"


@pytest.mark.slow
def test_saliency_changes_when_the_weights_are_randomised(blob_finder):
    inputs, labels, _ = cuboids_with_blob(20, seed=7)
    inputs = inputs[labels == 1]
    torch.manual_seed(1)
    untrained = create_model("resnet", 1, CUBOID, depth=18, width=8)
    maps = gradcam(blob_finder, inputs), gradcam(untrained, inputs)
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(*maps, strict=True)]
    assert np.nanmean(alike) < 0.6


@pytest.mark.slow
def test_saliency_has_the_cuboids_shape_and_a_largest_value_of_one(blob_finder):
    inputs, *_ = cuboids_with_blob(11, seed=3)
    maps = gradcam(blob_finder, inputs)
    assert maps.shape == (11, *CUBOID)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert set(maps.max(axis=(1, 2, 3))) <= {0.0, 1.0}


@pytest.mark.slow
def test_saliency_does_not_depend_on_what_else_is_in_the_batch(blob_finder):
    inputs, *_ = cuboids_with_blob(11, seed=3)
    alone = np.concatenate([gradcam(blob_finder, inputs[[i]]) for i in range(len(inputs))])
    np.testing.assert_allclose(gradcam(blob_finder, inputs), alone, atol=1e-4)


@pytest.mark.slow
def test_evidence_against_a_cell_is_that_for_a_cell_of_the_swapped_network(blob_finder):
    inputs, *_ = cuboids_with_blob(6, seed=3)
    towards_cell = np.array([True, False] * 3)
    maps = gradcam(blob_finder, inputs, towards_cell)
    assert not np.allclose(maps, gradcam(blob_finder, inputs))
    layer = blob_finder.fully_connected
    weight, bias = layer.weight.data, layer.bias.data
    try:
        layer.weight.data, layer.bias.data = weight.flip(0), bias.flip(0)
        np.testing.assert_allclose(gradcam(blob_finder, inputs, ~towards_cell), maps, atol=1e-5)
    finally:
        layer.weight.data, layer.bias.data = weight, bias


@pytest.mark.slow
def test_gradcam_leaves_the_model_as_it_was(blob_finder):
    before = {name: tensor.clone() for name, tensor in blob_finder.state_dict().items()}
    blob_finder.train()
    gradcam(blob_finder, cuboids_with_blob(4, seed=0)[0])
    assert blob_finder.training
    blob_finder.eval()
    assert all(torch.equal(before[n], t) for n, t in blob_finder.state_dict().items())
    assert all(p.grad is None or p.grad.isfinite().all() for p in blob_finder.parameters())
    assert not any(m._forward_hooks for m in blob_finder.modules())


def test_a_map_without_evidence_stays_zero():
    assert not scale(np.zeros((2, 3, 3, 3), np.float32)).any()


# The files


def made_up(count: int, channels: int, shape=SHAPE) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    cuboids = random.integers(0, 65536, (count, channels, *shape)).astype(np.uint16)
    return cuboids, random.random((count, *shape)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("count", [1, 3])
def test_saliency_volume_keeps_values_axes_and_voxel_size(tmp_path, channels, count):
    cuboids, maps = made_up(count, channels)
    path = tmp_path / "saliency.tif"
    write_saliency(path, cuboids, maps, VOXEL_SIZE, [f"example {i}" for i in range(count)])
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej
        axes = tiff.series[0].axes
        data = tiff.asarray().reshape(count, SHAPE[0], channels + 1, *SHAPE[1:])
        metadata = tiff.imagej_metadata
        resolution = [tiff.pages[0].tags[name].value for name in ("XResolution", "YResolution")]
    assert axes == ("TZCYX" if count > 1 else "ZCYX")
    np.testing.assert_array_equal(data[:, :, :channels].swapaxes(1, 2), cuboids)
    np.testing.assert_array_equal(data[:, :, channels], maps)
    assert (metadata["unit"], metadata["spacing"]) == ("um", VOXEL_SIZE[0])
    (x_top, x_bottom), (y_top, y_bottom) = resolution
    assert (x_bottom / x_top, y_bottom / y_top) == pytest.approx((VOXEL_SIZE[2], VOXEL_SIZE[1]))
    assert metadata["Labels"][channels] == "saliency | example 0"


def montage_text(figure) -> str:
    return "\n".join(text.get_text() for holder in [figure, *figure.axes] for text in holder.texts)


@pytest.mark.parametrize("channels", [1, 2])
def test_montage_names_every_group_and_shows_a_background_only_where_there_is_one(channels):
    examples = choose_examples(scores(), 1)
    cuboids, maps = made_up(len(examples), channels)
    figure = draw_montage(examples, cuboids, maps, VOXEL_SIZE, "narrow resnet")
    text = montage_text(figure)
    for words in ("narrow resnet", "rightly called cells", "false positives", "µm", "p(cell)"):
        assert words in text
    assert ("Background" in text) == (channels == 2)
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == len(examples) * (5 if channels == 2 else 4)


@pytest.mark.parametrize(("planes", "views"), [(1, 3), (2, 3), (3, 5)])
def test_montage_shows_thin_cuboids_from_above_only(planes, views):
    examples = choose_examples(scores(), 1)
    cuboids, maps = made_up(len(examples), 2, (planes, 24, 24))
    figure = draw_montage(examples, cuboids, maps, (2.0, 1.0, 1.0))
    text = montage_text(figure)
    assert len([axes for axes in figure.axes if axes.images]) == len(examples) * views
    assert ("from the side" in text) == (views == 5)
    assert ("line of sight" in text) == ("from above" in text) == (planes > 1)


def test_montage_marks_cuboids_that_were_filled_up_at_the_border():
    examples = choose_examples(scores(), 1).assign(padded=[True, False, False, True])
    text = montage_text(draw_montage(examples, *made_up(4, 1), VOXEL_SIZE))
    assert text.count("at the border") == 2


def test_montage_says_where_no_evidence_was_found():
    examples = choose_examples(scores(), 1)
    cuboids, maps = made_up(len(examples), 1)
    maps[0] = 0
    text = montage_text(draw_montage(examples, cuboids, maps, VOXEL_SIZE))
    assert text.count("no evidence found") == 2


def test_montage_pictures_have_one_scale_and_do_not_overlap():
    examples = choose_examples(scores(), 2)
    figure = draw_montage(examples, *made_up(len(examples), 2), VOXEL_SIZE)
    inches = figure.get_size_inches()
    boxes = [axes.get_position() for axes in figure.axes]
    for axes, box in zip(figure.axes, boxes, strict=True):
        if axes.images:
            width, height = abs(np.diff(axes.get_xlim())), abs(np.diff(axes.get_ylim()))
            assert box.width * inches[0] / width == pytest.approx(box.height * inches[1] / height)
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= 1
        assert box.y1 <= 1
        others = [other for other in boxes if other is not box]
        assert not any(box.overlaps(other) for other in others)


def test_montage_says_when_there_are_no_errors_and_when_there_is_nothing():
    table = scores()
    right = table[(table["label"] == "cell") == table["is_cell"]]
    examples = choose_examples(right, 1)
    text = montage_text(draw_montage(examples, *made_up(len(examples), 1), VOXEL_SIZE))
    assert text.count("there are none") == 2
    nothing = examples.iloc[:0]
    assert "no candidates" in montage_text(draw_montage(nothing, *made_up(0, 1), VOXEL_SIZE))


# A whole arm


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
        save_model(folder, f"fold-{fold}", models[-1], sidecar)
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
    chosen = explain_arm(arm.folder, arm.stores, arm.cells, out, count=2)
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
    chosen = explain_arm(arm.folder, arm.stores, arm.cells, out, count=2)
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
    chosen = explain_arm(arm.folder, arm.stores, arm.cells, tmp_path / "out", count=3)
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
        save_model(arm.folder.parent / "other", f"fold-{fold}", models[-1], sidecar)
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
    chosen = explain_arm(folder, arm.stores, arm.cells, tmp_path / "out", count=2)
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
        explain_arm(folder, arm.stores, arm.cells, tmp_path / "out")


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
    """By the fold that did not see the candidate, or the mean of all; what is old goes."""
    _, sidecar = load_model(arm.folder / "fold-0.json")
    folder, out, models = tmp_path / "models" / "own", tmp_path / "out", []
    for fold in range(2):
        torch.manual_seed(fold)
        models.append(create_model(architecture, 2, SHAPE, **options).eval())
        made_of = {"architecture": architecture, "options": options}
        save_model(folder, f"fold-{fold}", models[-1], sidecar | made_of)
    write_json({"folds": ["fold-0.json", "fold-1.json"]}, folder / "model.json")
    chosen = explain_arm(folder, arm.stores, arm.cells, out, count=2)
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
    explain_arm(arm.folder, arm.stores, arm.cells, out, count=1)
    assert sorted(p.name for p in out.iterdir()) == ["chosen.csv", "montage.png", "saliency.tif"]


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
    assert not has_own_maps(create_model("resnet", 2, shape, width=4))


def test_explaining_twice_gives_the_same_files(arm, tmp_path):
    for out in ("first", "second"):
        explain_arm(arm.folder, arm.stores, arm.cells, tmp_path / out, count=1)
    for name in ("chosen.csv", "montage.png", "saliency.tif"):
        first, second = tmp_path / "first" / name, tmp_path / "second" / name
        assert first.read_bytes() == second.read_bytes(), name


def test_an_arm_without_candidates_still_writes_its_files(arm, tmp_path):
    store = Store(np.zeros((0, 2, *SHAPE), np.uint16))
    cells = {"a": arm.cells["a"].iloc[:0]}
    chosen = explain_arm(arm.folder, {"a": store}, cells, tmp_path / "out")
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
        (unknown_fold, "fold 7.*no fold-7.json"),
        (no_model, "model.json"),
        (no_folds, "'folds' is"),
        (folds_elsewhere, "'folds' is"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_nothing_written(arm, tmp_path, spoil, message):
    spoil(arm)
    with pytest.raises(InputError, match=message):
        explain_arm(arm.folder, arm.stores, arm.cells, tmp_path / "out")
    assert not (tmp_path / "out").exists()
