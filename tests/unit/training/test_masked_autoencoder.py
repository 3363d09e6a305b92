"""The masked autoencoder learns what is hidden from what is seen."""

import numpy as np
import pytest
import torch
from synthetic_cuboids import SHAPE, generator, structured

from cellsift.models import create_model
from cellsift.models.backbone import backbone_parameters, head_parameters
from cellsift.training.pretraining.mae import MaskedAutoencoder


def autoencoder(**settings) -> MaskedAutoencoder:
    torch.manual_seed(0)
    model = create_model("vit3d", 2, SHAPE, width=24, depth=2, stochastic_depth=0.0)
    return MaskedAutoencoder(model, 2, SHAPE, **settings)


@pytest.mark.parametrize("ratio", [0.01, 0.25, 0.5, 0.75, 0.99])
def test_masks_hide_the_share_of_patches_asked_for(ratio):
    method = autoencoder(mask_ratio=ratio)
    _, hidden = method.reconstruct(structured(5), generator())
    patches = hidden.shape[1]
    wanted = min(patches - 1, max(1, round(ratio * patches)))
    assert abs(int(hidden[0].sum()) - wanted) <= 1
    assert len(set(hidden.sum(dim=1).tolist())) == 1
    assert len({tuple(row.tolist()) for row in hidden}) == 5 or ratio in (0.01, 0.99)


def test_every_patch_is_hidden_about_equally_often():
    _, hidden = autoencoder().reconstruct(structured(1).expand(400, -1, -1, -1, -1), generator())
    assert hidden.float().mean(dim=0).sub(0.75).abs().max() < 0.12


def test_the_encoder_sees_nothing_of_hidden_patches():
    method, cuboids = autoencoder().eval(), structured(3)
    with torch.no_grad():
        predicted, hidden = method.reconstruct(cuboids, generator())
        patch = method.network.encoder.patch_size
        blanked = cuboids.clone()
        for cuboid, of_cuboid in zip(blanked, hidden, strict=True):
            for index in of_cuboid.nonzero().flatten().tolist():
                place = np.unravel_index(index, method.network.encoder.grid)
                start = [
                    p * size - before
                    for p, size, (before, _) in zip(
                        place, patch, method.network.encoder.margins, strict=True
                    )
                ]
                box = tuple(
                    slice(max(0, s), s + size) for s, size in zip(start, patch, strict=True)
                )
                cuboid[(slice(None), *box)] = 99.0
        assert not torch.equal(blanked, cuboids)
        again, _ = method.reconstruct(blanked, generator())
    assert torch.equal(predicted, again)


def test_the_loss_ignores_what_is_said_of_visible_patches():
    method, cuboids = autoencoder().eval(), structured(3)
    with torch.no_grad():
        predicted, hidden = method.reconstruct(cuboids, generator())
        before = method.loss(lambda: cuboids, generator())
        method.reconstruct = lambda *_: (predicted + 5 * ~hidden[..., None], hidden)
        assert torch.equal(method.loss(lambda: cuboids, generator()), before)
        method.reconstruct = lambda *_: (predicted + 5 * hidden[..., None], hidden)
        assert method.loss(lambda: cuboids, generator()) > before + 1


def test_padding_is_no_task():
    torch.manual_seed(0)
    model = create_model("vit3d", 1, (7, 15, 16), width=12, depth=1, patch_size=(2, 4, 4))
    method, cuboids = MaskedAutoencoder(model, 1, (7, 15, 16)), torch.randn(2, 1, 7, 15, 16)
    assert float(method.inside.sum()) == 7 * 15 * 16
    with torch.no_grad():
        predicted, hidden = method.reconstruct(cuboids, generator())
        before = method.loss(lambda: cuboids, generator())
        method.reconstruct = lambda *_: (predicted + 5 * (method.inside == 0), hidden)
        assert torch.equal(method.loss(lambda: cuboids, generator()), before)


def test_normalised_targets_have_mean_0_and_deviation_1():
    cuboids = structured(4)
    targets = autoencoder().targets(cuboids)
    torch.testing.assert_close(
        targets.mean(dim=2), torch.zeros(targets.shape[:2]), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        targets.var(dim=2, correction=0), torch.ones(targets.shape[:2]), atol=0.02, rtol=0
    )
    plain = autoencoder(normalised_targets=False)
    assert torch.equal(plain.targets(cuboids), plain.network.encoder.patches(cuboids))


@pytest.mark.parametrize("name", ["vit3d", "deit3d"])
@pytest.mark.parametrize("flat", [False, True])
def test_an_autoencoder_teaches_the_encoder_and_not_the_head(name, flat):
    torch.manual_seed(0)
    model = create_model(name, 2, SHAPE, width=12, depth=2, heads=2, planes_as_channels=flat)
    MaskedAutoencoder(model, 2, SHAPE).loss(lambda: structured(3), generator()).backward()
    assert all(p.grad is not None and p.grad.any() for p in backbone_parameters(model))
    assert all(p.grad is None for p in head_parameters(model))


@pytest.mark.slow
def test_reconstruction_of_new_cuboids_beats_their_mean():
    """The best constant answer is the patches' mean over the training cuboids."""
    method, cuboids, others = (
        autoencoder(normalised_targets=False),
        structured(64),
        structured(64, 1),
    )
    optimiser = torch.optim.AdamW(method.parameters(), 0.003)
    draw, losses = generator(), []
    for _ in range(150):
        loss = method.loss(lambda: cuboids, draw)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.4 * losses[0]
    method.eval()
    with torch.no_grad():
        mean = method.targets(cuboids).mean(dim=0)
        predicted, hidden = method.reconstruct(others, generator())
        wanted = method.targets(others)
        error, error_of_mean = (
            (said - wanted).square()[hidden].mean() for said in (predicted, mean.expand_as(wanted))
        )
    assert error < 0.6 * error_of_mean
