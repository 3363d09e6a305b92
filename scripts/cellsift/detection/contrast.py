"""Contrast of a soma against its surroundings: a difference of Gaussians on log intensities.

Every voxel's value depends on its halo and on nothing beyond, so a volume may be cut into blocks in
any way along any axis, and what is found is the same, bit for bit.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellsift.detection.blocks import Block, over_blocks
from cellsift.detection.brightness import brightness, typical_root
from cellsift.detection.filters import gaussian, highest
from cellsift.detection.parts import Part
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.detection.scale import Scale, cut_off
from cellsift.io.volumes import Volume

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Measured:
    """What was measured at voxels `positions` (n, 3), int32, of a volume.

    `difference` (n,) is the small Gaussian of the log1p intensities minus the large one, which is
    `surroundings` (n,); both float32.
    """

    positions: np.ndarray
    difference: np.ndarray
    surroundings: np.ndarray

    @property
    def weighted(self) -> np.ndarray:
        """The difference (n,), float64, times the square root of the surroundings' intensity.

        The share that shot noise has in a log intensity falls with that root, so the same
        difference says more where the tissue is brighter.
        """
        return self.difference.astype(float) * np.exp(self.surroundings.astype(float) / 2)


def measure(
    volume: Volume,
    scale: Scale,
    positions: np.ndarray | None = None,
    slab_planes: int | None = None,
    tile_side: int | None = None,
) -> tuple[Measured, Measured]:
    """The volume's local maxima, sorted by z, y, x, and the voxels nearest to `positions` (n, 3).

    The volume is read once. `slab_planes` planes are read at a time and filtered in tiles of
    `tile_side` voxels (None: by the size of the planes); neither changes the result.
    """
    blocks = list(measured_blocks(volume, scale, positions, None, slab_planes, tile_side))
    found = _joined([block[0] for block in blocks])
    at_asked = _joined([block[2] for block in blocks])
    rows = np.concatenate([block[1] for block in blocks])
    return _taken(found, np.lexsort(found.positions.T[::-1])), _taken(at_asked, np.argsort(rows))


def measured_blocks(
    volume: Volume,
    scale: Scale,
    positions: np.ndarray | None = None,
    planes: tuple[int, int] | None = None,
    slab_planes: int | None = None,
    tile_side: int | None = None,
    resources: Resources = UNLIMITED,
) -> Iterator[tuple[Measured, np.ndarray, Measured]]:
    """For block after block: its local maxima; which of `positions` (n, 3) it owns; these measured.

    A block owns the positions, in voxels z, y, x, whose nearest voxel lies in it, and tells their
    rows (m,). Only `planes`, first and last but one, are cut into blocks (None: all); the planes
    around them are read as far as they count. In memory are a few blocks at a time.
    """
    last = np.array(volume.shape) - 1
    asked = np.empty((0, 3)) if positions is None else np.asarray(positions, dtype=float)
    asked = np.clip(np.rint(asked), 0, last).astype(np.int32)
    # By plane, so that a block looks at the positions in its own planes, not at all of the brain.
    by_plane = np.argsort(asked[:, 0], kind="stable")
    planes_asked = asked[by_plane, 0]

    def of_block(block: Block) -> tuple[Measured, np.ndarray, Measured]:
        difference, surroundings = filtered(block.intensity, scale, resources.device)
        found = maxima(difference, scale.reach, resources.device) + block.origin
        found = found[block.in_core(found)].astype(np.int32)
        near = by_plane[slice(*np.searchsorted(planes_asked, [block.start[0], block.stop[0]]))]
        rows = near[block.in_core(asked[near])]

        def at(voxels: np.ndarray) -> Measured:
            local = tuple((voxels - block.origin).T)
            return Measured(voxels, difference[local], surroundings[local])

        return at(found), rows, at(asked[rows])

    return over_blocks(volume, scale.halo, of_block, slab_planes, tile_side, planes, resources)


def contrast_parts(
    volume: Volume,
    scale: Scale,
    positions: np.ndarray,
    first: int,
    last: int,
    resources: Resources = UNLIMITED,
) -> Iterator[Part]:
    """Parts for `candidates.candidate_table`: the contrast of `positions` in a slab of planes.

    `positions` (n, 3) are all of the brain, in voxels z, y, x; each counts in the slab, planes
    `first` to `last` - 1, in which its nearest voxel lies. Exact however the volume is cut.
    """
    planes = (first, last)
    for found, rows, asked in measured_blocks(
        volume, scale, positions, planes, resources=resources
    ):
        yield {
            "positions": positions[rows],
            "weighted": asked.weighted,
            "brightness": brightness(found.surroundings),
        }


def contrast_at(volume: Volume, positions: np.ndarray, soma_diameter: float) -> np.ndarray:
    """The contrast (n,) that detection gives for a soma in µm, at voxels nearest to positions.

    `positions` (n, 3) are in voxels z, y, x.
    """
    scale = Scale.of_soma(volume.voxel_size, soma_diameter)
    found, asked = measure(volume, scale, positions)
    return asked.weighted / typical_root(brightness(found.surroundings))


def filtered(
    intensity: np.ndarray, scale: Scale, device: "torch.device | None" = None
) -> tuple[np.ndarray, np.ndarray]:
    """The difference of Gaussians of the log1p intensities (z, y, x) and its large Gaussian.

    `device` as in `filters.gaussian`.
    """
    log = _log(intensity)
    surroundings = gaussian(log, scale.sigma_large, cut_off(scale.sigma_large), device)
    difference = gaussian(log, scale.sigma_small, cut_off(scale.sigma_small), device)
    difference -= surroundings
    return difference, surroundings


def maxima(
    values: np.ndarray, reach: tuple[int, int, int], device: "torch.device | None" = None
) -> np.ndarray:
    """Positions (n, 3) of the positive local maxima, sorted by z, y, x.

    A maximum is the largest within the window of `reach` voxels to each side; where equal maxima
    lie within each other's windows, only the first by z, y, x is one. `device` as in
    `filters.gaussian`.
    """
    from scipy.spatial import cKDTree

    z, y, x = (2 * voxels + 1 for voxels in reach)
    positions = np.argwhere((values == highest(values, (z, y, x), device)) & (values > 0))
    ties = cKDTree(positions / np.array(reach)).query_pairs(
        1.0 + 1e-9, p=math.inf, output_type="ndarray"
    )
    return np.delete(positions, np.unique(ties.max(axis=1)), axis=0) if len(ties) else positions


def _log(intensity: np.ndarray) -> np.ndarray:
    # A table, not log1p of the array: faster, for an integer takes few values.
    table = np.log1p(np.arange(np.iinfo(intensity.dtype).max + 1, dtype=np.float32))
    return table[intensity]


def _joined(parts: list[Measured]) -> Measured:
    return Measured(
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.difference for part in parts]),
        np.concatenate([part.surroundings for part in parts]),
    )


def _taken(measured: Measured, order: np.ndarray) -> Measured:
    return Measured(
        measured.positions[order], measured.difference[order], measured.surroundings[order]
    )
