"""How long a pass over training cuboids takes."""

import time
from functools import partial

import numpy as np
import torch

from cellsift.inference.device import choose_device, move_to_device, repeatable
from cellsift.io.axes import Shape, Size
from cellsift.models import create_model
from cellsift.models.contract import Batch, Network
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.augmentation import augment
from cellsift.training.classification.objective import Softening, batch_loss
from cellsift.training.optimisation import make_optimiser, step

CUBOIDS = 1000
BATCH = 32
LEAST_STEPS = 3


def seconds_per_epoch(
    arm: Arm,
    channels: int,
    shape: Shape,
    voxel_size: Size,
    *,
    device: str | torch.device = "auto",
    threads: int = 1,
    seconds: float = 5.0,
) -> float:
    """Return how long training takes for one pass over 1000 cuboids, on noise of their shape.

    The median of steps of 32 varied cuboids over about `seconds`, scaled up; reading cuboids from
    disk, judging the held-out fold and a teacher's answers are not in it. Of a model that is
    fitted at once, features and fit of 1000 cuboids.
    """
    device = choose_device(device)
    with repeatable(threads):
        torch.manual_seed(0)
        model = create_model(arm.architecture, channels, shape, **arm.options)
        move_to_device(model, device)
        if model.fitted_at_once:
            return _seconds_of_fit(model, (channels, *shape), device)
        return _seconds_of_steps(
            model, arm.recipe or Recipe(), (channels, *shape), voxel_size, device, seconds
        )


def _seconds_of_steps(
    model: Network,
    recipe: Recipe,
    size: tuple[int, ...],
    voxel_size: Size,
    device: torch.device,
    seconds: float,
) -> float:
    generator = torch.Generator(device).manual_seed(0)
    optimiser = make_optimiser(model.train(), recipe.weight_decay)
    softening = Softening(recipe.label_smoothing, recipe.mixup)
    targets = torch.arange(BATCH, device=device) % 2
    times: list[float] = []
    until = time.perf_counter() + seconds
    # The first step, which allocates, is not counted.
    while len(times) <= LEAST_STEPS or time.perf_counter() < until:
        started = time.perf_counter()
        noise = torch.randn(BATCH, *size, device=device)
        varied = partial(augment, noise, voxel_size, recipe.augmentation, generator)
        batch = Batch(
            inputs=varied(),
            targets=targets,
            weights=torch.ones(2, device=device),
            progress=0.5,
            view=varied,
            teacher=torch.randn(BATCH, 2, device=device),
        )
        # Bringing the loss to the CPU waits for the GPU.
        float(step(model, optimiser, partial(batch_loss, model, batch, softening), 1e-6))
        times.append(time.perf_counter() - started)
    return float(np.median(times[1:])) * CUBOIDS / BATCH


def _seconds_of_fit(model: Network, size: tuple[int, ...], device: torch.device) -> float:
    started = time.perf_counter()
    features = [
        model.cuboid_features(torch.randn(BATCH, *size, device=device)).cpu().numpy()
        for _ in range(-(-CUBOIDS // BATCH))
    ]
    rows = np.concatenate(features)[:CUBOIDS]
    model.fit(rows, np.arange(CUBOIDS) % 2 == 1, (1.0, 1.0), 0)
    return time.perf_counter() - started
