"""The filters of `dog`: scipy's on the CPU, and the same arithmetic in torch on a GPU.

Both sum in the same order with the same precision, so the device does not show in the result.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.ndimage import gaussian_filter, maximum_filter

if TYPE_CHECKING:
    import torch

# Where NVIDIA's driver tells about itself; without it torch need not be loaded to find no GPU.
DRIVER = Path("/proc/driver/nvidia/version")

_device: "torch.device | None" = None


def use_gpu_if_there_is_one(device: str = "auto") -> bool:
    """Let this process filter on a GPU, unless `device` is "cpu"; return whether it will."""
    global _device
    _device = None
    if device != "cpu" and DRIVER.exists():
        import torch

        _device = torch.device("cuda") if torch.cuda.is_available() else None
    return _device is not None


def gaussian(
    values: np.ndarray, sigma: tuple[float, float, float], radius: tuple[int, int, int]
) -> np.ndarray:
    """Return values (z, y, x), float32, under a Gaussian; sigma and radius in voxels per axis.

    Beyond the border the outermost values are repeated.
    """
    if _device is None:
        return gaussian_filter(values, sigma, mode="nearest", radius=radius)
    return gaussian_in_torch(values, sigma, radius, _device)


def highest(values: np.ndarray, size: tuple[int, int, int]) -> np.ndarray:
    """Return the highest of values (z, y, x), float32, in a window of odd `size` around each."""
    if _device is None:
        return maximum_filter(values, size=size, mode="nearest")
    return highest_in_torch(values, size, _device)


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
        places = torch.arange(-reach, size + reach, device=device).clamp(0, size - 1)
        padded = smooth.double().index_select(axis, places)
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
