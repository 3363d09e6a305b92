"""Which of a network's maps says where in a cuboid something lies."""

from collections.abc import Sequence

# Along y and x. On coarser maps each place has seen most of the cuboid, and Grad-CAM no longer
# tells a cell from a place beside it (tests/unit/test_every_architecture.py measures that).
LEAST_STEPS = 6


def deepest_that_localises(sizes: Sequence[Sequence[int]]) -> int:
    """Return the index of the deepest map with six steps along y and x; else of the finest one.

    `sizes` (..., y, x) are those of a network's maps, which grow coarser with depth.
    """
    fine = [index for index, size in enumerate(sizes) if min(size[-2:]) >= LEAST_STEPS]
    return fine[-1] if fine else 0
