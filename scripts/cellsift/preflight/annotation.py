"""Whether a brain's annotation fits its volume, and what may be wrong with it."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.annotation.brain import Annotation, annotation_of
from cellsift.errors import InputError
from cellsift.io.annotators import beside, files_of, is_label_studio, is_pattern
from cellsift.io.axes import Shape, per_axis
from cellsift.io.cells import Kind, Positions, read_positions
from cellsift.io.voxel_size import contradiction
from cellsift.preflight.naming import naming
from cellsift.preflight.positions import at_the_edge, flat, refuse_outside
from cellsift.preflight.repeated import in_next_planes, refuse_same, repeated
from cellsift.settings.brains import Brain

KINDS: dict[str, Kind] = {"cells": "cell", "non_cells": "no_cell"}
# Files that a run writes for every brain, beside the results of its arms.
OWN_FILES = ("checked.json", "volumes.json")


def check_annotation(brain: Brain, shape: Sequence[int]) -> dict:
    """What `check_brain` finds in the annotation of a volume of this shape (z, y, x).

    `warnings` are sentences for the user; of several annotators the cells that they agree on are
    counted, and `annotators` and `in_doubt` say who they are and how many positions are left out.
    Raises InputError.
    """
    shape = per_axis(shape)
    warnings = [
        f"brain {brain.name}, {column}: {doubt}"
        for column in KINDS
        for path, positions in _positions(brain, column, shape)
        for doubt in _doubts(brain, column, path, positions, shape)
    ]
    if brain.cells is None:
        return {"annotated_cells": None, "annotated_non_cells": None, "warnings": warnings}
    with naming(brain, "cells"):
        annotation = annotation_of(brain)
    cells, artefacts = annotation.cells, annotation.artefacts
    if is_label_studio(brain.cells):
        doubts = _of_label_studio(brain, brain.cells, annotation)
        warnings += [f"brain {brain.name}, cells: {doubt}" for doubt in doubts]
    elif artefacts is not None and brain.non_cells is not None:
        with naming(brain, "non_cells"):
            paths = brain.cells, brain.non_cells
            same = refuse_same(paths, cells, artefacts, brain.voxel_size)
        warnings += [f"brain {brain.name}, non_cells: {doubt}" for doubt in same]
    found = {
        "annotated_cells": len(cells),
        "annotated_non_cells": None if artefacts is None else len(artefacts),
        "warnings": warnings,
    }
    if len(annotation.annotators) < 2:
        return found
    return found | {
        "annotators": annotation.annotators,
        "in_doubt": len(annotation.in_doubt),
    }


def _positions(brain: Brain, column: str, shape: Shape) -> list[tuple[str, Positions]]:
    """The positions of each file of a column; none where it is empty, or of Label Studio.

    What Label Studio gives in percent of a plane lies in the volume, or is refused as it is read.
    """
    path = getattr(brain, column)
    if path is None or is_label_studio(path):
        return []
    with naming(brain, column):
        files = [str(file) for file in files_of(path)]
        if not is_pattern(path) and not Path(path).exists() and (more := beside(path)):
            raise InputError(f"{path}: there is no such file of cells.{more}")
        found = [(file, read_positions(file, KINDS[column])) for file in files]
        for file, positions in found:
            refuse_outside(file, positions, brain.voxel_size, shape)
    return found


def _of_label_studio(brain: Brain, path: str, annotation: Annotation) -> list[str]:
    doubts = list(annotation.given.doubts)
    if not len(annotation.cells):
        doubts.append(_emptiness(path, "cells", brain.role))
    for mark in annotation.given.marks:
        doubts += repeated(path, mark.cells, 0, brain.voxel_size)
        doubts += in_next_planes(path, mark.cells, brain.voxel_size)
    return list(dict.fromkeys(doubts))


def _doubts(brain: Brain, column: str, path: str, positions: Positions, shape: Shape) -> list[str]:
    doubts = list(positions.doubts)
    sizes = contradiction(positions.stated_size, brain.voxel_size)
    if sizes and brain.settings.get("voxel_size_in_files") != "ignore":
        doubts.append(
            f"{path}: {sizes}If its cells were marked in an image of other voxels than the signal, "
            "they lie elsewhere: give z, y, x in voxels of the signal."
        )
    if not len(positions.points):
        doubts.append(_emptiness(path, column, brain.role))
    if _is_own_result(path):
        doubts.append(
            f"{path}: lies among results of cellsift. An annotation has to come from people: make "
            "sure that one has corrected it, and keep it elsewhere, as results are written anew."
        )
    doubts += repeated(path, positions.points, positions.repeated, brain.voxel_size)
    doubts += at_the_edge(path, positions.points, shape)
    return doubts + (flat(path, positions.points, shape) if column == "cells" else [])


def _emptiness(path: str, column: str, role: str) -> str:
    if column == "non_cells":
        return (
            f"{path}: holds no position, but with a file of non_cells only what is annotated is "
            "used, so that the brain has no artefact. Leave non_cells empty if all cells of the "
            "brain are annotated, or give the file with its annotated artefacts."
        )
    if role == "predict":
        return f"{path}: holds no position; leave cells empty if the brain was not annotated."
    use = (
        "no cell can be learnt from it, and every candidate is learnt as an artefact"
        if role == "train"
        else "every candidate counts as an artefact, and neither recall nor F1 can be measured on "
        "it"
    )
    return (
        f"{path}: holds no position, so that {use}. That is right for a brain that people have "
        "searched through and found to have no cell, a control say. If the file was begun and not "
        "filled, or saved empty, give the one with the positions; if the brain was not annotated, "
        "leave cells empty or set its role to predict."
    )


def _is_own_result(path: str) -> bool:
    folders = list(Path(path).resolve().parents)[:2]
    return any((folder / name).is_file() for folder in folders for name in OWN_FILES)
