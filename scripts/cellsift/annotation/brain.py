"""The annotation of a brain as all steps use it: merged, with what it says of where."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.marks import Given, Marks
from cellsift.annotation.merging import DISPUTED, merge_marks
from cellsift.annotation.quality import (
    agreement_by_plane,
    conflicting,
    quality_of_images,
    quality_of_volume,
)
from cellsift.annotation.reading import read_annotation
from cellsift.io.axes import AXES
from cellsift.io.label_names import UNSURE
from cellsift.io.names import CELL, NO_CELL
from cellsift.settings.brains import AnnotatorsSettings, Brain, annotators_apart_um


@dataclass(frozen=True, eq=False)
class Annotation:
    """What people have marked in a brain.

    - positions: z, y, x (voxels), kind (cell, disputed, unsure, no_cell) and annotators
    - outcomes: of each two annotators, as `agreement.pair_outcomes` gives them
    - complete: whether all cells are annotated, of the whole volume or of each plane
    """

    given: Given
    settings: AnnotatorsSettings
    positions: pd.DataFrame
    outcomes: pd.DataFrame
    complete: bool | np.ndarray
    agreed: dict[int | None, tuple[float, int]] = field(default_factory=dict)

    @property
    def cells(self) -> pd.DataFrame:
        """The cells that are agreed on: z, y, x in voxels."""
        return self._of_kind(CELL)

    @property
    def in_doubt(self) -> pd.DataFrame:
        """Where nobody knows whether there is a cell: not all have marked it, or one is unsure."""
        return self._of_kind(DISPUTED, UNSURE)

    @property
    def artefacts(self) -> pd.DataFrame | None:
        """The artefacts by which candidates are judged; None where silence says as much.

        Where all cells are annotated every other candidate is none, marked or not.
        """
        found = self._of_kind(NO_CELL)
        found = found[~self.complete_at(found[AXES].to_numpy())].reset_index(drop=True)
        return None if self.is_complete_somewhere and not len(found) else found

    @property
    def annotators(self) -> list[str]:
        """The names of those who looked for cells; of a file that names nobody ""."""
        return [mark.annotator for mark in self.given.marks if mark.finds_cells]

    @property
    def marked(self) -> dict[str, int]:
        """How many cells each of them has marked, by name."""
        return {m.annotator: len(m.cells) for m in self.given.marks if m.finds_cells}

    @property
    def agreed_on(self) -> int:
        """How many of the cells that count two or more of them have marked."""
        found = self.positions[self.positions["kind"] == CELL]
        return int((~found["annotators"].isin(self.annotators)).sum())

    @property
    def is_complete_everywhere(self) -> bool:
        """Whether all cells of the volume are annotated."""
        return bool(np.all(self.complete))

    @property
    def is_complete_somewhere(self) -> bool:
        """Whether there is a place where a cell that is called can be told right or wrong."""
        return bool(np.any(self.complete))

    @cached_property
    def agreement(self) -> dict[str, Any] | None:
        """How far its annotators agree (`agreement.agreement`); None where that is not known."""
        if self.outcomes.empty:
            return None
        from cellsift.annotation.agreement import agreement

        return agreement({"": self.outcomes})

    def complete_at(self, points: np.ndarray) -> np.ndarray:
        """Whether all cells around these points (n, 3), z, y, x in voxels, are annotated."""
        if np.ndim(self.complete) == 0:
            return np.full(len(points), bool(self.complete))
        of_plane = np.asarray(self.complete)
        planes = np.rint(np.asarray(points, dtype=float)[:, 0]).astype(int)
        return of_plane[np.clip(planes, 0, len(of_plane) - 1)]

    def quality(self, planes: int) -> pd.DataFrame:
        """The table of its quality, by image or of the whole; `planes` are those of the volume."""
        least = self.settings["least_agreement"]
        if self.given.planes is None:
            agreed = self.agreed.get(None)
            return quality_of_volume(self.positions, self.given.marks, agreed, least, planes)
        untouched = self.given.planes.unannotated
        return quality_of_images(
            self.positions, self.given.states, untouched, self.agreed, least, planes
        )

    def _of_kind(self, *kinds: str) -> pd.DataFrame:
        chosen = self.positions["kind"].isin(kinds)
        return self.positions.loc[chosen, AXES].reset_index(drop=True)


def annotation_of(brain: Brain) -> Annotation:
    """Read and merge the annotation of a brain; nothing of its volume is read but its size.

    Raises InputError for files that cannot be read, ValueError for a brain without annotation.

    Example:
        annotation_of(brain).cells  # z, y, x in voxels
    """
    given, settings = read_annotation(brain), brain.annotators
    distance_um = annotators_apart_um(brain.settings)
    positions = merge_marks(given.marks, brain.voxel_size, distance_um, settings["agreed_by"])
    outcomes = _outcomes(given.marks, brain, distance_um)
    whole = given.planes is None
    agreed = agreement_by_plane(outcomes, brain.voxel_size[0], whole)
    against = conflicting(agreed, settings["least_agreement"])
    finders = [mark for mark in given.marks if mark.finds_cells]
    complete: bool | np.ndarray
    if given.planes is None:
        complete = any(mark.whole for mark in finders) and not against
    else:
        z = np.arange(given.planes.shape[0])
        complete = np.any([mark.complete_at(z) for mark in finders], axis=0)
        complete &= ~np.isin(z, [plane for plane in against if plane is not None])
    return Annotation(given, settings, positions, outcomes, complete, agreed)


def _outcomes(marks: list[Marks], brain: Brain, distance_um: float) -> pd.DataFrame:
    finders = [mark for mark in marks if mark.finds_cells]
    if len(finders) < 2:
        return pd.DataFrame()
    # Of use to several annotators alone, and long to load.
    from cellsift.annotation.agreement import pair_outcomes

    return pair_outcomes(finders, brain.voxel_size, distance_um)
