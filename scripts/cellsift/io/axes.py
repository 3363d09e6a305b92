"""The axes z, y and x, and types of what has one number for each of them."""

from collections.abc import Iterable
from typing import TypeVar

# Positions are columns in this order, in voxels of the signal.
AXES = ["z", "y", "x"]

# In voxels.
Shape = tuple[int, int, int]
# In µm, unless said otherwise.
Size = tuple[float, float, float]
# Of cuboids: channels, shape and voxel size.
Layout = tuple[int, Shape, Size]

Number = TypeVar("Number")


def per_axis(numbers: Iterable[Number]) -> tuple[Number, Number, Number]:
    """Return the numbers of z, y and x as a tuple; ValueError where they are not three."""
    z, y, x = numbers
    return z, y, x
