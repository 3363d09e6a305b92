"""PIP-Net's prototypes, losses and scoring sheet: what the paper promises, number by number."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.classifiers.pipnet import (
    LEAST_PRESENCE,
    POINTS,
    SHRINKAGE,
    alignment_loss,
    tanh_loss,
)

SHAPE = (8, 16, 16)
SMALL = {"depth": 10, "width": 4, "prototypes": 12}


def small(shape=SHAPE, channels=2, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model("pipnet3d", channels, shape, **SMALL | options)


def sharp(**options) -> nn.Module:
    """A network, in use, some of whose prototypes are present and some are not."""
    model = small(**options)
    with torch.no_grad():
        model.prototypes.weight.mul_(8)
    return model.eval()


def batch_of(cuboids: torch.Tensor, progress: float) -> SimpleNamespace:
    return SimpleNamespace(
        inputs=cuboids,
        targets=torch.arange(len(cuboids)) % 2,
        weights=torch.ones(2),
        progress=progress,
        view=lambda: cuboids + 0.1 * torch.randn_like(cuboids),
        teacher=None,
    )


def test_every_place_shares_one_among_the_prototypes():
    maps = sharp().prototype_maps(torch.randn(3, 2, *SHAPE))
    assert maps.shape[:2] == (3, 12)
    torch.testing.assert_close(maps.sum(dim=1), torch.ones_like(maps[:, 0]), atol=1e-6, rtol=0)


def test_presence_is_the_highest_probability_and_little_of_it_is_none():
    model, cuboids = sharp(), torch.randn(4, 2, *SHAPE)
    highest = model.prototype_maps(cuboids).amax(dim=(2, 3, 4))
    presence = model.prototype_presence(cuboids)
    assert presence.shape == (4, 12)
    assert presence.min() >= 0
    assert presence.max() <= 1
    absent = highest < LEAST_PRESENCE
    assert absent.any()
    assert not absent.all()
    assert (presence[absent] == 0).all()
    assert torch.equal(presence[~absent], highest[~absent])
    assert (model.train().prototype_presence(cuboids) > 0).all()


def test_a_score_is_the_sum_of_its_lines_on_the_sheet():
    model, cuboids = sharp(), torch.randn(4, 2, *SHAPE)
    sheet = model.scoring_sheet()
    assert sheet.shape == (12, 2)
    presence = model.prototype_presence(cuboids)
    scores = model.class_scores(cuboids)
    for row, score in zip(presence, scores, strict=True):
        for column in (0, 1):
            total = math.fsum((row * sheet[:, column]).tolist())
            assert score[column].item() == pytest.approx(total, rel=2e-6)
    assert scores.min() >= 0
    logits = model(cuboids)
    assert logits.min() >= 0
    torch.testing.assert_close(logits, torch.log(1 + scores**2))


def test_a_cuboid_in_which_nothing_is_present_scores_exactly_zero():
    model = small().eval()
    with torch.no_grad():
        model.prototypes.weight.zero_()
        model.prototypes.bias.zero_()
    cuboids = torch.randn(3, 2, *SHAPE)
    assert model.prototype_maps(cuboids).max() < LEAST_PRESENCE
    assert torch.equal(model.class_scores(cuboids), torch.zeros(3, 2))
    assert torch.equal(model(cuboids), torch.zeros(3, 2))


def test_alignment_is_zero_for_equal_one_hots_and_log_of_the_number_for_no_choice():
    places = torch.randint(0, 12, (2, 3, 4, 4))
    one_hot = nn.functional.one_hot(places, 12).movedim(-1, 1).float()
    uniform = torch.full_like(one_hot, 1 / 12)
    assert alignment_loss(one_hot, one_hot).item() == pytest.approx(0, abs=1e-6)
    assert alignment_loss(uniform, uniform).item() == pytest.approx(math.log(12), rel=1e-5)
    assert alignment_loss(one_hot, one_hot.roll(1, dims=1)).item() > 10


def test_the_tanh_loss_falls_when_an_unused_prototype_is_present():
    presence = torch.ones(4, 12)
    presence[:, 0] = 0
    unused = tanh_loss(presence)
    presence[2, 0] = 1
    used = tanh_loss(presence)
    assert unused > 1
    assert used < 0.3
    expected = -(11 * math.log(math.tanh(4)) + math.log(math.tanh(1))) / 12
    assert used.item() == pytest.approx(expected, rel=1e-4)


def test_the_loss_is_the_papers_in_both_stages():
    model = small(forming=0.5)
    cuboids = torch.randn(4, 2, *SHAPE)
    same = batch_of(cuboids, 0.25)
    same.view = lambda: cuboids
    maps = model.prototype_maps(torch.cat([cuboids, cuboids]))
    presence = maps.amax(dim=(2, 3, 4))
    agreement, use = alignment_loss(maps, maps), tanh_loss(presence[:4])
    verdict = nn.functional.cross_entropy(
        torch.log1p((presence @ model.scoring_sheet()).square()), same.targets.repeat(2)
    )
    torch.testing.assert_close(model.loss(same), 0.5 * agreement + 5 * use)
    same.progress = 0.5
    torch.testing.assert_close(model.loss(same), 5 * agreement + 2 * use + 2 * verdict)


def test_the_other_view_is_a_fixed_aim():
    maps = torch.rand(2, 5, 2, 3, 3, requires_grad=True)
    wanted = torch.rand(2, 5, 2, 3, 3)
    alignment_loss(maps, wanted).backward()
    expected = -(wanted / (maps * wanted).sum(dim=1, keepdim=True)) / (2 * 2 * 3 * 3)
    torch.testing.assert_close(maps.grad, expected.detach())


@pytest.mark.parametrize("planes_as_channels", [False, True])
def test_each_stage_teaches_its_parameters(planes_as_channels):
    model = small(planes_as_channels=planes_as_channels)

    def taught(progress: float) -> set[str]:
        model.zero_grad(set_to_none=True)
        model.loss(batch_of(torch.randn(6, 2, *SHAPE), progress)).backward()
        return {
            name
            for name, p in model.named_parameters()
            if p.grad is not None and p.grad.abs().sum() > 0
        }

    everything = {name for name, _ in model.named_parameters()}
    assert taught(0.1) == everything - {"sheet"}
    assert taught(0.9) == everything


def test_points_rest_while_prototypes_form_and_never_fall_below_zero_after():
    model = small()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    before = model.scoring_sheet().clone()
    cuboids = torch.randn(6, 2, *SHAPE)
    for progress, rests in ((0.0, True), (0.2, True), (0.5, False), (0.9, False)):
        optimiser.zero_grad(set_to_none=True)
        model.loss(batch_of(cuboids, progress)).backward()
        optimiser.step()
        model.after_step()
        assert torch.equal(model.scoring_sheet(), before) == rests
        assert model.sheet.min() >= 0
    assert (model.sheet == 0).any()


def test_points_shrink_a_little_with_each_step():
    model = small()
    with torch.no_grad():
        model.sheet.fill_(2 / POINTS)
        model.sheet[0, 0] = -1
        model.sheet[1, 1] = SHRINKAGE / POINTS / 2
    model.sheet.grad = torch.zeros_like(model.sheet)
    model.after_step()
    sheet = model.scoring_sheet()
    assert sheet[0, 0] == 0
    assert sheet[1, 1] == 0
    assert sheet[5, 1].item() == pytest.approx(2 - SHRINKAGE, rel=1e-6)


@pytest.mark.slow
def test_it_learns_which_of_two_parts_makes_a_cell():
    """Blobs and bars: after training the verdict stands on few lines, and each names one class."""
    torch.manual_seed(0)
    model = small((4, 16, 16), channels=1, width=6, prototypes=8)
    optimiser = torch.optim.AdamW(model.parameters(), lr=4e-3)
    is_cell = torch.arange(24) % 2
    steps = 60
    for step in range(steps):
        clean = torch.zeros(24, 1, 4, 16, 16)
        clean[is_cell == 1, :, 1:3, 5:10, 5:10] = 3
        clean[is_cell == 0, :, :, 7:9] = 3
        batch = batch_of(clean + 0.3 * torch.randn_like(clean), step / steps)
        batch.targets = is_cell
        optimiser.zero_grad(set_to_none=True)
        model.loss(batch).backward()
        optimiser.step()
        model.after_step()
    model.eval()
    logits = model(batch.inputs)
    assert (logits.argmax(dim=1) == is_cell).all()
    cell_less_no_cell = model.scoring_sheet() @ torch.tensor([-1.0, 1.0])
    present = model.prototype_presence(batch.inputs)
    assert (present[is_cell == 1] @ cell_less_no_cell).min() > 0
    assert (present[is_cell == 0] @ cell_less_no_cell).max() < 0


@pytest.mark.parametrize(
    ("shape", "least"),
    [
        ((20, 50, 50), (3, 6, 6)),
        ((12, 25, 25), (3, 6, 6)),
        ((13, 31, 27), (3, 6, 6)),
        ((4, 25, 25), (3, 6, 6)),
        ((2, 5, 9), (2, 5, 6)),
    ],
)
def test_maps_stay_fine_at_every_shape(shape, least):
    model = small(shape, channels=1, width=2).eval()
    maps = []
    model.gradcam_layer.register_forward_hook(lambda *call: maps.append(call[2]))
    assert model(torch.randn(1, 1, *shape)).shape == (1, 2)
    size = maps[0].shape[2:]
    assert all(low <= n <= 2 * low for n, low in zip(size, least, strict=True))


@pytest.mark.parametrize(
    ("shape", "options", "farthest"),
    [
        ((20, 50, 50), {}, (12, 25, 25)),
        ((20, 50, 50), {"depth": 50}, (12, 25, 25)),
        ((12, 25, 25), {}, (12, 17, 17)),
        ((1, 50, 50), {}, (1, 27, 27)),
    ],
)
def test_a_place_sees_a_part_of_the_cuboid(shape, options, farthest):
    model = small(shape, channels=1, width=8, **options).eval()
    cuboids = torch.randn(1, 1, *shape, requires_grad=True)
    features = model.backbone(cuboids)
    middle = [n // 2 for n in features.shape[2:]]
    features[0, :, middle[0], middle[1], middle[2]].sum().backward()
    seen = cuboids.grad[0, 0].nonzero()
    extent = (seen.amax(dim=0) - seen.amin(dim=0) + 1).tolist()
    assert all(1 <= n <= most for n, most in zip(extent, farthest, strict=True))


def test_a_single_plane_or_planes_as_channels_make_it_two_dimensional():
    for shape, options in (((1, 25, 25), {}), ((5, 25, 25), {"planes_as_channels": True})):
        model = small(shape, **options).eval()
        assert model.prototype_maps(torch.randn(2, 2, *shape)).shape == (2, 12, 1, 7, 7)
        assert not any(p.ndim == 5 and p.shape[2:] != (1, 1, 1) for p in model.parameters())


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8, 2, 25), {}, r"too small.*\[3, 3\]"),
        (SHAPE, {"depth": 19}, "depth is 19; choose one of 10, 18, 34, 50"),
        (SHAPE, {"depth": 50, "planes_as_channels": True}, "depth is 50; choose one of 10, 18, 34"),
        (SHAPE, {"width": 0}, "width is 0"),
        (SHAPE, {"prototypes": 1}, "prototypes is 1"),
        (SHAPE, {"forming": 1.0}, "forming is 1.0"),
        (SHAPE, {"forming": "long"}, "forming is 'long'"),
    ],
)
def test_what_cannot_be_built_is_refused(shape, options, message):
    with pytest.raises(InputError, match=message):
        create_model("pipnet3d", 2, shape, **options)
