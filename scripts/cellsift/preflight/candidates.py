"""Whether the candidates that a brain was given lie in its volume, and what may be wrong."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellsift.io.axes import AXES, Shape, Size, per_axis
from cellsift.io.brainmapper import size_of_run
from cellsift.io.cells import Positions, read_candidates
from cellsift.io.voxel_size import contradiction
from cellsift.preflight.naming import naming
from cellsift.preflight.positions import at_the_edge, flat, refuse_outside
from cellsift.settings.brains import Brain


def given_candidates(brain: Brain, shape: Sequence[int]) -> tuple[pd.DataFrame, list[str]]:
    """The candidates of a brain that were not detected here, and what may be wrong with them.

    As `candidates_of_file`, with the brain named.

    Example:
        table, doubts = given_candidates(brain, (120, 900, 800))
    """
    path = brain.candidates
    assert path is not None
    checked = brain.settings.get("voxel_size_in_files") != "ignore"
    with naming(brain, "candidates"):
        table, doubts = candidates_of_file(path, brain.voxel_size, shape, checked)
    return table, [f"brain {brain.name}, candidates: {doubt}" for doubt in doubts]


def candidates_of_file(
    path: str, voxel_size: Size, shape: Sequence[int], check_size: bool = True
) -> tuple[pd.DataFrame, list[str]]:
    """The candidates in a file, and what may be wrong with them: sentences for the user.

    The table has z, y, x in voxels of the signal, which has this shape (z, y, x) and voxels of this
    size in µm; it is sorted, with each position once, and what lies up to a voxel outside is moved
    to the volume's edge. Unless `check_size`, a size of voxels that the file's program has noted is
    passed over. Raises InputError for a file that cannot be read, and for positions outside of the
    volume, in which case it says in which other order of axes or unit they would lie inside.

    Example:
        table, doubts = candidates_of_file("points/cells.xml", (5, 2, 2), (120, 900, 800))
    """
    found, shape = read_candidates(path), per_axis(shape)
    refuse_outside(path, found, voxel_size, shape)
    inside = found.points[AXES].clip(lower=0).clip(upper=np.array(shape) - 1, axis=1)
    table = inside.drop_duplicates().sort_values(AXES, ignore_index=True)
    noted = (found.stated_size or size_of_run(path)) if check_size else None
    return table, _doubts(path, found, contradiction(noted, voxel_size), shape)


def candidates_doubts(brain: Brain, shape: Sequence[int]) -> list[str]:
    """What may be wrong with the candidates of a brain; none where they are detected here.

    Raises InputError as `given_candidates` does.
    """
    return [] if brain.candidates is None else given_candidates(brain, shape)[1]


def _doubts(path: str, found: Positions, sizes: str, shape: Shape) -> list[str]:
    doubts = list(found.doubts)
    if sizes:
        doubts.append(
            f"{path}: {sizes}If its candidates were found in an image of other voxels than the "
            "signal, they lie elsewhere: give z, y, x in voxels of the signal."
        )
    if not len(found.points):
        doubts.append(
            f"{path}: holds no position, so that no cell can be found in this brain. Leave "
            "candidates empty to have them detected."
        )
    if found.repeated:
        doubts.append(
            f"{path}: {found.repeated} positions are listed more than once, and taken once."
        )
    return doubts + at_the_edge(path, found.points, shape) + _in_one_plane(path, found, shape)


def _in_one_plane(path: str, found: Positions, shape: Shape) -> list[str]:
    # What it says of annotation begins with where the positions lie.
    return [
        f"{said.split('. If')[0]}. If they were found in a projection, their place is not known."
        for said in flat(path, found.points, shape)
    ]
