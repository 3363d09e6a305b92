"""Augmentation varies cuboids as microscopes and brains do, and not otherwise."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cellsift.settings.recipe import OPERATIONS, Augmentation, Recipe
from cellsift.training import augmentation
from cellsift.training.augmentation import augment

VOXEL_SIZE = (5.0, 2.0, 2.0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(count=12, channels=2, shape=(6, 9, 9)) -> torch.Tensor:
    return torch.randn(count, channels, *shape, generator=generator(7))


def only(*operations: str, strength: float = 1.0) -> Augmentation:
    return Augmentation(strength=strength, operations=operations)


def spread_um(cuboid: torch.Tensor, voxel_size) -> np.ndarray:
    """Standard deviations (µm) along the principal axes of the intensity, largest first."""
    weight = cuboid.double().numpy()
    axes = [np.arange(n) * size for n, size in zip(cuboid.shape, voxel_size, strict=True)]
    places = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    covariance = np.cov(places, aweights=weight.ravel().clip(min=0))
    return np.sqrt(np.linalg.eigvalsh(covariance))[::-1]


def rod(shape, voxel_size, count=8) -> torch.Tensor:
    """A Gaussian of 12 µm along x and 6 µm across in the middle of each cuboid."""
    axes = [(np.arange(n) - (n - 1) / 2) * size for n, size in zip(shape, voxel_size, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    values = np.exp(-((z / 6) ** 2 + (y / 6) ** 2 + (x / 12) ** 2) / 2)
    return torch.from_numpy(values).float().expand(count, 1, *shape)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 5),
    channels=st.integers(1, 2),
    shape=st.tuples(st.integers(1, 8), st.integers(2, 9), st.integers(2, 9)),
    strength=st.floats(0, 1),
)
def test_any_batch_keeps_its_shape_and_stays_finite(seed, count, channels, shape, strength):
    given = batch(count, channels, shape)
    before = given.clone()
    varied = augment(given, VOXEL_SIZE, only(*OPERATIONS, strength=strength), generator(seed))
    assert varied.shape == given.shape
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()
    assert torch.equal(given, before)


def test_the_same_generator_state_gives_the_same_cuboids_and_another_gives_others():
    recipe = Recipe().augmentation
    first, second, other = (
        augment(batch(), VOXEL_SIZE, recipe, generator(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_cuboids_of_a_batch_are_varied_independently():
    same = batch(1).expand(12, -1, -1, -1, -1)
    varied = augment(same, VOXEL_SIZE, only(*OPERATIONS), generator())
    assert len({tuple(cuboid.flatten().tolist()) for cuboid in varied}) > 8


@pytest.mark.parametrize("given", ["none", {"strength": 0}, {"operations": []}])
def test_without_augmentation_cuboids_stay_as_they_are(given):
    recipe = Recipe.from_dict({"augmentation": given})
    assert torch.equal(augment(batch(), VOXEL_SIZE, recipe.augmentation, generator()), batch())


@pytest.mark.parametrize("name", ["flip", "quarter_turn"])
def test_flips_and_turns_move_voxels_without_changing_them(name):
    varied = augment(batch(), VOXEL_SIZE, only(name), generator())
    assert not torch.equal(varied, batch())
    assert torch.equal(varied.flatten(2).sort().values, batch().flatten(2).sort().values)


@pytest.mark.parametrize(
    ("shape", "voxel_size"), [((6, 9, 8), VOXEL_SIZE), ((6, 9, 9), (5.0, 2.0, 2.5))]
)
def test_planes_that_are_not_square_are_not_turned_by_quarters(shape, voxel_size):
    given = batch(shape=shape)
    assert torch.equal(augment(given, voxel_size, only("quarter_turn"), generator()), given)


@pytest.mark.parametrize("voxel_size", [(4.0, 2.0, 2.0), (4.0, 2.0, 3.0)])
def test_turning_keeps_lengths_in_micrometres_whatever_the_voxels(monkeypatch, voxel_size):
    monkeypatch.setattr(augmentation, "ZOOM", 0.0)
    monkeypatch.setattr(augmentation, "SHIFT", 0.0)
    given = rod((24, 50, 50), voxel_size)
    expected = spread_um(given[0, 0], voxel_size)
    varied = augment(given, voxel_size, only("affine"), generator())
    moved = [cuboid[0] for cuboid in varied if not torch.equal(cuboid, given[0])]
    assert len(moved) >= 3
    for cuboid in moved:
        np.testing.assert_allclose(spread_um(cuboid, voxel_size), expected, rtol=0.05)


def test_shift_and_zoom_stay_small(monkeypatch):
    given = rod((24, 50, 50), VOXEL_SIZE, count=30)
    expected = spread_um(given[0, 0], VOXEL_SIZE)
    varied = augment(given, VOXEL_SIZE, only("affine"), generator())
    peaks = torch.tensor(
        [np.unravel_index(int(c.argmax()), c.shape) for c in varied[:, 0]], dtype=torch.float
    )
    limit = torch.tensor([24, 50, 50]) * augmentation.SHIFT
    # A shift is followed by a zoom and lies between voxels: allow for both.
    assert ((peaks - torch.tensor([11.5, 24.5, 24.5])).abs() <= 1.5 * limit + 1).all()
    for cuboid in varied[:, 0]:
        assert np.all(np.abs(np.log(spread_um(cuboid, VOXEL_SIZE) / expected)) < 0.25)


def test_gain_is_one_line_per_channel():
    given = batch()
    varied = augment(given, VOXEL_SIZE, only("gain"), generator())
    slopes = []
    for before, after in zip(given.flatten(0, 1), varied.flatten(0, 1), strict=True):
        slope, added = np.polyfit(before.flatten(), after.flatten(), 1)
        assert abs(added) <= augmentation.GAIN + 1e-5
        np.testing.assert_allclose(after, slope * before + added, atol=1e-4)
        slopes.append(slope)
    signal, background = np.array(slopes).reshape(-1, 2).T
    assert not np.allclose(signal, 1, atol=1e-3)
    assert not np.allclose(signal, background, atol=1e-3)


def test_blur_keeps_the_mean_and_lowers_contrast_in_the_plane_only():
    edge = torch.zeros(40, 1, 6, 9, 9)
    edge[:, :, 3:] = 1
    assert torch.allclose(augment(edge, VOXEL_SIZE, only("blur"), generator()), edge)
    varied = augment(batch(40), VOXEL_SIZE, only("blur"), generator())
    spreads = varied.flatten(1).std(1) / batch(40).flatten(1).std(1)
    assert (spreads <= 1 + 1e-6).all()
    assert (spreads < 0.95).any()


def test_noise_grows_with_the_strength():
    given = torch.zeros(200, 1, 6, 9, 9)
    weak, strong = (
        augment(given, VOXEL_SIZE, only("noise", strength=s), generator()).std() for s in (0.2, 1.0)
    )
    assert 4 * weak < strong < augmentation.NOISE


def test_recipes_name_the_operations_that_exist():
    for name in OPERATIONS:
        changed = augment(batch(40), VOXEL_SIZE, only(name), generator())
        assert not torch.equal(changed, batch(40)), name
