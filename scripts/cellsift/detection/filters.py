"""The filters of contrast: scipy's on the CPU, and the same arithmetic in torch on a GPU.

Both sum in the same order with the same precision, so the device does not show in the result.
"""

from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

if TYPE_CHECKING:
    import torch


def gaussian(
    values: np.ndarray,
    sigma: tuple[float, float, float],
    radius: tuple[int, int, int],
    device: "torch.device | None" = None,
) -> np.ndarray:
    """Return values (z, y, x), float32, under a Gaussian; sigma and radius in voxels per axis.

    Beyond the border the outermost values are repeated. Computed on a device by torch, or (None)
    by scipy.
    """
    if device is None:
        return gaussian_filter(values, sigma, mode="nearest", radius=radius)
    return gaussian_in_torch(values, sigma, radius, device)


def highest(
    values: np.ndarray, size: tuple[int, int, int], device: "torch.device | None" = None
) -> np.ndarray:
    """Return the highest of values (z, y, x), float32, in a window of odd `size` around each.

    `device` as in `gaussian`.
    """
    if device is None:
        return maximum_filter(values, size=size, mode="nearest")
    return highest_in_torch(values, size, device)


def gaussian_in_torch(
    values: np.ndarray,
    sigma: tuple[float, float, float],
    radius: tuple[int, int, int],
    device: "torch.device",
) -> np.ndarray:
    """What `gaussian` gives, computed on a device.

    Axis by axis in double precision, from the farthest pair of voxels to the nearest, and rounded
    to float32 after each axis: so does scipy.ndimage.gaussian_filter. Sums of shifted arrays, not
    a convolution, whose order of adding would change with the size of the block.
    """
    import torch

    smooth = torch.from_numpy(values).to(device)
    for axis, (width, reach) in enumerate(zip(sigma, radius, strict=True)):
        weights = _weights(width, reach)
        size = smooth.shape[axis]
        positions = torch.arange(-reach, size + reach, device=device).clamp(0, size - 1)
        padded = smooth.double().index_select(axis, positions)
        total = padded.narrow(axis, reach, size) * weights[0]
        for step in range(reach, 0, -1):
            before = padded.narrow(axis, reach - step, size)
            after = padded.narrow(axis, reach + step, size)
            # Two operations: in one a GPU would round once less.
            total += (before + after) * weights[step]
        smooth = total.float()
    return smooth.cpu().numpy()


def highest_in_torch(
    values: np.ndarray, size: tuple[int, int, int], device: "torch.device"
) -> np.ndarray:
    """What `highest` gives, computed on a device."""
    import torch
    import torch.nn.functional as F

    around = tuple(width // 2 for width in size)
    found = F.max_pool3d(torch.from_numpy(values).to(device)[None, None], size, 1, around)
    return found[0, 0].cpu().numpy()


def _weights(sigma: float, reach: int) -> np.ndarray:
    """The Gaussian's weights at 0, 1, ... `reach` voxels; those of both sides sum to 1."""
    steps = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 / (sigma * sigma) * steps**2)
    return (weights / weights.sum())[reach:]
