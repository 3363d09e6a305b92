"""Whether the sizes of a brain's voxels look as if they stood in another order than z, y, x."""

from collections.abc import Sequence

from cellsift.io.axes import AXES

# Nearly all microscopes have square pixels; a tilted stage or a stretched export changes one side
# of a voxel by less than this.
SQUARE = 1.2


def order_doubts(voxel_size: Sequence[float]) -> list[str]:
    """What to say of voxels (z, y, x), µm, that are not square in the plane: a sentence, or none.

    It gives the sizes in the order that makes the plane square, where there is one.

    Example:
        >>> order_doubts((6, 1.62, 1.62))
        []
        >>> "voxel_z 6, voxel_y 1.62, voxel_x 1.62" in order_doubts((1.62, 1.62, 6))[0]
        True
    """
    if _alike(voxel_size[1], voxel_size[2]):
        return []
    return [
        f"voxels of {_named(voxel_size)} µm are not square in the plane, as they are with most "
        f"microscopes. {_advice(voxel_size)} If they are right, nothing has to be done."
    ]


def _advice(voxel_size: Sequence[float]) -> str:
    z, y, x = voxel_size
    # The size that is unlike the two others would be the distance of planes.
    others = [order for order in ((x, y, z), (y, z, x)) if _alike(order[1], order[2])]
    if len(others) != 1:
        return "Look at the table again: its columns are the sizes along z, y and x, in µm."
    return f"If the sizes stand in another order, correct the table: {_named(others[0])}."


def _alike(one: float, other: float) -> bool:
    return max(one, other) <= SQUARE * min(one, other)


def _named(sizes: Sequence[float]) -> str:
    return ", ".join(f"voxel_{axis} {size:g}" for axis, size in zip(AXES, sizes, strict=True))
