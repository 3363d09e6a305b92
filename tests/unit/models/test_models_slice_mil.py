"""Pooling of planes by gated attention: what the paper promises, and every shape."""

import pytest
import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.classifiers.slice_mil import GatedAttention
from cellsift.models.layers.plane_encoder import PlaneEncoder
from cellsift.models.layers.strides import halvings

SMALL = {"depth": 10, "width": 4, "attention": 8}


def small(shape=(6, 25, 25), channels=2, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model("slice_mil", channels, shape, **SMALL | options).eval()


def test_the_order_of_the_planes_plays_no_part_and_their_weights_move_with_them():
    model = small()
    cuboids, order = torch.randn(3, 2, 6, 25, 25), torch.tensor([4, 0, 5, 2, 1, 3])
    shuffled = cuboids[:, :, order]
    torch.testing.assert_close(model(shuffled), model(cuboids), atol=1e-6, rtol=1e-5)
    weights = model.plane_attention(cuboids)
    torch.testing.assert_close(model.plane_attention(shuffled), weights[:, order])
    assert weights.std(dim=1).min() > 0


@pytest.mark.parametrize("planes", [1, 2, 13])
def test_the_weights_of_the_planes_sum_to_one(planes):
    model = small((planes, 16, 20), channels=1)
    weights = model.plane_attention(torch.randn(4, 1, planes, 16, 20))
    assert weights.shape == (4, planes)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))


def test_attention_is_the_papers_equation():
    torch.manual_seed(0)
    attention = GatedAttention(5, 7)
    vectors = torch.randn(2, 3, 5)
    expected = torch.empty(2, 3)
    v, u, w = attention.content.weight, attention.gate.weight, attention.score.weight[0]
    for bag in range(2):
        scores = [w @ (torch.tanh(v @ h) * torch.sigmoid(u @ h)) for h in vectors[bag]]
        expected[bag] = torch.stack(scores).softmax(dim=0)
    torch.testing.assert_close(attention(vectors), expected)


def test_logits_are_of_the_planes_weighted_sum():
    model = small()
    cuboids = torch.randn(2, 2, 6, 25, 25)
    planes = torch.stack([model.encoder(cuboids[:, :, z]).mean(dim=(2, 3)) for z in range(6)], 1)
    pooled = torch.einsum("nz,nzf->nf", model.plane_attention(cuboids), planes)
    torch.testing.assert_close(model(cuboids), model.fully_connected(pooled), atol=1e-6, rtol=1e-5)


@pytest.mark.slow
def test_a_plane_that_decides_gets_the_weight():
    torch.manual_seed(0)
    model = small((5, 16, 16), channels=1).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    is_cell, plane = torch.arange(32) % 2, torch.arange(32) // 2 % 5
    for _ in range(40):
        cuboids = 0.3 * torch.randn(32, 1, 5, 16, 16)
        cuboids[is_cell == 1, 0, plane[is_cell == 1], 5:11, 5:11] += 2
        loss = nn.functional.cross_entropy(model(cuboids), is_cell)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    weights = model.eval().plane_attention(cuboids)[is_cell == 1]
    assert (weights.argmax(dim=1) == plane[is_cell == 1]).float().mean() > 0.9


@pytest.mark.parametrize("shape", [(20, 50, 50), (13, 31, 27), (4, 25, 25), (1, 25, 25), (2, 5, 3)])
def test_maps_are_put_together_again_plane_by_plane(shape):
    model = small(shape, channels=1)
    maps = []
    model.gradcam_layer.register_forward_hook(lambda *call: maps.append(call[2]))
    cuboids = torch.randn(2, 1, *shape)
    assert model(cuboids).shape == (2, 2)
    assert maps[0].shape[:3] == (2, model.encoder.out_features, shape[0])
    assert min(maps[0].shape[3:]) >= 3
    torch.testing.assert_close(maps[0][:, :, -1], model.encoder(cuboids[:, :, -1]))


def test_a_single_plane_has_no_attention_to_learn():
    model = small((1, 25, 25))
    nn.functional.cross_entropy(
        model(torch.randn(4, 2, 1, 25, 25)), torch.tensor([0, 1, 0, 1])
    ).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())


def test_an_axis_is_halved_as_long_as_enough_steps_are_left():
    assert halvings(50, 5, 3) == [2, 2, 2, 2, 1]
    assert halvings(25, 5, 3) == [2, 2, 2, 1, 1]
    assert halvings(25, 3, 6) == [2, 2, 1]
    assert halvings(3, 2, 3) == [1, 1]


@pytest.mark.parametrize("size", [(50, 50), (31, 27), (9, 40), (3, 3)])
def test_the_encoder_never_goes_below_its_least_map(size):
    encoder = PlaneEncoder(1, size, 10, 2).eval()
    height, width = encoder(torch.zeros(1, 1, *size)).shape[2:]
    assert 3 <= height <= 5
    assert 3 <= width <= 5


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((5, 2, 25), {}, r"\[2, 25\].*too small.*\[3, 3\]"),
        ((5, 25, 25), {"depth": 50}, "depth is 50; choose one of 10, 18, 34"),
        ((5, 25, 25), {"width": 0}, "width is 0"),
        ((5, 25, 25), {"attention": 0}, "attention is 0"),
    ],
)
def test_what_cannot_be_built_is_refused(shape, options, message):
    with pytest.raises(InputError, match=message):
        create_model("slice_mil", 1, shape, **options)
