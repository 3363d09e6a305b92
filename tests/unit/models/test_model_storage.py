"""Stored models come back as they were, and nothing else is accepted as a model."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.storage import load_model, network_part, save_model

SHAPE = (16, 20, 20)
SIDECAR = {
    "architecture": "resnet",
    "options": {"depth": 18, "width": 4},
    "in_channels": 2,
    "cuboid": {"shape": list(SHAPE), "voxel_size": [5.0, 1.0, 1.0]},
    "normalisation": Normalisation().to_dict(),
    "provenance": {"seed": 1},
}


def trained(seed=0):
    """A model whose batch statistics are no longer those of a new one."""
    torch.manual_seed(seed)
    model = create_model("resnet", 2, SHAPE, depth=18, width=4)
    model(torch.randn(8, 2, *SHAPE))
    return model


@pytest.fixture
def stored(tmp_path):
    return save_model(tmp_path / "fold-0.json", trained(), SIDECAR)


def rewrite(path, **changes):
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))


@pytest.mark.parametrize("name", ["resnet", "resnet_cellfinder"])
def test_logits_of_a_loaded_model_are_equal_bit_for_bit(tmp_path, name):
    torch.manual_seed(0)
    model = create_model(name, 2, SHAPE, depth=18, width=4)
    inputs = torch.randn(8, 2, *SHAPE)
    model(inputs)
    path = save_model(tmp_path / "fold-0.json", model, SIDECAR | {"architecture": name})
    loaded, sidecar = load_model(path)
    assert not loaded.training
    assert torch.equal(loaded(inputs), model.eval()(inputs))
    assert sidecar["provenance"] == {"seed": 1}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fold-0.json", "fold-0.safetensors"]


def test_what_is_written_of_a_network_builds_it_again(tmp_path):
    """The same content, to the order of its keys, whoever stores a network."""
    part = network_part("resnet", {"depth": 18, "width": 4}, (2, SHAPE, (5, 1, 1)), Normalisation())
    assert list(part.items()) == list(SIDECAR.items())[:-1]
    model = trained().eval()
    loaded, _ = load_model(save_model(tmp_path / "fold-0.json", model, part | {"provenance": {}}))
    assert torch.equal(loaded(torch.ones(1, 2, *SHAPE)), model(torch.ones(1, 2, *SHAPE)))


def test_models_in_another_memory_order_can_be_stored(tmp_path):
    model = trained().to(memory_format=torch.channels_last_3d).eval()
    loaded, _ = load_model(save_model(tmp_path / "m.json", model, SIDECAR))
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_the_same_model_gives_the_same_bytes(tmp_path):
    first = save_model(tmp_path / "a" / "m.json", trained(), SIDECAR)
    second = save_model(tmp_path / "b" / "m.json", trained(), SIDECAR)
    for ending in (".json", ".safetensors"):
        first, second = first.with_suffix(ending), second.with_suffix(ending)
        assert first.read_bytes() == second.read_bytes()


def test_loading_does_not_move_the_random_numbers_on(stored):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    load_model(stored)
    assert torch.equal(torch.rand(4), expected)


class Trap:
    """Pickled, it writes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("save", [pickle.dump, torch.save])
def test_a_pickle_is_refused_and_never_run(stored, tmp_path, save):
    sprung = tmp_path / "sprung"
    weights = stored.with_suffix(".safetensors")
    with weights.open("wb") as file:
        save(Trap(str(sprung)), file)
    rewrite(stored, weights_sha256=None)
    with pytest.raises(InputError, match="fold-0.safetensors is no whole safetensors file"):
        load_model(stored)
    assert not sprung.exists()


def test_weights_cut_short_are_refused(stored):
    weights = stored.with_suffix(".safetensors")
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(InputError, match="fold-0.safetensors"):
        load_model(stored)


def test_weights_of_another_model_are_refused(stored, tmp_path):
    other = save_model(tmp_path / "other" / "fold-0.json", trained(seed=5), SIDECAR)
    other.with_suffix(".safetensors").replace(stored.with_suffix(".safetensors"))
    with pytest.raises(InputError, match="other weights than those fold-0.json"):
        load_model(stored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("units.0.0.conv_a.weight"), "1 tensors missing .units.0.0.conv_a.weight"),
        (lambda t: t.update(extra=torch.zeros(1)), "1 tensors unexpected .extra"),
        (
            lambda t: t.update({"fully_connected.bias": torch.zeros(3)}),
            r"float32 \[3\], not .*\[2\]",
        ),
        (lambda t: t.update({"fully_connected.bias": torch.zeros(2).half()}), "float16"),
    ],
)
def test_tensors_that_do_not_fit_are_named(stored, change, message):
    weights = stored.with_suffix(".safetensors")
    tensors = load_file(weights)
    change(tensors)
    save_file(tensors, weights)
    rewrite(stored, weights_sha256=None)
    with pytest.raises(InputError, match=f"fold-0.safetensors .*{message}"):
        load_model(stored)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": None}, "lacks the keys architecture"),
        ({"provenance": None, "cuboid": None}, "lacks the keys cuboid, provenance"),
        ({"architecture": "transformer"}, "'transformer' is not known"),
        ({"architecture": ["resnet"]}, "is not known"),
        ({"options": [18]}, "'options'"),
        ({"options": {"depth": 18, "width": 8}}, "tensors of another shape"),
        ({"options": {"depth": 18, "heads": 8}}, "no option 'heads'"),
        ({"options": {"name": "resnet"}}, "name"),
        ({"in_channels": "two"}, "in_channels is 'two'"),
        ({"cuboid": {"shape": [20, 50]}}, "cuboid shape"),
        ({"cuboid": {"shape": [20, 50, 50], "voxel_size": [5, 1, 0]}}, "cuboid voxel_size"),
        ({"cuboid": 5}, "cuboid shape"),
        ({"normalisation": {"transform": "log"}}, "normalisation"),
    ],
)
def test_a_sidecar_that_describes_no_model_is_refused_by_name(stored, changes, message):
    rewrite(stored, **changes)
    with pytest.raises(InputError, match=f"fold-0.*{message}"):
        load_model(stored)


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\udcff"])
def test_a_sidecar_that_is_no_json_object_is_refused(stored, content):
    stored.write_text(content, errors="surrogateescape")
    with pytest.raises(InputError, match="fold-0.json"):
        load_model(stored)


def test_missing_files_are_named(stored, tmp_path):
    with pytest.raises(InputError, match="fold-9.json does not exist"):
        load_model(tmp_path / "fold-9.json")
    stored.with_suffix(".safetensors").unlink()
    with pytest.raises(InputError, match="fold-0.safetensors does not exist"):
        load_model(stored)


def test_a_sidecar_without_what_loading_needs_is_not_written(tmp_path):
    incomplete = {key: value for key, value in SIDECAR.items() if key != "normalisation"}
    with pytest.raises(InputError, match="lacks the keys normalisation"):
        save_model(tmp_path / "fold-0.json", trained(), incomplete)
    assert list(tmp_path.iterdir()) == []
