"""WaveMix: its wavelet transform against the definition and PyWavelets, and its blocks."""

from itertools import product

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.classifiers.wavemix import HaarTransform, WaveMixBlock, level_axes, upsample

SPACE, PLANE = (True, True, True), (False, True, True)
SIZES = [(8, 10, 12), (5, 7, 9), (1, 3, 2), (4, 13, 13)]


def random_map(size, channels=3, seed=0) -> torch.Tensor:
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(seed))


def haar_of_definition(x: np.ndarray, axes: list[int]) -> np.ndarray:
    """Stack the subbands: scaled sums and differences of neighbours, axis by axis."""
    subbands = [x]
    for axis in axes:
        pairs = []
        for band in subbands:
            padding = [(0, n % 2 if i == axis else 0) for i, n in enumerate(band.shape)]
            band = np.moveaxis(np.pad(band, padding), axis, -1)
            first, second = band[..., ::2], band[..., 1::2]
            for of_pair in (first + second, first - second):
                pairs.append(np.moveaxis(of_pair, -1, axis) / np.sqrt(2))
        subbands = pairs
    return np.stack(subbands, axis=2)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axes", [SPACE, PLANE])
def test_the_inverse_gives_the_map_back(size, axes):
    x, transform = random_map(size), HaarTransform(axes)
    torch.testing.assert_close(transform.inverse(transform(x), size), x, atol=2e-6, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("axes", [SPACE, PLANE])
def test_energy_is_conserved(size, axes):
    x = random_map(size)
    energy = HaarTransform(axes)(x).double().square().sum()
    torch.testing.assert_close(energy, x.double().square().sum(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("axes", "acting"), [(SPACE, [2, 3, 4]), (PLANE, [3, 4])])
def test_subbands_are_those_of_the_definition(size, axes, acting):
    x = random_map(size)
    expected = haar_of_definition(x.double().numpy(), acting)
    np.testing.assert_allclose(HaarTransform(axes)(x).numpy(), expected, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_subbands_are_those_of_pywavelets(size):
    pywt = pytest.importorskip("pywt")
    x = random_map(size)
    of_library = pywt.dwtn(x.numpy(), "haar", mode="zero", axes=(2, 3, 4))
    expected = np.stack([of_library["".join(key)] for key in product("ad", repeat=3)], axis=2)
    np.testing.assert_allclose(HaarTransform(SPACE)(x).numpy(), expected, atol=2e-6)


def test_three_levels_are_those_of_pywavelets():
    pywt = pytest.importorskip("pywt")
    x = random_map((20, 25, 25))
    low, transform = x, HaarTransform(SPACE)
    for _ in range(3):
        low = transform(low)[:, :, 0]
    expected = pywt.wavedecn(x.numpy(), "haar", mode="zero", level=3, axes=(2, 3, 4))[0]
    np.testing.assert_allclose(low.numpy(), expected, atol=5e-6)


@pytest.mark.parametrize(("axes", "gain"), [(SPACE, 2**1.5), (PLANE, 2.0)])
def test_a_constant_has_no_details(axes, gain):
    subbands = HaarTransform(axes)(torch.full((1, 2, 4, 6, 8), 3.0))
    torch.testing.assert_close(subbands[:, :, 0], torch.full_like(subbands[:, :, 0], 3 * gain))
    assert subbands[:, :, 1:].abs().max() < 1e-6


def test_the_transform_learns_nothing_and_keeps_channels_apart():
    transform = HaarTransform(SPACE)
    assert not list(transform.parameters())
    assert all(not buffer.requires_grad for buffer in transform.buffers())
    x = random_map((4, 6, 8))
    alone = torch.cat([transform(x[:, [channel]]) for channel in range(3)], dim=1)
    torch.testing.assert_close(transform(x), alone)


def test_gradients_pass_through_the_transform():
    x = random_map((5, 7, 9)).requires_grad_()
    HaarTransform(SPACE)(x).square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * x.detach(), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((3, 4, 5), (5, 7, 9)),
        ((4, 13, 13), (4, 25, 25)),
        ((1, 2, 2), (2, 3, 4)),
        ((7, 7), (13, 14)),
    ],
)
def test_upsampling_is_linear_interpolation(source, target):
    x = random_map(source)
    mode = "trilinear" if len(source) == 3 else "bilinear"
    expected = F.interpolate(x, size=target, mode=mode, align_corners=False)
    torch.testing.assert_close(upsample(x, target), expected, atol=3e-6, rtol=0)


@pytest.mark.parametrize("size", [(20, 13, 13), (7, 9, 5), (1, 5, 6)])
@pytest.mark.parametrize("planar_levels", [0, 1, 3])
def test_a_block_keeps_the_shape(size, planar_levels):
    block = WaveMixBlock(16, level_axes(size[0], 3, planar_levels), dropout=0.5)
    assert block(random_map(size, channels=16)).shape == (2, 16, *size)


def test_a_block_adds_to_its_input():
    block = WaveMixBlock(16, [PLANE, SPACE], dropout=0.0).eval()
    torch.nn.init.zeros_(block.mixers[0].norm.weight)
    x = random_map((4, 6, 6), channels=16)
    assert torch.equal(block(x), x)


def test_every_level_reaches_as_far_as_its_wavelets():
    block = WaveMixBlock(8, [PLANE, SPACE], dropout=0.0).eval()
    block.mixers[0].expand.weight.data[:, 4:] = 0  # no way up from the second level
    x = random_map((6, 16, 16), channels=8).requires_grad_()
    block(x)[0, :, 2, 8, 8].sum().backward()
    reached = x.grad[0].abs().sum(dim=0).nonzero()
    assert reached[:, 0].unique().tolist() == [2]  # the first level stays in its plane
    assert reached[:, 1].max() - reached[:, 1].min() == 3  # two windows, by the interpolation


def test_levels_act_on_z_once_they_are_due_and_while_there_are_planes():
    assert level_axes(20, 3, 1) == [PLANE, SPACE, SPACE]
    assert level_axes(20, 2, 0) == [SPACE, SPACE]
    assert level_axes(4, 4, 1) == [PLANE, SPACE, SPACE, PLANE]


@pytest.mark.parametrize("planes_as_channels", [False, True])
@pytest.mark.parametrize("shape", [(20, 25, 25), (13, 31, 27), (4, 9, 9), (1, 9, 10)])
def test_networks_give_two_logits_at_every_shape(shape, planes_as_channels):
    options = {"width": 8, "depth": 1, "planes_as_channels": planes_as_channels}
    model = create_model("wavemix3d", 2, shape, **options)
    maps = []
    model.gradcam_layer.register_forward_hook(lambda *call: maps.append(call[2]))
    assert model(torch.randn(3, 2, *shape)).shape == (3, 2)
    assert maps[0].ndim == (4 if planes_as_channels or shape[0] == 1 else 5)
    assert min(maps[0].shape[-2:]) >= 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": 12}, "width is 12; give a multiple of 8"),
        ({"width": 4}, "width is 4"),
        ({"depth": 0}, "depth is 0"),
        ({"levels": 5}, "levels is 5"),
        ({"planar_levels": 4}, "planar_levels is 4; give a whole number from 0 to 3"),
        ({"dropout": 1}, "dropout is 1"),
        ({"dropout": "a"}, "dropout is 'a'"),
        ({"shape": (12, 8, 25)}, r"\[12, 8, 25\].*too small.*least is \[1, 9, 9\]"),
        ({"shape": (12, 8, 25), "levels": 4}, r"least is \[1, 17, 17\]"),
    ],
)
def test_what_cannot_be_built_is_refused(change, message):
    options = dict(change)
    shape = options.pop("shape", (20, 50, 50))
    with pytest.raises(InputError, match=message):
        create_model("wavemix3d", 2, shape, **options)
