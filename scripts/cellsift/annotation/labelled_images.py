"""Annotated images of Label Studio as marks: which are wholly annotated, and what they hold."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from cellsift.annotation.labels import meanings_of
from cellsift.annotation.marks import Given, Marks, no_points
from cellsift.errors import InputError
from cellsift.io.annotators import annotator_of, files_of, is_label_studio
from cellsift.io.axes import AXES
from cellsift.io.label_names import UNSURE
from cellsift.io.label_studio import read_export
from cellsift.io.label_studio_tasks import COMPLETE, EMPTY, MISSING, SPARSE
from cellsift.io.labelled_planes import LabelledPlane, LabelledPlanes, place_in_volume
from cellsift.io.names import CELL, NO_CELL
from cellsift.settings.brains import AnnotatorsSettings, Brain


def read_images(brain: Brain) -> Given:
    """Read the exports of Label Studio that a brain's columns name. Raises InputError.

    Each of an annotator's images is complete, sparse, empty, missing or skipped, which says what
    silence means there.
    """
    assert brain.cells is not None
    paths = [brain.cells, *([brain.non_cells] if brain.non_cells else [])]
    if not all(map(is_label_studio, paths)):
        raise InputError(
            f"{brain.non_cells}: is not of Label Studio, but {brain.cells} is; name that in both "
            "columns, as it holds cells and artefacts alike."
        )
    files = list(dict.fromkeys(file for path in paths for file in files_of(path)))
    planes = _joined([_named(brain, file) for file in files])
    settings = brain.annotators
    submitted = [plane for plane in planes.annotated if not plane.skipped]
    labels = (label for plane in submitted for label in plane.points["label"])
    meanings = meanings_of(labels, settings["labels"], brain.cells)
    partly = brain.non_cells is not None or settings["images"] == "sparse"
    states, doubts = _states(planes.annotated, meanings, partly, settings)
    names = dict.fromkeys(plane.annotator for plane in planes.annotated)
    marks = [_marks(name, states, meanings) for name in names]
    marks = [mark for mark in marks if mark.planes] or [Marks("", planes={})]
    doubts = [f"{brain.cells}: {said}" for said in doubts]
    doubts += [f"{brain.cells}: {said}" for said in _of_artefacts(states, meanings, brain)]
    return Given(marks, planes, states, [*planes.doubts, *doubts])


def _named(brain: Brain, file: Path) -> LabelledPlanes:
    """The planes of one file, whose name may name its annotator."""
    planes = place_in_volume(read_export(file), file, brain.signal)
    name = annotator_of(file)
    if name is None:
        return planes
    given = sorted({plane.annotator for plane in planes.annotated})
    if len(given) > 1:
        raise InputError(
            f"{file}: is named as the file of {name}, but holds annotations of {', '.join(given)}; "
            "leave the name out where an export holds those of several."
        )
    own = [
        LabelledPlane(one.z, one.image, name, one.points, one.says, one.skipped)
        for one in planes.annotated
    ]
    return LabelledPlanes(planes.shape, own, planes.unannotated, planes.doubts)


def _joined(several: list[LabelledPlanes]) -> LabelledPlanes:
    annotated = [plane for planes in several for plane in planes.annotated]
    seen = {plane.z for plane in annotated}
    untouched = {
        z: image for planes in several for z, image in planes.unannotated.items() if z not in seen
    }
    doubts = list(dict.fromkeys(said for planes in several for said in planes.doubts))
    return LabelledPlanes(several[0].shape, annotated, untouched, doubts)


def _states(
    annotated: Iterable[LabelledPlane],
    meanings: Mapping[str, str],
    partly: bool,
    settings: AnnotatorsSettings,
) -> tuple[list[tuple[LabelledPlane, str]], list[str]]:
    """What each annotator's image is, and what to make sure of.

    What the task or the annotator says of the image counts first, then what is known of the brain.
    """
    states, marked_empty, unmarked = [], 0, 0
    for plane in annotated:
        has_cells = any(meanings.get(label) == CELL for label in plane.points["label"])
        state = "skipped" if plane.skipped else plane.says
        if state in (EMPTY, MISSING) and len(plane.points):
            marked_empty += has_cells
            state = COMPLETE if state == EMPTY else SPARSE
        if state is None and not len(plane.points):
            state = MISSING if partly else settings["empty_images"]
            unmarked += state == EMPTY
        if state is None:
            state = SPARSE if partly else COMPLETE
        if state == COMPLETE and not has_cells:
            state = EMPTY
        states.append((plane, state))
    doubts = []
    if marked_empty:
        doubts.append(
            f"{marked_empty} of {len(states)} annotations say that their image is empty or not "
            "annotated, but have cells marked, which count."
        )
    if unmarked:
        doubts.append(
            f"{unmarked} of {len(states)} annotations were submitted without a mark: their images "
            "count as images without cells, where every candidate is no cell. If they were not "
            "looked through, set annotators: {empty_images: missing} in the config."
        )
    return states, doubts


def _marks(
    annotator: str, states: list[tuple[LabelledPlane, str]], meanings: Mapping[str, str]
) -> Marks:
    """What one annotator has marked in the images that this one has looked at."""
    seen = [
        (plane, state)
        for plane, state in states
        if plane.annotator == annotator and state not in ("missing", "skipped")
    ]
    tables = [plane.points for plane, _ in seen if len(plane.points)]
    points = pd.concat(tables, ignore_index=True) if tables else no_points().assign(label=[])
    means = points["label"].map(meanings)
    cells, artefacts, unsure = (
        points.loc[means == kind, AXES].drop_duplicates(ignore_index=True)
        for kind in (CELL, NO_CELL, UNSURE)
    )
    planes = {plane.z: state != SPARSE for plane, state in seen}
    return Marks(annotator, cells, artefacts, unsure, planes)


def _of_artefacts(
    states: list[tuple[LabelledPlane, str]], meanings: Mapping[str, str], brain: Brain
) -> list[str]:
    """What to say of artefacts in images of which all cells count as marked."""
    if brain.non_cells is not None:
        return []
    count = sum(
        meanings[label] == NO_CELL
        for plane, state in states
        if state in (COMPLETE, EMPTY) and plane.says is None
        for label in plane.points["label"]
    )
    if not count:
        return []
    return [
        f"{count} points are labelled as no cell in images that count as fully annotated, where "
        "every other candidate is no cell, too. If only some cells are annotated, name the file in "
        "the column non_cells as well, or set annotators: {images: sparse} in the config."
    ]
