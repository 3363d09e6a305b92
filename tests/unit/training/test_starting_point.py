"""Weights are read from cellsift's own models and from Keras files, and refused by name."""

import json
import os
import zipfile

import h5py
import numpy as np
import pytest
import torch

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.interop.keras_files import read_layers
from cellsift.models import create_model
from cellsift.models.storage import save_model, save_tensors
from cellsift.models.weight_transfer import start_from
from cellsift.training.starting_point.leakage import learnt_from, refuse_known_brains
from cellsift.training.starting_point.reading import read_starting_point
from cellsift.training.starting_point.wanted import WantedNetwork

SHAPE = (17, 40, 31)
SMALL = {"depth": 18, "width": 4}
KERAS = {"depth": 18, "width": 4}
INPUT = {"voxel_size": (5.0, 2.0, 2.0), "normalisation": "brain"}
RAW = {"voxel_size": (5.0, 1.0, 1.0), "normalisation": "linear"}


def sidecar(name="resnet", shape=SHAPE, channels=2, options=SMALL, **more) -> dict:
    return {
        "architecture": name,
        "options": options,
        "in_channels": channels,
        "cuboid": {"shape": list(shape), "voxel_size": [5.0, 2.0, 2.0]},
        "normalisation": Normalisation().to_dict(),
        "provenance": {"brains": ["b", "a"]},
    } | more


def network(name="resnet", shape=SHAPE, channels=2, seed=0, options=SMALL):
    torch.manual_seed(seed)
    return create_model(name, channels, shape, **options).eval()


@pytest.fixture
def stored(tmp_path):
    return save_model(tmp_path / "fold-0.json", network(), sidecar())


def started(path, name="resnet", channels=2, shape=SHAPE, options=SMALL, parts="all"):
    model = network(name, shape, channels, seed=9, options=options)
    given = RAW if name == "resnet_cellfinder" else INPUT
    tensors = read_starting_point(path, WantedNetwork(name, options, channels, shape, **given))
    start_from(model, tensors, parts)
    return model


def read_as(path, *network, **given):
    """Read what is wanted for a network: architecture, options, channels, shape."""
    return read_starting_point(path, WantedNetwork(*network, **given))


def logits(model, channels=2):
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        return model(torch.randn(3, channels, *SHAPE, generator=generator))


def test_a_stored_model_is_started_from(stored):
    assert torch.equal(logits(started(stored)), logits(network()))
    assert learnt_from(stored) == ["a", "b"]


def test_a_brain_by_which_a_models_epoch_was_chosen_is_known_to_it(tmp_path):
    path = save_model(
        tmp_path / "fold-0.json",
        network(),
        sidecar(provenance={"brains": ["a"], "judged_on": ["b"]}),
    )
    with pytest.raises(InputError, match="has learnt from brain b"):
        refuse_known_brains(path, ["b", "c"])
    refuse_known_brains(path, ["c"])


def test_an_arm_stands_for_its_first_fold(tmp_path, stored):
    save_model(tmp_path / "fold-1.json", network(seed=1), sidecar())
    (tmp_path / "model.json").write_text(json.dumps({"folds": ["fold-0.json", "fold-1.json"]}))
    for path in (tmp_path, tmp_path / "model.json"):
        assert torch.equal(logits(started(path)), logits(network()))


def test_a_backbone_leaves_the_head(tmp_path):
    source = network()
    tensors = {n: t for n, t in source.state_dict().items() if "fully_connected" not in n}
    path = save_tensors(tmp_path / "backbone.json", tensors, sidecar(pretraining={}))
    model = started(path, parts="backbone")
    assert torch.equal(model.stem.conv.weight, source.stem.conv.weight)
    assert torch.equal(model.fully_connected.weight, network(seed=9).fully_connected.weight)
    assert learnt_from(path) == []
    with pytest.raises(InputError, match="start from the backbone only"):
        started(path, parts="all")


def test_options_left_at_their_default_are_the_same_network(tmp_path):
    path = save_model(
        tmp_path / "m.json", network(options={"width": 4}), sidecar(options={"width": 4})
    )
    read_as(path, "resnet", {"depth": 18, "width": 4}, 2, SHAPE, **INPUT)


def test_convolutions_fit_cuboids_of_another_shape(stored):
    read_as(stored, "resnet", SMALL, 2, (20, 50, 50), **INPUT)


def test_statistics_of_the_training_cuboids_may_be_others(tmp_path):
    normalisation = Normalisation.named("dataset", (5.0, 5.0), (0.3, 0.2)).to_dict()
    path = save_model(tmp_path / "m.json", network(), sidecar(normalisation=normalisation))
    given = INPUT | {"normalisation": "dataset"}
    read_as(path, "resnet", SMALL, 2, SHAPE, **given)
    with pytest.raises(InputError, match="normalisation dataset, the arm's is brain"):
        read_as(path, "resnet", SMALL, 2, SHAPE, **INPUT)


def test_reading_draws_no_random_numbers(stored):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    read_as(stored, "resnet", SMALL, 2, SHAPE, **INPUT)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "resnet_cellfinder"}, "holds resnet {.*}, the arm resnet_cellfinder {"),
        ({"options": {"width": 8}}, "width: 4, .*}, the arm resnet {depth: 18, width: 8, "),
        ({"in_channels": 1}, "is for 2 channels, the cuboids have 1 channel; give every brain its"),
        (
            {"normalisation": "local"},
            "normalisation brain, the arm's is local; set `norm.*: brain`",
        ),
        (
            {"voxel_size": (6, 2, 2)},
            r"of \[5.0, 2.0, 2.0\] µm .*, those here are of \[6.0, 2.0, 2.0",
        ),
    ],
)
def test_another_network_is_refused_with_both_named(stored, change, message):
    wanted = {"architecture": "resnet", "options": SMALL, "in_channels": 2, "cuboid_shape": SHAPE}
    with pytest.raises(InputError, match=message):
        read_starting_point(stored, WantedNetwork(**wanted | INPUT | change))


def test_one_channel_into_two_says_what_to_do(tmp_path):
    path = save_model(tmp_path / "m.json", network(channels=1), sidecar(channels=1))
    with pytest.raises(InputError, match="for 1 channel, .* leave background empty"):
        read_as(path, "resnet", SMALL, 2, SHAPE, **INPUT)


def test_positions_of_other_cuboids_are_refused_with_both_shapes(tmp_path):
    options = {"width": 24, "depth": 1}
    path = save_model(
        tmp_path / "m.json", network("vit3d", options=options), sidecar("vit3d", options=options)
    )
    with pytest.raises(InputError, match=r"cuboids of \[17, 40, 31\], not \[20, 60, 60\].*posit"):
        read_as(path, "vit3d", options, 2, (20, 60, 60), **INPUT)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.json", None, "does not exist; start from a model of cellsift"),
        ("a.pt", b"", "weights are read from .json"),
        ("a.json", b"{", "cannot be read as JSON"),
        ("a.json", b"{}", "lacks the keys"),
        ("model.json", b"[]", "'folds' is None"),
        ("model.json", b'{"folds": ["../a.json"]}', "names of files beside it"),
        ("a.h5", b"no hdf5", "no whole Keras file"),
        ("a.keras", b"no zip", "no whole Keras file"),
        ("a.h5", b"", "no whole Keras file"),
    ],
)
def test_files_that_are_no_model_are_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_as(tmp_path / name, "resnet", SMALL, 2, SHAPE, **INPUT)


def write_layers(path, arrays: dict[str, list], **settings) -> None:
    """Write a file as Keras 2 does, each layer a group."""
    with h5py.File(path, "w") as file:
        for layer, of_layer in arrays.items():
            group = file.create_group(layer)
            names = [f"{layer}/array{i}:0" for i in range(len(of_layer))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, of_layer, strict=True):
                group.create_dataset(name, data=array, **settings)


def test_an_array_that_would_fill_memory_is_refused(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("conv1")
        group.attrs["weight_names"] = ["kernel"]
        group.create_dataset("kernel", (10**6, 10**6), np.float32, chunks=(1000, 1000))
    with pytest.raises(InputError, match="far larger than the file"):
        read_layers(path)


def test_compressed_archives_are_refused(tmp_path):
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", bytes(10**6))
    with pytest.raises(InputError, match="compressed"):
        read_layers(path)


@pytest.mark.parametrize("kind", ["external link", "soft link", "external numbers", "virtual"])
def test_weights_that_lie_in_other_files_are_not_read(tmp_path, kind):
    write_layers(tmp_path / "secret.h5", {"conv1": [np.ones(3, np.float32)]})
    (tmp_path / "secret.bin").write_bytes(bytes(12))
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("conv1")
        group.attrs["weight_names"] = ["kernel"]
        if kind == "external link":
            group["kernel"] = h5py.ExternalLink(tmp_path / "secret.h5", "conv1/conv1/array0:0")
        elif kind == "soft link":
            group["kernel"] = h5py.SoftLink("/conv1/else")
        elif kind == "external numbers":
            outside = [(str(tmp_path / "secret.bin"), 0, 12)]
            group.create_dataset("kernel", (3,), np.float32, external=outside)
        else:
            layout = h5py.VirtualLayout((3,), np.float32)
            layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "conv1/conv1/array0:0", (3,))
            group.create_virtual_dataset("kernel", layout)
    with pytest.raises(InputError, match="lie in another file|leads elsewhere"):
        read_layers(path)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"dense": [np.ones((2, 2))]}, "layer 'dense' is not one of cellfinder's ResNet"),
        ({"conv1": [np.ones((2, 2))]}, r"layer 'conv1' has arrays of shapes \[\(2, 2\)\]"),
        ({"conv1": [np.ones((7, 7, 3, 2, 4))]}, "lacks layers of cellfinder's ResNet"),
        ({"conv1": [np.array([b"text"])]}, "no array of numbers"),
    ],
)
def test_files_of_other_networks_are_refused(tmp_path, layers, message):
    write_layers(tmp_path / "a.h5", layers)
    with pytest.raises(InputError, match=message):
        read_as(tmp_path / "a.h5", "resnet_cellfinder", KERAS, 2, SHAPE, **RAW)


@pytest.fixture(scope="module")
def keras_files(tmp_path_factory):
    """Files of one small network of cellfinder's, by layout and channels, and its logits."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    build_model = pytest.importorskip("cellfinder.core.classify.resnet").build_model
    import keras
    from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
    from keras_networks import keras_logits, with_random_statistics

    folder, files, expected = tmp_path_factory.mktemp("keras"), {}, {}
    for channels in (1, 2):
        keras.utils.set_random_seed(0)
        z, y, x = SHAPE
        model = with_random_statistics(
            build_model(
                shape=(y, x, z, channels),
                network_depth="18-layer",
                starting_features=4,
                classification_activation="linear",
            )
        )
        place = folder / str(channels)
        place.mkdir()
        model.save(place / "whole.keras")
        model.save(place / "whole.h5")
        model.save_weights(place / "now.weights.h5")
        with h5py.File(place / "shipped.h5", "w") as file:
            save_weights_to_hdf5_group(file, model)
        generator = torch.Generator().manual_seed(0)
        cuboids = torch.randn(3, channels, *SHAPE, generator=generator).numpy()
        expected[channels] = torch.from_numpy(keras_logits(model, cuboids))
        files[channels] = place
    return files, expected


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["whole.keras", "whole.h5", "now.weights.h5", "shipped.h5"])
def test_keras_files_give_the_logits_of_keras(keras_files, name, channels):
    files, expected = keras_files
    model = started(files[channels] / name, "resnet_cellfinder", channels, options=KERAS)
    scale = float(expected[channels].abs().max())
    torch.testing.assert_close(
        logits(model, channels), expected[channels], rtol=0, atol=1e-5 * scale
    )
    assert learnt_from(files[channels] / name) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("channels", "change", "message"),
    [
        (2, {"in_channels": 1}, "for 2 channels, the cuboids have 1 .* start from weights for 1"),
        (1, {"in_channels": 2}, "for 1 channel, the cuboids have 2 .* leave background empty"),
        (2, {"options": {"depth": 34, "width": 4}}, "18 layers and width 4, not .*depth: 34"),
        (2, {"options": {"depth": 18}}, r"not .*width: 64, .*; set .* to {depth: 18, width: 4}"),
        (
            2,
            {"options": KERAS | {"planes_as_channels": True}},
            "cuboids, .* images of 17 planes",
        ),
        (
            2,
            {"cuboid_shape": (1, 40, 31)},
            "for cuboids, the arm's is for images of 1 plane",
        ),
        (2, {"architecture": "resnet"}, "only architecture resnet_cellfinder can start from"),
        (2, {"cuboid_shape": (24, 40, 31)}, r"other planes, not \[24, 40, 31\].*stem.norm.weight"),
        (
            2,
            {"normalisation": "brain"},
            "normalisation linear, the arm's is brain; set `norm.*: li",
        ),
    ],
)
def test_another_resnet_of_cellfinders_is_refused_by_name(keras_files, channels, change, message):
    wanted = {"architecture": "resnet_cellfinder", "options": KERAS, "in_channels": channels}
    with pytest.raises(InputError, match=message):
        read_starting_point(
            keras_files[0][channels] / "whole.keras",
            WantedNetwork(**wanted | RAW | {"cuboid_shape": SHAPE} | change),
        )


@pytest.mark.slow
def test_archives_of_older_keras_name_their_layers_in_the_config(keras_files, tmp_path):
    """Before Keras 3.5 the groups of weights had no names of their own."""
    whole = keras_files[0][2] / "whole.keras"
    with zipfile.ZipFile(whole) as archive:
        config, weights = (archive.read(name) for name in ("config.json", "model.weights.h5"))
    (tmp_path / "a.h5").write_bytes(weights)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        for layer in file["layers"].values():
            layer["vars"].attrs.pop("name", None)
    with pytest.raises(InputError, match="does not tell the names of its layers"):
        read_layers(tmp_path / "a.h5")
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", config)
        archive.write(tmp_path / "a.h5", "model.weights.h5")
    old, new = read_layers(tmp_path / "a.keras"), read_layers(whole)
    assert set(old) == set(new)
    for name, arrays in new.items():
        assert all(np.array_equal(a, b) for a, b in zip(old[name], arrays, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["whole.keras", "shipped.h5"])
def test_a_file_that_was_cut_off_is_refused(keras_files, tmp_path, name, share):
    content = (keras_files[0][2] / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="no whole Keras file"):
        read_as(tmp_path / name, "resnet_cellfinder", KERAS, 2, SHAPE, **RAW)
