"""How far a network may shrink its map, axis by axis."""

from collections.abc import Sequence

from cellsift.errors import InputError
from cellsift.io.axes import Shape

# Below three steps per axis a saliency map does not say where in the cuboid it points.
LEAST_MAP = 3
# The five halvings of a map, as wished: y and x first, until voxels are about as long as wide.
HALVINGS = ((1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2))


def limited_strides(shape: Sequence[int], wished: tuple[Shape, ...]) -> list[Shape]:
    """Return strides (z, y, x), 1 where a wished one would leave fewer than three steps.

    y and x are treated alike, so that voxels stay as wide as they are high.
    """
    strides: list[Shape] = []
    for wish in wished:
        after = shape_after(shape, wish)
        along_z = wish[0] if after[0] >= LEAST_MAP else 1
        in_plane = wish[1:] if min(after[1:]) >= LEAST_MAP else (1, 1)
        strides.append((along_z, in_plane[0], in_plane[1]))
        shape = shape_after(shape, strides[-1])
    return strides


def shape_after(shape: Sequence[int], stride: Sequence[int]) -> Shape:
    """Return the size (z, y, x) of a map after windows that reach over its edge."""
    z, y, x = (-(-size // step) for size, step in zip(shape, stride, strict=True))
    return z, y, x


def halvings(size: int, count: int, least: int) -> list[int]:
    """Return `count` strides along one axis, 2 as long as at least `least` steps are left, then 1.

    However the halves are rounded, no fewer are left.
    """
    strides: list[int] = []
    for _ in range(count):
        strides.append(2 if size // 2 >= least else 1)
        size //= strides[-1]
    return strides


def check_plane(name: str, shape: Shape) -> None:
    """Raise InputError for a cuboid too small along y or x."""
    if min(shape[1:]) < LEAST_MAP:
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for {name}; "
            f"the least is {[1, LEAST_MAP, LEAST_MAP]}"
        )
