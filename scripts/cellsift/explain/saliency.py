"""Saliency by the method that suits a model."""

import numpy as np
import torch

from cellsift.explain.gradcam import gradcam
from cellsift.explain.occlusion import occlusion
from cellsift.models.contract import Network

GRADCAM, HIRESCAM, OCCLUSION = "Grad-CAM", "HiResCAM", "Occlusion"


def saliency_method(model: Network) -> str:
    """Return `GRADCAM` or `HIRESCAM`, or `OCCLUSION` for a model without a layer for it."""
    if model.gradcam_layer is None:
        return OCCLUSION
    return HIRESCAM if model.gradients_in_place else GRADCAM


def saliency(
    model: Network, inputs: torch.Tensor, towards_cell: np.ndarray | None = None
) -> np.ndarray:
    """Return saliency float32 (n, z, y, x) by the model's method; arguments as `gradcam`'s."""
    explain = occlusion if saliency_method(model) == OCCLUSION else gradcam
    return explain(model, inputs, towards_cell)
