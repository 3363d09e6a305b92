"""Where a network itself says that it looked: its attention, brought to the cuboid's grid."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cellsift.explain.volume import write_maps

BATCH = 8
# By the method of a network that gives maps: the file they go to, and what each is called.
OWN_MAPS = {
    "gate_maps": ("gates.tif", ("finer gate", "coarser gate")),
    "attention_rollout": ("rollout.tif", ("attention rollout",)),
    "plane_attention": ("plane_attention.tif", ("plane attention",)),
}
FILES = tuple(file for file, _ in OWN_MAPS.values())


def has_own_maps(model: nn.Module) -> bool:
    """Return whether a model has maps of its own."""
    return any(hasattr(model, method) for method in OWN_MAPS)


def names_of_own_maps(model: nn.Module) -> tuple[str, ...]:
    """Return what each of a model's own maps is called."""
    return OWN_MAPS[_method(model)][1]


@torch.no_grad()
def own_maps(model: nn.Module, inputs: torch.Tensor) -> np.ndarray:
    """Return a model's own maps, float32 (n, map, z, y, x), trilinear between their places.

    These are the coefficients of attention gates (0 shut, 1 open), the share of each patch in the
    class token, or the weights of the planes, the same all over a plane; not scaled. They tell
    where the network looked, and not whether that spoke for or against a cell.

    Args:
        model: one that `has_own_maps`, in evaluation mode.
        inputs: normalised cuboids (n, channel, z, y, x), float32, on the model's device.
    """
    method = getattr(model, _method(model))
    found = [_on_grid(method(batch), inputs.shape[2:]) for batch in inputs.split(BATCH)]
    return torch.cat(found).cpu().numpy()


def write_own_maps(
    model: nn.Module,
    maps: np.ndarray,
    folder: Path,
    voxel_size: tuple[float, float, float],
    names: list[str],
) -> None:
    """Write a model's own maps (n, map, z, y, x) to the file of `OWN_MAPS` in a folder.

    It is an ImageJ hyperstack, axes TZCYX (example, z, map, y, x); `names` has one per example.
    """
    file, channels = OWN_MAPS[_method(model)]
    write_maps(folder / file, maps, channels, voxel_size, names)


def _method(model: nn.Module) -> str:
    return next(method for method in OWN_MAPS if hasattr(model, method))


def _on_grid(maps: torch.Tensor | list[torch.Tensor], shape: torch.Size) -> torch.Tensor:
    """Return maps (n, z, y, x), (n, y, x) of images or (n, z) of planes as (n, map, z, y, x)."""
    whole = []
    for one in maps if isinstance(maps, list) else [maps]:
        places = {2: (..., None, None), 3: (slice(None), None), 4: (...,)}[one.ndim]
        whole.append(F.interpolate(one[places][:, None].float(), tuple(shape), mode="trilinear"))
    return torch.cat(whole, dim=1)
