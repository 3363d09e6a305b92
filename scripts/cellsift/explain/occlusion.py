"""Occlusion: how much a verdict loses when a part of the cuboid is covered."""

import numpy as np
import torch
from captum.attr import Occlusion

from cellsift.explain.gradcam import scale, signed_logit_difference
from cellsift.models.contract import Network

# A window covers a fifth of the cuboid along each axis and moves on by half of that.
WINDOWS_PER_AXIS = 5
WINDOWS_AT_ONCE = 32


@torch.no_grad()
def occlusion(
    model: Network, inputs: torch.Tensor, towards_cell: np.ndarray | None = None
) -> np.ndarray:
    """Return saliency float32 (n, z, y, x), each map scaled so that its strongest place is 1.

    Zeiler and Fergus 2014 (arXiv 1311.2901, section 4.2), for models without a map to weigh by
    Grad-CAM: windows that overlap by half are filled with the median of the cuboid's channel, all
    channels at once, and every voxel gets the mean loss of the logit difference over the windows
    on it. Where nothing speaks for the verdict the map is 0.

    Args: as `gradcam`'s.
    """
    signs = torch.ones(len(inputs), device=inputs.device)
    if towards_cell is not None:
        signs[~torch.as_tensor(np.asarray(towards_cell, bool))] = -1
    window = tuple(max(1, -(-size // WINDOWS_PER_AXIS)) for size in inputs.shape[2:])
    step = tuple(max(1, size // 2) for size in window)
    training = model.training
    model.eval()
    try:
        method = Occlusion(signed_logit_difference(model))
        maps = [
            method.attribute(
                cuboid,
                sliding_window_shapes=(inputs.shape[1], *window),
                strides=(inputs.shape[1], *step),
                baselines=cuboid.flatten(2).median(dim=2).values[..., None, None, None],
                additional_forward_args=(sign,),
                perturbations_per_eval=WINDOWS_AT_ONCE,
            )[:, 0]
            for cuboid, sign in zip(inputs.split(1), signs.split(1), strict=True)
        ]
    finally:
        model.train(training)
    return scale(torch.cat(maps).clamp(min=0).cpu().numpy().astype(np.float32))
