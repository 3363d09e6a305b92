"""An exported arm answers in cellfinder, which is not changed, as it answers here."""

import os
from importlib.metadata import version

import numpy as np
import pytest
import tifffile
import torch
import torch.nn.functional as F
from packaging.version import Version
from smallest_networks import SMALLEST
from synthetic_cuboids import SHAPE, VOXEL_SIZE, blobs, write_store
from torch import nn

from cellsift.calibration.decision import classified
from cellsift.calibration.description import write_description
from cellsift.calibration.members import Combination
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.inference.classify import classify_brain
from cellsift.inference.scoring import mirror_images
from cellsift.inference.trained_arm import load_arm
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json, write_json
from cellsift.io.volumes import open_volume
from cellsift.models import create_model, list_models
from cellsift.models.storage import network_part, save_model
from cellsift.phantom.brain import make_brain
from cellsift.phantom.settings import BrainSettings

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")
pytest.importorskip("cellfinder")

from cellsift.cli import main  # noqa: E402
from cellsift.interop import keras_arm  # noqa: E402
from cellsift.interop.cellfinder_export import export_to_cellfinder  # noqa: E402
from cellsift.interop.keras_arm import (  # noqa: E402
    LAYERS,
    Statistics,
    architectures_in_keras,
    p_cell,
    threshold_logit,
)
from cellsift.interop.keras_networks import keras_network  # noqa: E402
from cellsift.steps.export_model import export_model  # noqa: E402

# A leaf stands for five cuboids at least, so each tree has to see all of them to split them.
OPTIONS = SMALLEST | {"features": {"trees": 20, "subsample": 1.0}}
NO_STATISTICS = Statistics()
LAYOUT = (2, SHAPE, VOXEL_SIZE)
LOCAL = Normalisation.named("local")
MEMBERS = {"one": 0.7, "two": 0.3}
DATASET = Normalisation.named("dataset", (4.7, 4.6), (0.1, 0.12))
TWO_CHANNELS = blobs(np.arange(20) % 2 == 0, seed=3)
CUBOIDS = {1: TWO_CHANNELS[:, :1], 2: TWO_CHANNELS}


def write_arm(
    folder,
    architecture="resnet",
    layout=LAYOUT,
    normalisation=DATASET,
    *,
    folds=1,
    threshold=0.5,
    cuboids=None,
    statistics=NO_STATISTICS,
    options=None,
    **sidecar,
):
    """Write an arm of random networks whose p_cell of the cuboids lie on both sides of 0.5."""
    channels, shape, _ = layout
    options = OPTIONS[architecture] | (options or {})
    files = []
    for fold in range(folds):
        torch.manual_seed(fold)
        model = create_model(architecture, channels, shape, **options).eval()
        if architecture == "features":
            _grow(model, normalisation)
        # New networks have zeros and ones where trained ones have not.
        with torch.no_grad():
            for tensor in model.parameters():
                tensor.add_(0.01 * torch.randn(tensor.shape))
        content = network_part(architecture, options, layout, normalisation) | {"provenance": {}}
        files.append(save_model(folder / f"fold-{fold}.json", model, content | sidecar))
    cuboids = CUBOIDS[channels] if cuboids is None else cuboids
    write_description(folder, files, {"temperature": 1.0, "threshold": threshold})
    arm = load_arm(folder)
    logits = arm_logits(arm, cuboids, statistics)
    for file, scorer in zip(files, arm.scorers, strict=True):
        offset = {"logit_offset": -float(np.median(logits))}
        save_model(file, scorer.model, read_json(file) | offset)
    write_description(folder, files, {"temperature": float(np.std(logits)), "threshold": threshold})
    return folder


def _grow(model, normalisation):
    features = model.cuboid_features(normalisation.apply(TWO_CHANNELS)).numpy()
    model.fit(features, np.arange(len(features)) % 2 == 0, (1.0, 1.0), seed=0)


@torch.no_grad()
def arm_logits(arm, cuboids, statistics):
    """Return the mean logits (n,) of an arm's folds."""
    logits = []
    for scorer in arm.scorers:
        inputs = scorer.normalisation.apply(cuboids, statistics.log_median, statistics.log_spread)
        views = mirror_images(inputs, scorer.test_time_augmentation)
        of_views = torch.stack([scorer.model(view).double() for view in views]).mean(dim=0)
        logits.append((of_views[:, 1] - of_views[:, 0]).numpy())
    return np.mean(logits, axis=0)


def keras_answers(path, cuboids):
    """Return what cellfinder computes of cuboids (n, channel, z, y, x): (n, 2)."""
    from cellfinder.core.classify.tools import get_model

    model = get_model(existing_model=path, network_depth="50-layer", inference=True)
    inputs = torch.from_numpy(cuboids.astype(np.float32).transpose(0, 3, 4, 2, 1).copy())
    return model(inputs).cpu().numpy()


def check_same(folder, path, cuboids=None, statistics=NO_STATISTICS):
    """Assert that the exported file gives p_cell and the decisions of the arm."""
    arm = load_arm(folder)
    cuboids = CUBOIDS[arm.channels] if cuboids is None else cuboids
    expected = p_cell(arm, torch.from_numpy(cuboids.astype(np.float32)), statistics)
    answers = keras_answers(path, cuboids)
    assert np.ptp(expected) > 0.05, "cuboids are told apart"
    np.testing.assert_allclose(answers[:, 1], expected, rtol=0, atol=1e-3)
    clear = np.abs(expected - arm.threshold) > 1e-4
    called = answers.argmax(axis=1) == 1
    np.testing.assert_array_equal(called[clear], (expected >= arm.threshold)[clear])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name != "ensemble"])
def test_every_architecture_answers_in_cellfinder_as_here(tmp_path, name):
    folder = write_arm(tmp_path / "arm", name, threshold=0.55)
    export_to_cellfinder(folder, tmp_path / "arm.keras")
    check_same(folder, tmp_path / "arm.keras")
    layers = keras.models.load_model(tmp_path / "arm.keras").get_layer("network_0").layers
    as_cellfinder = "conv1" in [layer.name for layer in layers]
    assert (architectures_in_keras()[name] == LAYERS) == as_cellfinder


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
def test_cellfinder_calls_the_same_cells_in_a_volume(tmp_path, channels):
    """With what the export says, of two folds and mirror images, in a volume of other voxels."""
    if channels == 1 and Version(version("cellfinder")) < Version("1.11"):
        pytest.skip("this cellfinder classifies with a background only, as the export says")
    layout = (channels, (8, 16, 20), (5.0, 3.0, 3.0))
    brain = make_brain(1, BrainSettings(shape=(24, 90, 110), cells=40))
    places = np.concatenate([t[list(AXES)].to_numpy() for t in (brain.cells, brain.distractors)])
    # cellfinder's own cells lie on whole voxels.
    places = np.unique(places.astype(int), axis=0)
    signal, background = _volumes(tmp_path, brain, channels)
    store = extract_cuboids(signal, background, places, *layout[1:], tmp_path / "cuboids.zarr")
    folder = write_arm(
        tmp_path / "arm",
        layout=layout,
        normalisation=Normalisation.named("local"),
        folds=2,
        threshold=0.4,
        cuboids=store.read(np.arange(len(store))),
        test_time_augmentation="flips",
    )
    export = export_to_cellfinder(folder, tmp_path / "arm.keras")

    ours = classify_brain(folder, store)[~store.padded]
    found = _classified_by_cellfinder(places, brain, channels, export)
    assert set(found) == set(map(tuple, ours[list(AXES)].to_numpy()))
    clear = (ours["p_cell"] - 0.4).abs() > 1e-3
    assert clear.mean() > 0.9
    called = np.array([found[tuple(place)] for place in ours[list(AXES)].to_numpy()])
    np.testing.assert_array_equal(called[clear], ours["is_cell"][clear])
    assert 0.1 < called.mean() < 0.9, "there is something to tell apart"


def _volumes(folder, brain, channels):
    volumes = []
    for name in ("signal", "background")[:channels]:
        tifffile.imwrite(folder / f"{name}.tif", getattr(brain, name))
        volumes.append(open_volume(folder / f"{name}.tif", brain.settings.voxel_size))
    return (*volumes, None)[:2]


def _classified_by_cellfinder(places, brain, channels, export):
    """Return whether cellfinder calls a cell what lies at a place (z, y, x), by the place."""
    from brainglobe_utils.cells.cells import Cell
    from cellfinder.core.classify import classify

    cells = classify.main(
        points=[Cell((x, y, z), Cell.UNKNOWN) for z, y, x in places.tolist()],
        signal_array=brain.signal,
        background_array=brain.background if channels == 2 else None,
        n_free_cpus=0,
        max_workers=0,
        voxel_sizes=brain.settings.voxel_size,
        batch_size=16,
        trained_model=export.path,
        model_weights=None,
        network_depth="50",
        **export.settings,
    )
    return {(cell.z, cell.y, cell.x): cell.type == Cell.CELL for cell in cells}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["brain", "dataset", "local", "linear"])
def test_every_normalisation_is_a_part_of_the_model(tmp_path, name):
    store = write_store(tmp_path / "brain.zarr", TWO_CHANNELS)
    statistics, cuboids = NO_STATISTICS, ()
    if name == "brain":
        statistics, cuboids = Statistics(store.log_median, store.log_spread), store.paths
    folder = write_arm(
        tmp_path / "arm",
        normalisation=Normalisation.named(name, (4.7, 4.6), (0.1, 0.12)),
        statistics=statistics,
    )
    export_to_cellfinder(folder, tmp_path / "arm.keras", cuboids)
    check_same(folder, tmp_path / "arm.keras", statistics=statistics)
    # What cellfinder resizes has fractions, which our stores round.
    resized = keras_answers(tmp_path / "arm.keras", TWO_CHANNELS + 0.4)
    np.testing.assert_array_equal(resized, keras_answers(tmp_path / "arm.keras", TWO_CHANNELS))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "shape", "options"),
    [
        ("resnet_cellfinder", SHAPE, {"depth": 50}),
        ("resnet", (8, 16, 21), {"planes_as_channels": True}),
        ("resnet_cellfinder", (1, 16, 21), {}),
    ],
)
def test_the_networks_of_cellfinders_layout_are_of_its_layers(tmp_path, name, shape, options):
    cuboids = blobs(np.arange(12) % 2 == 0, seed=3, shape=shape)
    layout = (2, shape, VOXEL_SIZE)
    folder = write_arm(tmp_path / "arm", name, layout, cuboids=cuboids, options=options)
    export_to_cellfinder(folder, tmp_path / "arm.keras")
    check_same(folder, tmp_path / "arm.keras", cuboids)
    network = keras.models.load_model(tmp_path / "arm.keras").get_layer("network_0")
    assert {"conv1", "resunit2_block0_conv_a", "fully_connected"} <= {
        layer.name for layer in network.layers
    }


@pytest.mark.slow
def test_an_ensemble_becomes_one_model_of_its_members(tmp_path):
    for name in ("one", "two"):
        write_arm(tmp_path / name, folds=2, options={"width": {"one": 8, "two": 4}[name]})
    temperatures = {
        name: read_json(tmp_path / name / "model.json")["temperature"] for name in MEMBERS
    }
    combined = Combination("stacked", MEMBERS, temperatures, intercept=0.1)
    content = combined.to_dict() | {"temperature": 1.3, "threshold": 0.45}
    write_json(content, tmp_path / "both" / "model.json")
    export_to_cellfinder(tmp_path / "both", tmp_path / "both.keras")
    check_same(tmp_path / "both", tmp_path / "both.keras")


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.987654, 1.0])
def test_the_threshold_is_that_of_the_rounded_p_cell(threshold):
    """At any threshold what is called a cell is what `classified` calls one."""
    logits = np.linspace(-30, 30, 6001)
    called = classified(np.zeros((len(logits), 3)), logits, 1.0, threshold)["is_cell"]
    np.testing.assert_array_equal(logits > threshold_logit(threshold), called)


def test_what_cellfinder_has_to_be_told_is_told(tmp_path, capsys):
    folder = write_arm(tmp_path / "arm", layout=(1, SHAPE, VOXEL_SIZE), normalisation=LOCAL)
    export_model(folder, tmp_path / "arm.keras")
    said = " ".join(capsys.readouterr().out.split())
    assert (
        "network_voxel_sizes=(5.0, 2.0, 2.0), cube_depth=8, cube_height=16, cube_width=16" in said
    )
    assert "--network-voxel-sizes 5 2 2 --cube-depth 8 --cube-height 16 --cube-width 16" in said
    assert "the plugin for napari, which has no boxes for them, cannot use it" in said
    assert "cellfinder loads it from 1.11 on" in said
    check_same(folder, tmp_path / "arm.keras")


def test_of_usual_cuboids_with_a_background_nothing_special_is_told(tmp_path):
    layout = (2, (20, 50, 50), (5.0, 1.0, 1.0))
    cuboids = blobs(np.arange(4) % 2 == 0, seed=3, shape=layout[1])
    folder = write_arm(tmp_path / "arm", layout=layout, cuboids=cuboids)
    told: list[str] = []
    export_model(folder, tmp_path / "arm.keras", tell=told.append)
    assert "network_voxel_sizes=(5.0, 1.0, 1.0), cube_depth=20" in told[1]
    assert "--cube-depth 20 --cube-height 50 --cube-width 50" in told[2]
    assert "over the border" in told[3]
    assert f"Keras {keras.__version__}" in told[4]
    assert not told[5:]


@pytest.mark.parametrize(
    ("out", "name", "with_brain", "message"),
    [
        ("arm.h5", "local", False, "does not end in .keras"),
        (
            "arm.keras",
            "brain",
            False,
            "give the cuboids of the brain .*--cuboids.* dataset or local",
        ),
        ("arm.keras", "local", True, "leave the brain's cuboids out"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_words(tmp_path, out, name, with_brain, message):
    store = write_store(tmp_path / "brain.zarr", TWO_CHANNELS)
    statistics = (
        Statistics(store.log_median, store.log_spread) if name == "brain" else NO_STATISTICS
    )
    folder = write_arm(
        tmp_path / "arm", normalisation=Normalisation.named(name), statistics=statistics
    )
    with pytest.raises(InputError, match=message):
        export_to_cellfinder(folder, tmp_path / "out" / out, store.paths if with_brain else ())
    assert not list(tmp_path.glob("out/*"))


def test_a_model_that_answers_otherwise_is_not_written(tmp_path, monkeypatch):
    folder = write_arm(tmp_path / "arm", normalisation=LOCAL)
    weights, bias = keras_arm.decision_weights(load_arm(folder))
    monkeypatch.setattr(keras_arm, "decision_weights", lambda _: (weights, bias + 0.1))
    with pytest.raises(InputError, match="differ by"):
        export_to_cellfinder(folder, tmp_path / "out" / "arm.keras")
    assert not list(tmp_path.glob("out/*"))


class Computes(nn.Module):
    """Computes what a function does of cuboids, and sums it up to two numbers."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.table = nn.Parameter(torch.linspace(-1, 1, 2000))

    def forward(self, x):
        values = self.function(x, self.table).flatten(1).float()
        return torch.stack([values.mean(dim=1), (values * values).mean(dim=1)], dim=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    "function",
    [
        lambda x, _: F.avg_pool3d(x, 3, 2, 1, count_include_pad=False),
        lambda x, _: F.avg_pool2d(x[:, 0], (3, 2), (2, 1), (1, 0)),
        lambda x, _: F.max_pool3d(x - 9, 3, 2, 1),
        lambda x, _: x[:, :, 1:7:2].roll(2, dims=4) * x[:, 1:, :3],
        lambda x, table: torch.cat([x.flatten(1), table.expand(x.shape[0], -1)], dim=1) * 0.5,
        lambda x, table: x.flatten(1)[:, :2000] * table - torch.rsub(x.flatten(1)[:, :1], 2),
        lambda x, table: table[(x.flatten(1).abs() * 100).long().clamp(max=1999)],
        lambda x, _: F.interpolate(x, scale_factor=(2, 1.5, 1), mode="trilinear"),
        lambda x, _: F.pad(x, (1, 2, 0, 3), value=2.5).diagonal(dim1=3, dim2=4),
        lambda x, _: (
            F.layer_norm(x, x.shape[3:]) + F.gelu(x).square() + x.amax(dim=2, keepdim=True)
        ),
        lambda x, table: x.flatten(2) @ table[:1728].unflatten(0, (-1, 1)).expand(1728, 3)[:2048],
        lambda x, _: x.flatten(2) @ x.flatten(2).transpose(1, 2),
        lambda x, _: torch.where(x > 0, x.clamp(0.1, 0.5), -x).masked_fill(x < -1, 3.0),
        lambda x, _: F.conv3d(x, x.new_ones(4, 1, 2, 3, 3), stride=(1, 2, 2), groups=2),
    ],
)
def test_operations_answer_as_torchs(function):
    """More of them than the networks that there are need, with other settings."""
    network = Computes(function).eval()
    cuboids = torch.randn(3, 2, 8, 12, 18, generator=torch.Generator().manual_seed(0))
    model = keras_network(network, 2, (8, 12, 18), "network")
    found = model(cuboids.permute(0, 3, 4, 2, 1)).detach().numpy()
    with torch.no_grad():
        np.testing.assert_allclose(found, network(cuboids).numpy(), rtol=1e-4, atol=1e-5)


class Unknown(nn.Module):
    """Computes what Keras has no counterpart for here."""

    def forward(self, x):
        return torch.erfinv(x.flatten(1)[:, :2])


class AsksForValues(nn.Module):
    """Computes something else for bright cuboids."""

    def forward(self, x):
        return x.flatten(1)[:, :2] if x.mean() > 1 else x.flatten(1)[:, 2:4]


@pytest.mark.parametrize(
    ("network", "message"), [(Unknown(), "'erfinv'"), (AsksForValues(), "must not ask for values")]
)
def test_a_network_that_keras_cannot_compute_is_refused(network, message):
    with pytest.raises(InputError, match=message):
        keras_network(network, 2, SHAPE, "network")


def test_what_each_architecture_becomes_is_listed(repository):
    """Where it fails, it shows what to write between the two comments."""
    rows = [f"| `{name}` | {becomes} |" for name, becomes in architectures_in_keras().items()]
    table = "\n".join(["| architecture | in the file |", "|---|---|", *rows])
    text = (repository / "config" / "README.md").read_text()
    assert text.split("<!-- keras -->\n")[1].split("\n<!-- /keras -->")[0] == table


@pytest.mark.slow
def test_the_command_of_the_readme_writes_what_it_says(tmp_path, repository, monkeypatch, capsys):
    lines = map(str.strip, (repository / "README.md").read_text().splitlines())
    (typed,) = [line for line in lines if line.endswith(" --to cellfinder")]
    command, export, folder, out, *more = typed.split()
    monkeypatch.chdir(tmp_path)
    write_arm(tmp_path / folder, normalisation=LOCAL)
    with pytest.raises(SystemExit, match="0"):
        main([export, folder, out, *more])
    assert command == "cellsift"
    assert f"classify.main(trained_model='{out}'" in capsys.readouterr().out
    check_same(tmp_path / folder, tmp_path / out)


def test_a_folder_without_models_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(tmp_path), str(tmp_path / "arm.keras"), "--to", "cellfinder"])
    assert "model.json" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
