"""How candidates are cut out of a volume in bounded memory: in passes through its planes."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from cellsift.errors import InputError
from cellsift.io.volumes import Volume

FEWEST_PLANES = 16
# Planes are held twice while they are put together from the chunks that were read.
COPIES = 2
MEGABYTE = 1e6


def share_memory(
    memory_bytes: int, volumes: Sequence[Volume], candidate_bytes: int
) -> tuple[int, int]:
    """Return how many planes to read at once and how many candidates may wait for planes.

    Planes get half of the memory at most, and no more than whole chunks of at least 16 planes;
    candidates get what is left. Raises InputError where one of each does not fit.
    """
    chunk = max(volume.data.chunks[0][0] for volume in volumes)
    plane_bytes = COPIES * sum(v.shape[1] * v.shape[2] * v.dtype.itemsize for v in volumes)
    planes = min(
        chunk * -(-FEWEST_PLANES // chunk), volumes[0].shape[0], memory_bytes // 2 // plane_bytes
    )
    if planes > chunk:
        planes -= planes % chunk
    planes = max(int(planes), 1)
    candidates = (memory_bytes - planes * plane_bytes) // candidate_bytes
    if candidates < 1:
        raise InputError(
            f"{volumes[0].source}: cutting cuboids takes at least "
            f"{(plane_bytes + candidate_bytes) / MEGABYTE:.3g} MB for a plane of "
            f"{volumes[0].shape[1]} x {volumes[0].shape[2]} voxels in {len(volumes)} channels and "
            f"one candidate, but may take {memory_bytes / MEGABYTE:.3g} MB; give the job more "
            "memory (mem_mb)."
        )
    return planes, int(candidates)


def plan_passes(starts: np.ndarray, depth: int, capacity: int) -> list[list[np.ndarray]]:
    """Divide candidates into passes so that never more than `capacity` wait for planes.

    A candidate waits from plane `starts[i]` for `depth` planes. A pass is a list of groups, which
    are the indices of candidates that start at one plane, in the order of z; a group that is too
    large is cut. All candidates are in the first pass unless they are too dense for the memory.
    """
    left = np.argsort(starts, kind="stable")
    passes = []
    while len(left):
        groups, left = _one_pass(left, starts, depth, capacity)
        passes.append(groups)
    return passes


def _one_pass(
    candidates: np.ndarray, starts: np.ndarray, depth: int, capacity: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """The groups of this pass, and the candidates that have to be left for the next one."""
    groups, later = [], [candidates[:0]]
    # First plane and number of candidates.
    waiting: deque[tuple[int, int]] = deque()
    for members in np.split(candidates, np.flatnonzero(np.diff(starts[candidates])) + 1):
        start = starts[members[0]]
        while waiting and waiting[0][0] <= start - depth:
            capacity += waiting.popleft()[1]
        now = members[:capacity]
        if len(now):
            groups.append(now)
            waiting.append((start, len(now)))
            capacity -= len(now)
        later.append(members[len(now) :])
    return groups, np.concatenate(later)
