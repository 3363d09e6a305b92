"""What annotators have marked, and where they have looked."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from cellsift.io.axes import AXES
from cellsift.io.labelled_planes import LabelledPlane, LabelledPlanes


def no_points() -> pd.DataFrame:
    """An empty table of positions."""
    return pd.DataFrame(np.empty((0, 3)), columns=AXES)


@dataclass(frozen=True, eq=False)
class Marks:
    """One annotator's cells, artefacts and marks of doubt: tables z, y, x in voxels.

    `planes` says of each plane that this one has looked at whether all its cells are marked; None
    is the whole volume, and `whole` says it of that. Who `finds_cells` would have marked a cell
    that is none in their eyes as an artefact; a list of artefacts alone says nothing of cells.
    """

    annotator: str
    cells: pd.DataFrame = field(default_factory=no_points)
    artefacts: pd.DataFrame = field(default_factory=no_points)
    unsure: pd.DataFrame = field(default_factory=no_points)
    planes: Mapping[int, bool] | None = None
    whole: bool = True
    finds_cells: bool = True

    def complete_at(self, z: np.ndarray) -> np.ndarray:
        """Whether this annotator has marked all cells of the planes at `z` (n,), in voxels."""
        planes = np.rint(np.asarray(z, dtype=float)).astype(int)
        if self.planes is None:
            return np.full(len(planes), self.whole)
        complete = [plane for plane, whole in self.planes.items() if whole]
        return np.isin(planes, complete)


@dataclass(frozen=True, eq=False)
class Given:
    """What was read: the `marks` of each annotator, first of those who looked for cells.

    Of Label Studio also the `planes`: of each annotator's images what became of them (complete,
    sparse, empty, missing or skipped), and the volume. `doubts` are sentences for the user.
    """

    marks: list[Marks]
    planes: LabelledPlanes | None = None
    states: list[tuple[LabelledPlane, str]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
