"""Saliency: where the evidence lies, whatever else is in the batch."""

import numpy as np
import pytest
import torch
from synthetic_examples import SHAPE
from torch import nn

from cellsift.explain.gradcam import gradcam, scale
from cellsift.explain.saliency import saliency, saliency_method
from cellsift.models import create_model
from cellsift.models.contract import Network

CUBOID = (20, 50, 50)  # the default, in which saliency is to be of use


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


class CornerWatcher(Network):
    """Calls a cuboid a cell by how bright its first corner is; has no layer for Grad-CAM."""

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
