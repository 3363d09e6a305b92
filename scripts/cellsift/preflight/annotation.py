"""Whether a brain's annotation fits its volume, and what may be wrong with it."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.io.axes import Shape, per_axis
from cellsift.io.cells import Kind, Positions, read_positions
from cellsift.io.voxel_size import contradiction
from cellsift.preflight.naming import naming
from cellsift.preflight.positions import at_the_edge, flat, refuse_outside
from cellsift.preflight.repeated import refuse_same, repeated
from cellsift.settings.brains import Brain

KINDS: dict[str, Kind] = {"cells": "cell", "non_cells": "no_cell"}
# Files that a run writes for every brain, beside the results of its arms.
OWN_FILES = ("checked.json", "volumes.json")


def check_annotation(brain: Brain, shape: Sequence[int]) -> dict:
    """What `check_brain` finds in the annotation of a volume of this shape (z, y, x).

    `warnings` are sentences for the user. Raises InputError.
    """
    shape = per_axis(shape)
    found = {column: _positions(brain, column, shape) for column in KINDS}
    warnings = [
        f"brain {brain.name}, {column}: {doubt}"
        for column, positions in found.items()
        if positions is not None
        for doubt in _doubts(brain, column, positions, shape)
    ]
    cells, non_cells = found["cells"], found["non_cells"]
    if cells is not None and non_cells is not None:
        with naming(brain, "non_cells"):
            paths = str(brain.cells), str(brain.non_cells)
            same = refuse_same(paths, cells.points, non_cells.points, brain.voxel_size)
        warnings += [f"brain {brain.name}, non_cells: {doubt}" for doubt in same]
    return {
        "annotated_cells": None if cells is None else len(cells.points),
        "annotated_non_cells": None if non_cells is None else len(non_cells.points),
        "warnings": warnings,
    }


def _positions(brain: Brain, column: str, shape: Shape) -> Positions | None:
    """The positions that an annotation holds; None if there is none."""
    path = getattr(brain, column)
    if path is None:
        return None
    with naming(brain, column):
        positions = read_positions(path, KINDS[column])
        refuse_outside(path, positions, brain.voxel_size, shape)
    return positions


def _doubts(brain: Brain, column: str, positions: Positions, shape: Shape) -> list[str]:
    path = getattr(brain, column)
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
