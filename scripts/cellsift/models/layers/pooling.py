"""From a map to a vector."""

import torch


def mean_over_map(x: torch.Tensor) -> torch.Tensor:
    """Return the mean over all axes but batch and feature, which stay as axes of length 1."""
    return x.mean(dim=tuple(range(2, x.ndim)), keepdim=True)
