"""Types of what has one number for each of the axes z, y and x."""

from collections.abc import Iterable
from typing import TypeVar

# In voxels.
Shape = tuple[int, int, int]
# In µm, unless said otherwise.
Size = tuple[float, float, float]

Number = TypeVar("Number")


def per_axis(numbers: Iterable[Number]) -> tuple[Number, Number, Number]:
    """Return the numbers of z, y and x as a tuple; ValueError where they are not three."""
    z, y, x = numbers
    return z, y, x
