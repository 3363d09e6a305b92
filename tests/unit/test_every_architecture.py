"""What every architecture of the registry promises: every part of it learns."""

import numpy as np
import pytest
import torch
from smallest_networks import SMALLEST
from torch import nn

from cellsift.models import create_model, list_models
from cellsift.training.objective import Batch, Softening, batch_loss, put_in_order
from cellsift.training.optimisation import make_optimiser, step

FULL, ODD, QUICK = (20, 50, 50), (13, 31, 27), (12, 25, 25)
NETWORKS = [name for name in list_models() if name not in ("ensemble", "features")]
BLOB = 2.0  # voxels, sigma

pytestmark = pytest.mark.slow
every_network = pytest.mark.parametrize("name", NETWORKS)


def network(name: str, channels: int = 2, shape=QUICK, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return create_model(name, channels, shape, **SMALLEST.get(name, {}))


def with_blobs(count: int, shape=QUICK, seed: int = 0) -> torch.Tensor:
    """Noise (count, 2, z, y, x), in every other one a blob in the signal."""
    random = np.random.default_rng(seed)
    places = random.uniform(0.25, 0.75, (count, 3)) * (np.array(shape) - 1)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    cuboids = random.normal(0, 0.3, (count, 2, *shape))
    for cuboid, place in zip(cuboids[1::2], places[1::2], strict=True):
        cuboid[0] += 3 * np.exp(-((grid - place) ** 2).sum(-1) / (2 * BLOB**2))
    return torch.tensor(cuboids, dtype=torch.float32)


def batch_of(cuboids: torch.Tensor, progress: float = 0.9) -> Batch:
    targets = torch.arange(len(cuboids)) % 2
    return Batch(
        inputs=cuboids,
        targets=targets,
        weights=torch.ones(2),
        progress=progress,
        view=lambda: cuboids + 0.05,
        teacher=torch.stack([3.0 - 6 * targets, 6.0 * targets - 3], dim=1),
    )


def train(model: nn.Module, cuboids: torch.Tensor, steps: int, rate: float = 2e-3) -> list[float]:
    optimiser = make_optimiser(model, 0.0)
    losses = []
    for number in range(steps):
        batch = batch_of(cuboids, number / steps)
        loss = step(model, optimiser, lambda b=batch: batch_loss(model, b, Softening()), rate)
        put_in_order(model)
        losses.append(float(loss))
    return losses


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
    without = [key for key, weight in model.named_parameters() if weight.grad is None]
    assert without == []
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


@every_network
def test_the_same_seed_gives_the_same_losses(name):
    cuboids = with_blobs(8)
    first, again, other = (train(network(name, seed=s), cuboids, 3) for s in (0, 0, 1))
    assert first == again
    assert first != other
