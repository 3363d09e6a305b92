"""The registry of architectures, the residual networks, and the normalisation of their input."""

import json
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_cuboids import SHAPE as CUBOID
from synthetic_cuboids import make_brains
from torch import nn
from trained_folds import train_in

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.explain.saliency import saliency, saliency_method
from cellsift.models import (
    architecture_file,
    architecture_module,
    classifiers,
    create_model,
    list_models,
    model_options,
    registry,
)
from cellsift.models.classifiers.resnet import least_shape
from cellsift.models.storage import load_model
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.workflow.code import modules_of

SHAPE = (20, 50, 50)
SHAPES = [SHAPE, (20, 25, 25), (16, 20, 20), (24, 61, 47), least_shape()]


def small(name: str, shape=SHAPE, channels=2, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, channels, shape, **{"depth": 18, "width": 4} | options)


def test_every_listed_architecture_is_in_the_file_it_names():
    assert {"resnet", "resnet_cellfinder"} <= set(list_models())
    for name in list_models():
        assert f'@architecture("{name}")' in architecture_file(name).read_text()


@pytest.mark.parametrize("name", list_models())
def test_no_option_has_the_name_of_a_key_of_the_recipe(name):
    assert not set(model_options(name)) & set(Recipe.model_fields)


def test_listing_architectures_does_not_import_torch():
    code = (
        "import sys; from cellsift import models; models.list_models(); "
        "models.architecture_file('resnet'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def families(tmp_path, monkeypatch):
    """A folder whose modules are families of architectures, too."""
    before, modules = set(registry._builders), set(sys.modules)
    monkeypatch.setattr(classifiers, "__path__", [*classifiers.__path__, str(tmp_path)])
    registry._files.cache_clear()
    yield tmp_path
    registry._files.cache_clear()
    for name in set(registry._builders) - before:
        del registry._builders[name]
    for name in set(sys.modules) - modules:
        if name.startswith(classifiers.__name__):
            del sys.modules[name]


def test_a_new_family_needs_nothing_but_its_file(families, repository, tmp_path):
    """With what the README says of it, it is listed, built, trained, stored and explained."""
    readme = (repository / "README.md").read_text().partition("## How to add an architecture")[2]
    code = re.search(r"^ *```python\n(.*?)^ *```$", readme, flags=re.MULTILINE | re.DOTALL)[1]
    (families / "made_up_family.py").write_text(textwrap.dedent(code))
    (name,) = re.findall(r"architecture: (\w+)", readme)
    assert name in list_models()
    assert model_options(name) == {"features": 8}
    assert create_model(name, 2, SHAPE, features=7).judge.in_features == 7
    arm = Arm("new", name, options={}, recipe=Recipe(epochs=1))
    path = train_in(tmp_path, arm, make_brains(tmp_path, count=40))
    model, _ = load_model(path)
    assert saliency_method(model) == "Grad-CAM"
    assert saliency(model, torch.rand(1, 2, *CUBOID)).shape == (1, *CUBOID)


BARE = """
from torch import nn
from cellsift.models.contract import Network
from cellsift.models.registry import architecture

class Linear(BASE):
    HEADS

    def __init__(self):
        super().__init__()
        self.judge = nn.Linear(2, 2)

@architecture(
    'bare',
)
def bare(in_channels, cuboid_shape):
    return Linear()
"""


@pytest.mark.parametrize(
    ("base", "heads", "message"),
    [
        ("nn.Module", "heads = ('judge',)", "'bare' gives a Linear; derive it from .*Network"),
        ("Network", "", "'bare' gives a Linear without heads; name in them"),
        ("Network", "heads = ('judge', 'jury')", "heads name what it does not have: jury"),
    ],
)
def test_the_author_of_a_family_is_told_what_it_lacks(families, base, heads, message):
    (families / "bare_family.py").write_text(BARE.replace("BASE", base).replace("HEADS", heads))
    with pytest.raises(TypeError, match=message):
        create_model("bare", 2, SHAPE)


def test_listing_reads_registrations_alone(families):
    """Not comments, text, or what is registered under no plain name."""
    (families / "odd_family.py").write_text(
        '# @architecture(\'comment\')\n""" @architecture(\'text\')"""\n@architecture(NAME)\n'
        "def build(): ...\n@other('other')\ndef more(): ...\n@architecture('odd')\ndef odd(): ...\n"
    )
    found = {name for name in list_models() if architecture_file(name).parent == families}
    assert found == {"odd"}


@pytest.mark.parametrize("name", ["resnet", "resnet_cellfinder"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("depth", "channels"), [(18, 2), (50, 1)])
def test_networks_give_two_logits_and_learn_at_every_shape(name, shape, depth, channels):
    model = small(name, shape, channels, depth=depth)
    inputs = torch.randn(3, channels, *shape)
    logits = model(inputs)
    assert logits.shape == (3, 2)
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 1])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.stem.conv.weight.grad.abs().sum() > 0


def test_parameter_counts_are_cellfinders():
    def parameters(name, depth):
        with torch.device("meta"):
            model = create_model(name, 2, SHAPE, depth=depth, width=64)
        return sum(p.numel() for p in model.parameters())

    assert parameters("resnet_cellfinder", 18) == 33_152_530
    assert parameters("resnet_cellfinder", 50) == 46_103_232
    assert parameters("resnet", 18) == 33_162_114


@pytest.mark.parametrize("name", ["resnet", "resnet_cellfinder"])
@pytest.mark.parametrize("shape", [(1, 50, 50), (3, 25, 30), least_shape(flat=True)])
@pytest.mark.parametrize(("depth", "channels"), [(18, 2), (50, 1)])
def test_planes_as_channels_make_networks_of_images(name, shape, depth, channels):
    model = small(name, shape, channels, depth=depth, planes_as_channels=True)
    kinds = nn.Conv3d | nn.BatchNorm3d | nn.MaxPool3d
    assert not any(isinstance(module, kinds) for module in model.modules())
    logits = model(torch.randn(3, channels, *shape))
    assert logits.shape == (3, 2)
    nn.functional.cross_entropy(logits, torch.tensor([0, 1, 1])).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_parameter_counts_of_images_are_those_of_cellfinders_layout():
    """A network of images has what that of cuboids has, without the kernels' third axis."""

    def parameters(depth):
        with torch.device("meta"):
            model = create_model("resnet", 2, (1, 50, 50), depth=depth, width=64)
        return sum(p.numel() for p in model.parameters())

    # torchvision's, with two channels instead of three, two classes, and a projection in the
    # first unit of the basic blocks, too.
    imagenet = {18: (11_689_512, 512), 50: (25_557_032, 2048)}
    for depth, (published, features) in imagenet.items():
        projection = 64 * 64 + 2 * 64 if depth == 18 else 0
        expected = published - 7 * 7 * 64 - (features + 1) * 998 + projection
        assert parameters(depth) == expected


def test_normalisation_over_planes_and_over_features():
    assert small("resnet_cellfinder").stem.norm.num_features == 12
    assert small("resnet").stem.norm.num_features == 4
    assert small("resnet").stem.norm.momentum == 0.1
    assert small("resnet_cellfinder", (1, 50, 60)).network.stem.norm.num_features == 30
    assert small("resnet", (1, 50, 60)).network.stem.norm.num_features == 4


@pytest.mark.parametrize("name", ["resnet", "resnet_cellfinder"])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradcam_layer_is_the_deepest_whose_map_still_localises(name, shape):
    model = small(name, shape).eval()
    sizes = []
    for unit in model.units:
        unit.register_forward_hook(lambda *call: sizes.append(tuple(call[2].shape[2:])))
    model(torch.zeros(1, 2, *shape))
    chosen = list(model.units).index(model.gradcam_layer)
    assert min(sizes[chosen]) >= 3
    assert chosen == 0 or min(sizes[chosen][1:]) >= 6
    assert all(size[0] < 3 or min(size[1:]) < 6 for size in sizes[chosen + 1 :])
    if shape == SHAPE:
        assert sizes[chosen] == (3, 6, 6)


def test_every_relu_is_a_module_of_its_own_that_leaves_its_input_alone():
    model = small("resnet", depth=50).eval()
    uses = []
    for module in model.modules():
        if isinstance(module, nn.ReLU):
            assert not module.inplace
            module.register_forward_hook(lambda module, *_: uses.append(module))
    model(torch.zeros(1, 2, *SHAPE))
    assert len(uses) == len(set(uses)) == 1 + 3 * 16


def test_the_same_seed_gives_the_same_network():
    inputs = torch.randn(2, 2, *SHAPE)
    first, second = small("resnet").eval(), small("resnet").eval()
    assert torch.equal(first(inputs), second(inputs))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "resnett"}, "resnett.*choose one of.*resnet_cellfinder"),
        (
            {"options": {"dept": 18}},
            "no option 'dept'; its options are: depth, width, planes",
        ),
        ({"options": {"depth": 19}}, "depth is 19; choose one of 18, 34, 50, 101"),
        ({"options": {"depth": "18"}}, "depth is '18'"),
        ({"options": {"depth": [18]}}, "depth is"),
        ({"options": {"width": 0}}, "width is 0"),
        ({"options": {"width": 2.5}}, "width is 2.5"),
        ({"options": {"width": True}}, "width is True"),
        ({"in_channels": 0}, "in_channels is 0"),
        ({"cuboid_shape": (6, 50, 50)}, r"\[6, 50, 50\].*too small.*least is \[7, 13, 13\]"),
        ({"cuboid_shape": (20, 50)}, r"\[20, 50\] is not three numbers"),
        ({"cuboid_shape": (3, 50, 50)}, r"with planes_as_channels: true \[1, 13, 13\]"),
        ({"cuboid_shape": (1, 12, 50)}, r"too small.*least is \[1, 13, 13\]$"),
        ({"options": {"planes_as_channels": 1}}, "planes_as_channels is 1; give true or false"),
        ({"cuboid_shape": (20, 50, -1)}, "along x is -1"),
        ({"cuboid_shape": (20, 50.5, 50)}, "along y is 50.5"),
    ],
)
def test_what_cannot_be_built_is_refused(change, message):
    asked = {"name": "resnet", "in_channels": 2, "cuboid_shape": SHAPE, "options": {}} | change
    options = asked.pop("options")
    with pytest.raises(InputError, match=message):
        create_model(**asked, **options)


def test_log_normalisation_by_brain_undoes_a_brains_brightness():
    random = np.random.default_rng(0)
    cuboids = random.integers(100, 4000, (5, 2, 4, 6, 6)).astype(np.uint16)
    logs = np.log1p(cuboids.astype(float))
    median, spread = np.median(logs, axis=(0, 2, 3, 4)), np.array([0.5, 2.0])
    result = Normalisation("log", "brain").apply(cuboids, median, spread).numpy()
    expected = (logs - median[:, None, None, None]) / spread[:, None, None, None]
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_dataset_statistics_win_over_the_brains():
    cuboids = np.full((1, 1, 2, 2, 2), 99, np.uint16)
    normalisation = Normalisation.named("dataset", median=(np.log(100.0),), spread=(2.0,))
    np.testing.assert_allclose(normalisation.apply(cuboids, (3.0,), (1.0,)), 0, atol=1e-6)


def test_local_normalisation_sees_contrast_and_no_brightness():
    rng = np.random.default_rng(1)
    cuboids = rng.uniform(2_000, 4_000, (3, 2, 5, 7, 7))
    local = Normalisation.named("local")
    x = local.apply(cuboids)
    np.testing.assert_allclose(np.median(x.flatten(2), axis=2), 0, atol=1e-3)
    brighter = local.apply(cuboids * np.array([1.0, 3.0, 0.5])[:, None, None, None, None])
    np.testing.assert_allclose(brighter, x, atol=0.01)
    assert x.abs().max() > 3


def test_linear_normalisation_keeps_every_intensity():
    cuboids = np.arange(65536, dtype=np.uint16).reshape(1, 1, 64, 32, 32)
    result = Normalisation.named("linear").apply(cuboids)
    assert result.dtype == torch.float32
    np.testing.assert_array_equal(result.numpy(), cuboids)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["brain", "dataset", "local", "linear"]),
    median=st.floats(0, 12),
    spread=st.floats(1e-3, 10),
)
def test_normalisation_survives_its_dictionary(name, median, spread):
    normalisation = Normalisation.named(name, (median, 1.0), (spread, 1.0))
    assert Normalisation.from_dict(json.loads(json.dumps(normalisation.to_dict()))) == normalisation


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"transform": "log"}, "exactly the keys"),
        ("log", "exactly the keys"),
        ({"transform": "sqrt", "statistics": "brain", "median": [], "spread": []}, "sqrt"),
        ({"transform": "log", "statistics": "dataset", "median": [], "spread": []}, "0 medians"),
        ({"transform": "log", "statistics": "dataset", "median": [1], "spread": [0]}, "above 0"),
        ({"transform": "log", "statistics": "dataset", "median": ["a"], "spread": [1]}, "a"),
    ],
)
def test_a_normalisation_that_makes_no_sense_is_refused(content, message):
    with pytest.raises(InputError, match=message):
        Normalisation.from_dict(content)


def test_normalisation_by_brain_needs_one_statistic_per_channel():
    cuboids = np.zeros((1, 2, 2, 2, 2), np.uint16)
    for statistics in ((None, None), ((1.0,), (1.0,)), ((1.0, 1.0), (1.0, 0.0))):
        with pytest.raises(InputError):
            Normalisation().apply(cuboids, *statistics)


def test_a_network_is_made_of_what_its_module_imports_too():
    def made_of(architecture):
        modules = modules_of(architecture_module(architecture))
        return {name.rpartition(".")[2] for name in modules}

    assert {"pipnet", "residual", "plane_encoder"} <= made_of("pipnet3d")
    assert {"features", "boosted_trees"} <= made_of("features")
    assert {"contract", "localising", "planes", "residual", "resnet"} <= made_of("resnet")
    # What only others are built of is no part of it.
    assert not {"plane_encoder", "patch_encoder", "depthwise", "pipnet"} & made_of("resnet")
