"""Every network fulfils the contract, and nobody asks a network what it has."""

import ast
import inspect
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from smallest_networks import SMALLEST
from torch import nn

import cellsift
from cellsift.models import classifiers, create_model, list_models, model_options
from cellsift.models.contract import Batch, Network
from cellsift.models.layers.planes import PlanesAsChannels

SHAPE = (9, 25, 25)
CASES = [(name, False) for name in SMALLEST] + [
    (name, True) for name in SMALLEST if "planes_as_channels" in model_options(name)
]
PACKAGE = Path(cellsift.__file__).parent
# What networks are called where they are used.
NETWORKS = {"model", "network", "student", "teacher", "judged", "alone"}


def batch_of(cuboids: torch.Tensor) -> Batch:
    targets = torch.arange(len(cuboids)) % 2
    return Batch(cuboids, targets, torch.tensor([2.0, 0.5]), 0.9, lambda: cuboids + 1)


class Bare(Network):
    """With nothing but what a network has to bring."""

    heads = ("judge",)

    def __init__(self, channels: int = 2):
        super().__init__()
        self.judge = nn.Linear(channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.judge(x.flatten(2).mean(dim=2))


def test_every_architecture_is_tried():
    assert set(list_models()) == set(SMALLEST) | {"ensemble"}


@pytest.mark.parametrize(("name", "flat"), CASES)
def test_every_architecture_fulfils_the_contract(name, flat):
    options = SMALLEST[name] | ({"planes_as_channels": True} if flat else {})
    torch.manual_seed(0)
    model = create_model(name, 2, SHAPE, **options).eval()
    assert isinstance(model, Network)
    assert model.task == "classify"
    assert 0 <= model.share_without_labels < 1
    cuboids = torch.randn(3, 2, *SHAPE)
    with torch.no_grad():
        assert model(cuboids).shape == (3, 2)
        maps = model.own_maps(cuboids)
    assert len(maps) == len(model.own_map_names)
    assert all(len(of_name) == 3 and of_name.ndim in (2, 3, 4) for of_name in maps)
    assert bool(maps) == (Path(model.own_maps_file).suffix == ".tif")
    if model.has_prototypes:
        prototypes = len(model.scoring_sheet())
        assert model.scoring_sheet().shape == (prototypes, 2)
        assert model.prototype_maps(cuboids).shape[:2] == (3, prototypes)
        assert 0 < model.least_presence < 1
    if model.fitted_at_once:
        assert model.cuboid_features(cuboids).shape[0] == 3
        assert list(model.parameters()) == []
    if model.patch_encoder is not None:
        assert model.patch_encoder in list(model.modules())
    if model.gradcam_layer is not None:
        assert model.gradcam_layer in list(model.modules())


def test_what_is_special_about_networks_is_what_they_declare():
    """One that forgets to say so would be trained or explained as any other."""

    def those(special) -> set[str]:
        return {
            name
            for name, options in SMALLEST.items()
            if special(create_model(name, 2, SHAPE, **options))
        }

    transformers = {"vit3d", "deit3d"}
    gated = {"efficientnet3d_attention"}
    assert those(lambda m: m.has_own_loss) == {"pipnet3d", "deit3d"}
    assert those(lambda m: m.learns_from_teacher) == {"deit3d"}
    assert those(lambda m: m.share_without_labels > 0) == {"pipnet3d"}
    assert those(lambda m: m.fitted_at_once) == {"features"}
    assert those(lambda m: m.gradcam_layer is None) == {"features"}
    assert those(lambda m: m.has_prototypes) == {"pipnet3d"}
    assert those(lambda m: m.patch_encoder is not None) == transformers
    assert those(lambda m: bool(m.own_map_names)) == transformers | gated | {"slice_mil"}
    assert those(lambda m: m.gradients_in_place) == transformers | gated | {
        "efficientnet3d",
        "mobilenet3d",
    }


def test_a_bare_network_has_all_defaults():
    model, cuboids = Bare(), torch.randn(4, 2, *SHAPE)
    assert model.gradcam_layer is None
    assert model.patch_encoder is None
    assert not model.has_own_loss
    assert not model.learns_from_teacher
    assert not model.gradients_in_place
    assert not model.fitted_at_once
    assert not model.has_prototypes
    assert model.share_without_labels == 0
    assert model.own_map_names == ()
    assert model.own_maps(cuboids) == []
    before = model.judge.weight.clone()
    model.after_step()
    assert torch.equal(model.judge.weight, before)
    batch = batch_of(cuboids)
    expected = F.cross_entropy(model(cuboids), batch.targets, batch.weights)
    assert torch.equal(model.loss(batch), expected)
    for refused in (
        lambda: model.cuboid_features(cuboids),
        lambda: model.fit(None, None, (1.0, 1.0), 0),
        lambda: model.prototype_maps(cuboids),
        model.scoring_sheet,
    ):
        with pytest.raises(NotImplementedError, match="Bare"):
            refused()


def test_a_layer_that_is_called_gradcam_layer_is_it():
    """Torch keeps submodules where the property of the base class would hide them."""
    model = Bare()
    model.gradcam_layer = nn.Conv3d(2, 2, 1)
    assert model.gradcam_layer is model.get_submodule("gradcam_layer")


class Special(Bare):
    """A network of images that differs from the defaults in all that one on images may."""

    gradients_in_place = True
    learns_from_teacher = True
    share_without_labels = 0.25
    own_map_names = ("halo",)
    own_maps_file = "halo.tif"
    stepped = 0

    @property
    def gradcam_layer(self) -> nn.Module:
        return self.judge

    def loss(self, batch: Batch) -> torch.Tensor:
        return batch.inputs.sum() + 2 * batch.view().sum() + 0 * self(batch.inputs).sum()

    def after_step(self) -> None:
        self.stepped += 1

    def own_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x[:, 0]]


def test_a_network_of_images_stays_what_it_is_on_cuboids():
    torch.manual_seed(0)
    image, cuboids = Special(channels=18), torch.randn(4, 2, *SHAPE)
    model = PlanesAsChannels(image)
    images = cuboids.reshape(4, 18, 25, 25)
    assert torch.equal(model(cuboids), image(images))
    assert model.heads == ("network.judge",)
    assert model.get_submodule(model.heads[0]) is image.judge
    assert model.gradcam_layer is image.judge
    assert model.has_own_loss
    assert torch.equal(model.loss(batch_of(cuboids)), image.loss(batch_of(images)))
    assert model.gradients_in_place
    assert model.learns_from_teacher
    assert model.share_without_labels == 0.25
    assert (model.own_map_names, model.own_maps_file) == (("halo",), "halo.tif")
    (found,) = model.own_maps(cuboids)
    assert torch.equal(found[:, 0], cuboids[:, 0, 0])
    model.after_step()
    assert image.stepped == 1
    assert not PlanesAsChannels(Bare(channels=18)).has_own_loss


def members() -> set[str]:
    """The names of what the contract says of networks."""
    return {name for name in vars(Network) if not name.startswith("_")} - {"forward"}


def probes(path: Path) -> list[str]:
    """The lines of a module in which a network is asked what it has, or for it by its name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in ("hasattr", "getattr", "vars", "dir") and node.args:
            asked = node.args[0]
            name = asked.id if isinstance(asked, ast.Name) else getattr(asked, "attr", "")
            of_contract = {a.value for a in node.args[1:] if isinstance(a, ast.Constant)}
            if name in NETWORKS or of_contract & members():
                found.append(f"{path.name}:{node.lineno}: {ast.unparse(node)}")
    return found


def test_nobody_asks_a_network_what_it_has():
    assert members() >= {"heads", "loss", "fitted_at_once", "gradcam_layer", "own_maps", "task"}
    assert [probe for path in sorted(PACKAGE.rglob("*.py")) for probe in probes(path)] == []


def test_probes_are_found(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "hasattr(it, 'loss')\ngetattr(state.model, name)\ngetattr(model, 'x', 0)\n"
        "hasattr(value, '__index__')\ngetattr(brain, column)\n"
    )
    assert [probe.split(":")[1] for probe in probes(path)] == ["1", "2", "3"]


def test_no_family_is_made_of_another():
    """What several are made of lies in models/layers, so that an edit of one trains no other."""
    families = classifiers.__name__
    for path in sorted(p for folder in classifiers.__path__ for p in Path(folder).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith(families), path
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith(families) for name in node.names), path


@pytest.mark.parametrize(
    ("member", "value"),
    [("fitted_at_once", True), ("has_prototypes", True), ("patch_encoder", nn.Identity())],
)
def test_what_planes_as_channels_would_lose_of_a_network_is_refused(member, value):
    special = type("Special", (Bare,), {member: value})
    with pytest.raises(TypeError, match="Special cannot take planes as channels"):
        PlanesAsChannels(special(channels=18))


def test_planes_as_channels_know_all_that_a_network_may_have():
    """What is added to the contract has to be forwarded, or refused."""
    known = set(re.findall(r"network\.(\w+)", inspect.getsource(PlanesAsChannels)))
    # What goes with being fitted at once, and with prototypes.
    refused = {"cuboid_features", "fit", "prototype_maps", "scoring_sheet", "least_presence"}
    assert members() - known - refused == {"task"}
