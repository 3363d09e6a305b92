"""Where a network itself says that it looked: its attention, brought to the cuboid's grid."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from cellsift.errors import InputError
from cellsift.explain.volume import write_maps
from cellsift.io.tiff_file import opened
from cellsift.models.contract import Network

BATCH = 8
# Tells files of own maps, whose names networks choose, from others.
KIND = "own maps of a network"


@torch.no_grad()
def own_maps(model: Network, inputs: torch.Tensor) -> np.ndarray:
    """Return a model's own maps, float32 (n, map, z, y, x), interpolated trilinearly.

    These are the coefficients of attention gates (0 shut, 1 open), the share of each patch in the
    class token, or the weights of the planes, say; not scaled. They tell where the network looked,
    and not whether that spoke for or against a cell.

    Args:
        model: one with `own_map_names`, in evaluation mode.
        inputs: normalised cuboids (n, channel, z, y, x), float32, on the model's device.
    """
    found = [_on_grid(model.own_maps(batch), inputs.shape[2:]) for batch in inputs.split(BATCH)]
    return torch.cat(found).cpu().numpy()


def write_own_maps(
    model: Network,
    maps: np.ndarray,
    folder: Path,
    voxel_size: tuple[float, float, float],
    names: list[str],
) -> None:
    """Write a model's own maps (n, map, z, y, x) to its `own_maps_file` in a folder.

    It is an ImageJ hyperstack, axes TZCYX (example, z, map, y, x); `names` has one per example.
    """
    path = folder / model.own_maps_file
    write_maps(path, maps, model.own_map_names, voxel_size, names, kind=KIND)


def remove_own_maps(folder: Path) -> None:
    """Remove the files that `write_own_maps` wrote to a folder, of whatever network."""
    for path in folder.glob("*.tif"):
        if _kind_of(path) == KIND:
            path.unlink()


def _kind_of(path: Path) -> str | None:
    try:
        with opened(path, first_page=True) as tiff:
            return (tiff.imagej_metadata or {}).get("Info")
    except InputError:
        # Whatever is wrong with the file, it is none of these.
        return None


def _on_grid(maps: list[torch.Tensor], shape: torch.Size) -> torch.Tensor:
    """Return maps (n, z, y, x), (n, y, x) of images or (n, z) of planes as (n, map, z, y, x)."""
    whole = []
    for one in maps:
        spread = {2: (..., None, None), 3: (slice(None), None), 4: (...,)}[one.ndim]
        whole.append(F.interpolate(one[spread][:, None].float(), tuple(shape), mode="trilinear"))
    return torch.cat(whole, dim=1)
