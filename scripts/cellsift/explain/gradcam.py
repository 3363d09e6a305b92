"""Grad-CAM and HiResCAM: where in a cuboid the evidence for a verdict lies."""

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam, LayerGradientXActivation

from cellsift.models.contract import Network

BATCH = 8


def gradcam(
    model: Network, inputs: torch.Tensor, towards_cell: np.ndarray | None = None
) -> np.ndarray:
    """Return saliency float32 (n, z, y, x), each map scaled so that its strongest place is 1.

    Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) at the layer `model.gradcam_layer`, on the
    difference of the logits of cell and no cell. Of a model with `gradients_in_place`, instead of
    their mean over the map every place's own gradients: HiResCAM (Draelos and Carin 2020,
    arXiv 2011.08891, equation 3). Maps are brought to the cuboid's size trilinearly; one without
    positive evidence is 0 throughout.

    Args:
        model: one with a `gradcam_layer`; used in evaluation mode, left as it was.
        inputs: normalised cuboids (n, channel, z, y, x), float32, on the model's device.
        towards_cell: (n,) bool, False where evidence against a cell is wanted; default all True.
    """
    sign = torch.ones(len(inputs))
    if towards_cell is not None:
        sign[~torch.as_tensor(np.asarray(towards_cell, bool))] = -1
    training = model.training
    model.eval()
    try:
        attribution = LayerGradientXActivation if model.gradients_in_place else LayerGradCam
        method = attribution(signed_logit_difference(model), model.gradcam_layer)
        maps = [
            _attribute(method, batch, signs.to(batch.device))
            for batch, signs in zip(inputs.split(BATCH), sign.split(BATCH), strict=True)
        ]
    finally:
        model.train(training)
    return scale(torch.cat(maps).cpu().numpy())


def scale(maps: np.ndarray) -> np.ndarray:
    """Return maps (n, z, y, x) divided by their own largest value; maps of zeros stay zero."""
    if not len(maps):
        return maps
    largest = maps.max(axis=(1, 2, 3), keepdims=True)
    return np.divide(maps, largest, out=np.zeros_like(maps), where=largest > 0)


def signed_logit_difference(
    model: Network,
) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return a function of inputs and signs (n,): the logit of cell against no cell, signed."""

    def score(inputs: torch.Tensor, sign: torch.Tensor) -> torch.Tensor:
        logits = model(inputs)
        return sign * (logits[:, 1] - logits[:, 0])

    return score


def _attribute(
    method: LayerGradCam | LayerGradientXActivation, inputs: torch.Tensor, sign: torch.Tensor
) -> torch.Tensor:
    # One feature of Grad-CAM, which has added them up, or all of them.
    by_feature = method.attribute(inputs, additional_forward_args=(sign,))
    coarse = torch.relu(by_feature.sum(dim=1, keepdim=True))
    if coarse.ndim == 4:
        # Of a network of images, to which all planes are one.
        coarse = coarse.unsqueeze(2)
    fine = LayerAttribution.interpolate(coarse, tuple(inputs.shape[2:]), "trilinear")
    return fine[:, 0].detach()
