"""What every architecture of the registry promises, tried on the smallest network of each.

Ensembles are made of others; what the trees of `features` cannot be asked as they learn nothing by
steps is in test_models_features.
"""

import json
import re
from collections.abc import Callable, Iterable

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from smallest_networks import SMALLEST
from torch import nn

from cellsift.cuboids.normalisation import Normalisation
from cellsift.explain.saliency import OCCLUSION, saliency, saliency_method
from cellsift.interop.onnx_export import main as export
from cellsift.models import create_model, list_models
from cellsift.models.contract import Batch
from cellsift.models.storage import load_model, save_model
from cellsift.training.classification.objective import Softening, batch_loss
from cellsift.training.optimisation import make_optimiser, recalibrate_batch_norm, step

FULL, ODD, QUICK = (20, 50, 50), (13, 31, 27), (12, 25, 25)
NETWORKS = [name for name in list_models() if name not in ("ensemble", "features")]
# A leaf stands for five cuboids at least, so each tree has to see all of 16 to split them.
OPTIONS = SMALLEST | {"features": {"trees": 200, "subsample": 1.0}}
# The most of training, where more than usual are needed: prototypes, say, are formed before they
# get points.
STEPS = {"convnext3d": 80, "deit3d": 120, "pipnet3d": 120, "swin3d": 210}
# Who has a loss below this in so many steps in a row has learnt what there is.
LEARNT, IN_A_ROW = 0.02, 5
BLOB = 2.0  # voxels, sigma
# Biases that a batch normalisation behind them takes away again, in the papers' networks as here:
# their gradient is zero but for rounding.
TAKEN_AWAY = {
    "efficientnet3d": r"_bn2\.bias$",
    "efficientnet3d_attention": r"_bn2\.bias$",
    "mobilenet3d": r"layers\.[23]\.1\.bias$",
    "wavemix3d": r"mixers\.\d\.(project|up)\.bias$",
}

pytestmark = pytest.mark.slow
every_network = pytest.mark.parametrize("name", NETWORKS)
every_architecture = pytest.mark.parametrize("name", [*NETWORKS, "features"])


def network(name: str, channels: int = 2, shape=QUICK, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return create_model(name, channels, shape, **OPTIONS[name])


def around(place: np.ndarray) -> np.ndarray:
    """Squared distances (z, y, x) of the voxels of a quick cuboid from a place."""
    grid = np.stack(np.meshgrid(*map(np.arange, QUICK), indexing="ij"), -1)
    return ((grid - place) ** 2).sum(-1)


def with_cells(count: int, seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    """Noise with an artefact, bright in both channels; in every other one also a cell, in one.

    Cuboids (count, 2, z, y, x) and the places (count, 3) of the cells, with or without a cell.
    """
    random = np.random.default_rng(seed)
    artefacts, cells = random.uniform(0.2, 0.8, (2, count, 3)) * (np.array(QUICK) - 1)
    cuboids = random.normal(0, 0.3, (count, 2, *QUICK))
    for number, (artefact, cell) in enumerate(zip(artefacts, cells, strict=True)):
        cuboids[number] += 3 * np.exp(-around(artefact) / (2 * BLOB**2))
        cuboids[number, 0] += number % 2 * 3 * np.exp(-around(cell) / (2 * BLOB**2))
    return torch.tensor(cuboids, dtype=torch.float32), cells


def batch_of(cuboids: torch.Tensor, progress: float = 0.9, targets=None) -> Batch:
    targets = torch.arange(len(cuboids)) % 2 if targets is None else targets
    return Batch(
        inputs=cuboids,
        targets=targets,
        weights=torch.ones(2),
        progress=progress,
        view=lambda: cuboids + 0.05,
        teacher=torch.stack([3.0 - 6 * targets, 6.0 * targets - 3], dim=1),
    )


def train(model: nn.Module, batches: Iterable[Batch], rate: float = 2e-3) -> list[float]:
    """The losses of the steps: one for each batch, or fewer if it has learnt before."""
    optimiser = make_optimiser(model, 0.0)
    losses = []
    for batch in batches:
        loss = step(
            model.train(), optimiser, lambda b=batch: batch_loss(model, b, Softening()), rate
        )
        model.after_step()
        losses.append(float(loss))
        if len(losses) >= IN_A_ROW and max(losses[-IN_A_ROW:]) < LEARNT:
            break
    return losses


def learn(model: nn.Module, batches: Iterable[Batch], settling: torch.Tensor) -> nn.Module:
    """Train the network, and settle its statistics on cuboids; or fit its trees to all batches."""
    if model.fitted_at_once:
        inputs, targets = zip(*((batch.inputs, batch.targets) for batch in batches), strict=True)
        features = model.cuboid_features(torch.cat(inputs)).numpy()
        model.fit(features, torch.cat(targets).numpy() == 1, (1.0, 1.0), seed=0)
    else:
        train(model, batches)
        recalibrate_batch_norm(model, iter([settling]))
    return model.eval()


def once_for_each(make: Callable[[str], object]) -> Callable[[str], object]:
    """The function, which then makes what it makes for a name only once."""
    made: dict[str, object] = {}

    def of(name: str) -> object:
        if name not in made:
            made[name] = make(name)
        return made[name]

    return of


@pytest.fixture(scope="module")
def by_heart():
    """By name: a network that was shown 16 cuboids of noise over and over, these, and labels."""

    def make(name: str) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
        model = network(name)
        count = 1 if name == "features" else STEPS.get(name, 80)
        cuboids = torch.randn(16, 2, *QUICK, generator=torch.Generator().manual_seed(1))
        targets = torch.tensor([0, 0, 1, 1] * 4)
        batches = (batch_of(cuboids, number / count, targets) for number in range(count))
        return learn(model, batches, settling=cuboids), cuboids, targets

    return once_for_each(make)


@every_network
@pytest.mark.parametrize("shape", [FULL, ODD])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_parameter_learns_from_any_cuboid(name, channels, shape):
    model = network(name, channels, shape).train()
    cuboids = torch.randn(4, channels, *shape)
    logits = model(cuboids)
    assert logits.shape == (4, 2)
    torch.manual_seed(1)
    for progress in (0.1, 0.9):
        batch_loss(model, batch_of(cuboids, progress), Softening()).backward()
    gradients = {key: weight.grad for key, weight in model.named_parameters()}
    assert [key for key, gradient in gradients.items() if gradient is None] == []
    still = {key for key, gradient in gradients.items() if not gradient.any()}
    assert {key for key in still if not re.search(TAKEN_AWAY.get(name, "^$"), key)} == set()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@every_network
def test_the_same_seed_gives_the_same_losses(name):
    batches = [batch_of(torch.randn(8, 2, *QUICK), number / 3) for number in range(3)]
    first, again, other = (train(network(name, seed=s), batches) for s in (0, 0, 1))
    assert first == again
    assert first != other


@every_architecture
def test_sixteen_cuboids_are_learnt_by_heart(name, by_heart):
    model, cuboids, targets = by_heart(name)
    with torch.inference_mode():
        assert model(cuboids).argmax(dim=1).tolist() == targets.tolist()


@every_architecture
def test_a_stored_network_gives_the_same_logits_to_the_bit(name, by_heart, tmp_path):
    model, cuboids, _ = by_heart(name)
    loaded, _ = load_model(stored(name, model, tmp_path))
    with torch.inference_mode():
        assert torch.equal(loaded(cuboids), model(cuboids))


@every_architecture
def test_its_onnx_file_gives_the_same_logits(name, by_heart, tmp_path, capsys):
    model, cuboids, _ = by_heart(name)
    path = tmp_path / "model.onnx"
    sidecar = stored(name, model, tmp_path)
    assert export([str(sidecar), str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        expected = model(cuboids).numpy()
    for some in (cuboids[:1], cuboids):
        (found,) = session.run(["logits"], {"cuboids": some.numpy()})
        np.testing.assert_allclose(found, expected[: len(some)], atol=1e-4)
    assert np.ptp(expected) > 1
    (told,) = [entry.value for entry in onnx.load(path).metadata_props if entry.key == "cellsift"]
    for key in ("architecture", "normalisation"):
        assert json.loads(told)[key] == json.loads(sidecar.read_text())[key]


@every_architecture
def test_its_saliency_points_at_the_cell(name):
    """Of a network that has learnt cells beside artefacts: the map at a cuboid's own cell, against
    the same map at the places of the cells of other cuboids."""
    model, count = network(name), STEPS.get(name, 60)
    batches = (batch_of(with_cells(16, number)[0], number / count) for number in range(count))
    learn(model, batches, settling=with_cells(32, seed=5000)[0])
    cuboids, places = with_cells(48, seed=999)
    with torch.inference_mode():
        found = model(cuboids).argmax(dim=1)
    assert (found == torch.arange(48) % 2).float().mean() > 0.9
    # Occlusion covers a cuboid in some thousand ways: it is tried on few.
    cells = slice(1, 10 if saliency_method(model) == OCCLUSION else None, 2)
    maps, places = saliency(model, cuboids[cells]), places[cells]
    spots = [around(place) <= (1.5 * BLOB) ** 2 for place in places]
    at_spots = np.array([[of_cuboid[spot].mean() for spot in spots] for of_cuboid in maps])
    own = at_spots.diagonal().mean()
    elsewhere = at_spots[~np.eye(len(maps), dtype=bool)].mean()
    assert own > 1.5 * elsewhere


def stored(name: str, model: nn.Module, folder):
    sidecar = {
        "architecture": name,
        "options": OPTIONS[name],
        "in_channels": 2,
        "cuboid": {"shape": list(QUICK), "voxel_size": [5.0, 2.0, 2.0]},
        "normalisation": Normalisation.named("brain").to_dict(),
        "provenance": {},
    }
    return save_model(folder / "fold-0.json", model, sidecar)
