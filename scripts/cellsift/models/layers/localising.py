"""Which of a network's maps says where in a cuboid something lies."""

from collections.abc import Sequence

# Along z, and along y and x. Each place of a coarser map has seen most of the cuboid.
LEAST_PLANES, LEAST_STEPS = 3, 6


def deepest_that_localises(sizes: Sequence[Sequence[int]]) -> int:
    """Return the index of the deepest map with six steps along y and x, and three along z.

    Without any, that of the finest. `sizes` (z, y, x), or (y, x) of a network of images, are those
    of a network's maps, which grow coarser with depth. test_every_architecture.py shows that
    saliency on the map so chosen points at a planted cell.
    """
    fine = [
        index
        for index, (*planes, y, x) in enumerate(sizes)
        if min(y, x) >= LEAST_STEPS and min(planes, default=LEAST_PLANES) >= LEAST_PLANES
    ]
    return fine[-1] if fine else 0
