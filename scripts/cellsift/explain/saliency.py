"""Saliency by the method that suits a model."""

import numpy as np
import torch
from torch import nn

from cellsift.explain.gradcam import gradcam
from cellsift.explain.occlusion import occlusion

GRADCAM, OCCLUSION = "Grad-CAM", "Occlusion"


def saliency_method(model: nn.Module) -> str:
    """Return `GRADCAM`, or `OCCLUSION` for a model that declares no layer for it."""
    return GRADCAM if model.gradcam_layer is not None else OCCLUSION


def saliency(
    model: nn.Module, inputs: torch.Tensor, towards_cell: np.ndarray | None = None
) -> np.ndarray:
    """Return saliency float32 (n, z, y, x) by the model's method; arguments as `gradcam`'s."""
    explain = gradcam if saliency_method(model) == GRADCAM else occlusion
    return explain(model, inputs, towards_cell)
