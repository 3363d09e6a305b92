"""A brain's annotation as its annotators gave it: tables, XML and Label Studio, one or several."""

from collections.abc import Mapping

import pandas as pd

from cellsift.annotation.labelled_images import read_images
from cellsift.annotation.marks import Given, Marks, no_points
from cellsift.errors import InputError
from cellsift.io.annotators import annotator_of, beside, files_of, is_label_studio
from cellsift.io.cells import Kind, read_points
from cellsift.io.names import CELL, NO_CELL
from cellsift.settings.brains import Brain


def read_annotation(brain: Brain) -> Given:
    """Read the files of an annotated brain. Raises InputError for what cannot be read.

    Each of its columns cells and non_cells names one file, or several annotators' by a pattern.
    """
    if brain.cells is None:
        raise ValueError(f"brain {brain.name} is not annotated")
    if is_label_studio(brain.cells):
        return read_images(brain)
    cells = _points_by_annotator(brain.cells, CELL)
    artefacts: Mapping[str, pd.DataFrame] = {}
    if brain.non_cells is not None:
        if is_label_studio(brain.non_cells):
            raise InputError(
                f"{brain.non_cells}: is of Label Studio, but {brain.cells} is not; give both in "
                "one form."
            )
        artefacts = _points_by_annotator(brain.non_cells, NO_CELL)
    whole = brain.non_cells is None
    marks = [
        Marks(name, points, artefacts.get(name, no_points()), whole=whole)
        for name, points in cells.items()
    ]
    others = [name for name in artefacts if name not in cells]
    marks += [
        Marks(name, artefacts=artefacts[name], whole=False, finds_cells=False) for name in others
    ]
    return Given(marks)


def _points_by_annotator(path: str, kind: Kind) -> dict[str, pd.DataFrame]:
    """The points of each file of a path, by annotator; of a file that names none by ""."""
    files = files_of(path)
    if len(files) == 1 and not files[0].exists() and (more := beside(path)):
        raise InputError(f"{path}: there is no such file of cells; correct its path.{more}")
    return {annotator_of(file) or "": read_points(file, kind) for file in files}
