"""Self-distillation: the teacher follows the student, and neither collapses."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from smallest_networks import OPTIONS, network
from synthetic_cuboids import (
    SHAPE,
    VOXEL_SIZE,
    blobs,
    generator,
    structured,
)

from cellsift.models import create_model
from cellsift.models.backbone import backbone_parameters, features, head_parameters
from cellsift.settings.recipe import Recipe
from cellsift.training.augmentation import augment
from cellsift.training.pretraining.dino import Dino, Projection, information, local_crop, spread
from cellsift.training.pretraining.methods import check_method


def student_and_teacher(name: str = "resnet", **settings) -> Dino:
    model = network(name)
    return Dino(model, 2, SHAPE, **{"prototypes": 16, "teacher_momentum": 0.9} | settings)


def one_step(method: Dino, progress: float = 0.0, seed: int = 0) -> None:
    optimiser = torch.optim.SGD([p for p in method.parameters() if p.requires_grad], 0.1)
    draw = generator(seed)
    cuboids = structured(6, seed)
    view = lambda: augment(cuboids, VOXEL_SIZE, Recipe().augmentation, draw)  # noqa: E731
    method.train()
    method.loss(view, draw).backward()
    optimiser.step()
    method.after_step(progress)


def test_the_teacher_is_the_slow_mean_of_the_student():
    method = student_and_teacher()
    for step, progress in enumerate((0.0, 0.5, 1.0)):
        before = [slow.clone() for slow, _ in method.pairs()]
        one_step(method, progress, seed=step)
        share = {0.0: 0.9, 0.5: 0.95, 1.0: 1.0}[progress]
        for old, (slow, fast) in zip(before, method.pairs(), strict=True):
            torch.testing.assert_close(slow, share * old + (1 - share) * fast)
    assert any(not torch.equal(slow, fast) for slow, fast in method.pairs())


def test_the_teacher_gets_no_gradient_and_the_student_all():
    method = student_and_teacher()
    one_step(method)
    assert all(slow.grad is None and not slow.requires_grad for slow, _ in method.pairs())
    assert all(p.grad is not None for p in backbone_parameters(method.student))
    assert all(p.grad is None for p in head_parameters(method.student))


def test_the_centre_follows_the_teachers_mean_answer():
    method, cuboids = student_and_teacher(local_views=0), structured(6)
    with torch.no_grad():
        method.train().loss(lambda: cuboids, generator())
        answers = method.teacher_projection(features(method.teacher, torch.cat([cuboids] * 2)))
        method.after_step(0.0)
    torch.testing.assert_close(method.centre, 0.1 * answers.mean(dim=0), atol=1e-5, rtol=1e-4)


def test_the_loss_is_the_cross_entropy_of_other_views():
    method, draw = student_and_teacher(local_views=0), generator()
    method.centre.uniform_(-0.1, 0.1)
    views = [structured(4, 1), structured(4, 2)]
    given = iter(views)
    method.eval()
    with torch.no_grad():
        loss = method.loss(lambda: next(given), draw)
        teacher, student = (
            [projection(features(net, view)) for view in views]
            for net, projection in (
                (method.teacher, method.teacher_projection),
                (method.student, method.student_projection),
            )
        )
    wanted = [torch.softmax((said - method.centre) / 0.04, dim=1) for said in teacher]
    expected = [
        torch.nn.functional.cross_entropy(student[j] / 0.1, wanted[i]) for i, j in ((0, 1), (1, 0))
    ]
    torch.testing.assert_close(loss, sum(expected) / 2)


def test_the_teacher_drops_nothing_while_the_student_does():
    model = create_model("vit3d", 2, SHAPE, width=12, depth=2, stochastic_depth=0.5, dropout=0.5)
    method = Dino(model, 2, SHAPE, prototypes=8).train()
    cuboids = structured(8)
    with torch.no_grad():
        said = [features(method.teacher, cuboids) for _ in range(2)]
        heard = [features(method.student, cuboids) for _ in range(2)]
    assert torch.equal(*said)
    assert not torch.equal(*heard)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_any_network_with_a_backbone_can_be_distilled(name):
    method = student_and_teacher(name)
    check_method("dino", name, method.student)
    before = copy.deepcopy(method.teacher.state_dict())
    one_step(method)
    figures = method.figures()
    assert all(math.isfinite(figure) for figure in figures.values())
    moved = [n for n, t in method.teacher.named_parameters() if not torch.equal(t, before[n])]
    assert len(moved) > 0.5 * len(backbone_parameters(method.teacher))


def test_local_crops_are_parts_of_the_cuboid_at_its_size():
    ramp = torch.linspace(0, 1, 16).expand(50, 1, 8, 16, 16)
    crops = local_crop(ramp, generator())
    assert crops.shape == ramp.shape
    covered = (crops.amax(dim=(1, 2, 3, 4)) - crops.amin(dim=(1, 2, 3, 4))) / (15 / 16)
    assert 0.4 < covered.min() < 0.6
    assert 0.7 < covered.max() < 0.85
    assert torch.unique(crops[:, 0, 0, 0, 0]).numel() > 40


def test_figures_against_collapse():
    same, different = torch.ones(16, 8), torch.eye(16)
    assert float(spread(same)) == pytest.approx(0, abs=1e-3)
    assert float(spread(different)) == pytest.approx(1, abs=0.05)
    assert float(information(torch.full((16, 8), 1 / 8))) == pytest.approx(0, abs=1e-6)
    assert float(information(torch.eye(8)[:1].expand(16, -1))) == pytest.approx(0, abs=1e-6)
    assert float(information(different)) == pytest.approx(math.log(16), abs=1e-5)


def test_projections_are_of_length_1():
    torch.manual_seed(0)
    said = Projection(5, 100)(torch.randn(20, 5) * 100)
    assert said.shape == (20, 100)
    assert said.abs().max() <= 1.0001


@pytest.mark.slow
def test_distillation_does_not_collapse_and_learns_what_cells_are():
    """From few labels more can be read of its features than of a random network's."""
    random = np.random.default_rng(0)
    is_cell = random.permutation(160) < 80
    logs = np.log1p(blobs(is_cell, 0).astype(np.float32))
    cuboids = torch.from_numpy((logs - np.median(logs)) / logs.std()).float()
    torch.manual_seed(0)
    model = create_model("resnet", 2, SHAPE, depth=18, width=4)
    method = Dino(model, 2, SHAPE, local_views=1, prototypes=64, teacher_momentum=0.97)
    before = separation(method.network, cuboids, is_cell)
    optimiser = torch.optim.AdamW([p for p in method.parameters() if p.requires_grad], 0.001)
    draw, figures = generator(), []
    for step in range(120):
        rows = torch.randint(len(cuboids), (32,), generator=draw)
        method.train()
        loss = method.loss(
            lambda rows=rows: augment(cuboids[rows], VOXEL_SIZE, Recipe().augmentation, draw),
            draw,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        method.after_step(step / 120)
        figures.append(method.figures())
    last = pd.DataFrame(figures)[-20:].mean()
    assert last["spread"] > 0.2
    assert last["information"] > 0.5
    assert separation(method.network, cuboids, is_cell) > max(0.9, before)


def separation(model, cuboids, is_cell) -> float:
    """Accuracy on the other cuboids of the nearest mean of 20 labelled ones."""
    model.eval()
    with torch.no_grad():
        found = features(model, cuboids).numpy()
    found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)
    means = [found[:20][is_cell[:20] == kind].mean(axis=0) for kind in (False, True)]
    distances = [((found[20:] - mean) ** 2).sum(axis=1) for mean in means]
    return float(((distances[1] < distances[0]) == is_cell[20:]).mean())
