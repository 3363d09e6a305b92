"""Connected structures of marked voxels, found in one pass along z.

A structure is given back as soon as no voxel of the last plane belongs to it. Its voxels are kept
only while they are few; of larger ones the number and the sum of the positions stay. So whatever
the depth and the number of structures:
Memory: the marked voxels of one block of planes, and at most `largest` voxels for each structure
that reaches the block's last plane.
Time: a sort and a search per block, n log n in the block's marked voxels; planes without any are
free.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


@dataclass(frozen=True)
class Structure:
    """Voxels that hang together by their faces.

    `count` is their number and `total` (3,) the sum of their positions z, y, x. `pieces` are arrays
    (n, 3) of these positions, or None where the structure has grown too large to be kept.
    """

    count: int
    total: np.ndarray
    pieces: list[np.ndarray] | None

    @property
    def mean(self) -> np.ndarray:
        """The mean position z, y, x, not rounded."""
        return self.total / self.count

    @property
    def voxels(self) -> np.ndarray:
        """All positions (count, 3). Raises ValueError for a structure too large to be kept."""
        if self.pieces is None:
            raise ValueError(f"the positions of {self.count} voxels were not kept")
        return np.concatenate(self.pieces)


@dataclass(frozen=True)
class _Open:
    """The structures that the last plane belongs to, and that plane's voxels.

    `keys` (n,) are the voxels, as `_keys` numbers them, and `owners` (n,) the place of each one's
    structure in `structures`.
    """

    structures: list[Structure]
    keys: np.ndarray
    owners: np.ndarray


def find_structures(
    blocks: Iterable[np.ndarray], plane_shape: tuple[int, int], largest: int
) -> Iterator[Structure]:
    """The structures of marked voxels, each as soon as it is complete, in no particular order.

    `blocks` are positions (n, 3) in voxels z, y, x, sorted; a block has all marked voxels of its
    planes, and all of these lie behind the planes of the block before. `plane_shape` is (y, x).
    Structures of `largest` voxels or more come without their positions.
    """
    empty = np.empty(0, np.int64)
    still_open = _Open([], empty, empty)
    for voxels in blocks:
        if len(voxels):
            closed, still_open = _grow(still_open, voxels.astype(np.int64), plane_shape, largest)
            yield from closed
    yield from still_open.structures


def _grow(
    before: _Open, voxels: np.ndarray, plane_shape: tuple[int, int], largest: int
) -> tuple[list[Structure], _Open]:
    """What a block of voxels closes and what it leaves open."""
    keys = _keys(voxels, plane_shape)
    of_voxels, of_structures = _components(before, keys, plane_shape)
    members: dict[int, list[Structure]] = {}
    for component, structure in zip(of_structures.tolist(), before.structures, strict=True):
        members.setdefault(component, []).append(structure)
    order = np.argsort(of_voxels, kind="stable")
    components, starts = np.unique(of_voxels[order], return_index=True)
    totals = np.add.reduceat(voxels[order], starts)
    pieces = np.split(voxels[order], starts[1:])
    for component, total, piece in zip(components.tolist(), totals, pieces, strict=True):
        # Copies, as a view would keep the whole block in memory while its structure is open.
        grown = Structure(len(piece), total.copy(), [piece.copy()])
        members.setdefault(component, []).append(grown)
    in_last_plane = voxels[:, 0] == voxels[-1, 0]
    left_open, owners = np.unique(of_voxels[in_last_plane], return_inverse=True)
    opened = [_joined(members.pop(component), largest) for component in left_open.tolist()]
    closed = [_joined(parts, largest) for parts in members.values()]
    return closed, _Open(opened, keys[in_last_plane], owners)


def _keys(voxels: np.ndarray, plane_shape: tuple[int, int]) -> np.ndarray:
    """A number for each voxel, in the order of z, y, x.

    Rows and planes are one voxel longer than they are, so that no end touches the next beginning.
    """
    height, width = plane_shape
    z, y, x = voxels.T
    return (z * (height + 1) + y) * (width + 1) + x


def _components(
    before: _Open, keys: np.ndarray, plane_shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the connected components of the new voxels, and of the open structures.

    Nodes of the graph are the open plane's voxels, the new voxels, and the open structures.
    """
    height, width = plane_shape
    old, every = len(before.keys), np.concatenate([before.keys, keys])
    starts, ends = [np.arange(old)], [before.owners + len(every)]
    for step in (1, width + 1, (height + 1) * (width + 1)):
        neighbours = np.searchsorted(every, every + step)
        neighbours[neighbours == len(every)] = 0
        met = every[neighbours] == every + step
        starts.append(np.flatnonzero(met))
        ends.append(neighbours[met])
    pairs = np.concatenate(starts), np.concatenate(ends)
    nodes = len(every) + len(before.structures)
    graph = coo_array((np.ones(len(pairs[0]), bool), pairs), shape=(nodes, nodes))
    _, labels = connected_components(graph, directed=False)
    return labels[old : len(every)], labels[len(every) :]


def _joined(parts: list[Structure], largest: int) -> Structure:
    count, total = sum(part.count for part in parts), np.sum([part.total for part in parts], axis=0)
    kept = [part.pieces for part in parts if part.pieces is not None]
    # Whatever is a part of a structure that is kept is smaller, and was kept.
    pieces = [piece for of_part in kept for piece in of_part] if count < largest else None
    return Structure(count, total, pieces)
