"""Saliency by the method that suits a model."""

import numpy as np
import torch
from torch import nn

from cellsift.explain.gradcam import gradcam, has_gradients_in_place
from cellsift.explain.occlusion import occlusion

GRADCAM, HIRESCAM, OCCLUSION = "Grad-CAM", "HiResCAM", "Occlusion"


def saliency_method(model: nn.Module) -> str:
    """Return `GRADCAM` or `HIRESCAM`, or `OCCLUSION` for a model that declares no layer for it."""
    if model.gradcam_layer is None:
        return OCCLUSION
    return HIRESCAM if has_gradients_in_place(model) else GRADCAM


def saliency(
    model: nn.Module, inputs: torch.Tensor, towards_cell: np.ndarray | None = None
) -> np.ndarray:
    """Return saliency float32 (n, z, y, x) by the model's method; arguments as `gradcam`'s."""
    explain = occlusion if saliency_method(model) == OCCLUSION else gradcam
    return explain(model, inputs, towards_cell)
