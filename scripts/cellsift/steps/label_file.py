"""Tell which candidates in a file are cells by an annotation, without a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.errors import InputError
from cellsift.io.annotators import is_label_studio
from cellsift.io.axes import Shape, Size
from cellsift.io.brainmapper import candidates_in
from cellsift.io.cells import read_candidates
from cellsift.io.voxel_size import check_voxel_size
from cellsift.labels.reached import detection_in_words
from cellsift.preflight.annotation import check_annotation
from cellsift.preflight.candidates import candidates_of_file
from cellsift.settings.brains import Brain
from cellsift.settings.checking import completed
from cellsift.settings.config import Matching
from cellsift.steps.label import interval_of_few, judged_candidates

if TYPE_CHECKING:
    import pandas as pd

    from cellsift.io.volumes import Volume


def label_file(
    candidates: str | Path,
    cells: str | Path,
    voxel_size: Sequence[float],
    *,
    non_cells: str | Path | None = None,
    distance_um: float | None = None,
    volume: Volume | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The candidates with columns `label` and `judged`, and a summary, as the rule label has them.

    Its `told` are sentences for the user: how many annotated cells have a candidate, and what may
    be wrong.

    Args:
        candidates: XML, YAML or CSV, or brainmapper's folder.
        cells, non_cells: the annotation, files as in the table of brains.
        voxel_size: z, y, x in µm.
        distance_um: of matching; None: that of a config that does not name one.
        volume: the signal, in which all positions then have to lie.

    Raises:
        InputError: a file cannot be read, or its positions lie outside of the volume.

    Example:
        label_file("points/cells.xml", "annotated.csv", (5, 2, 2))
    """
    file = str(candidates_in(candidates) if Path(candidates).is_dir() else candidates)
    given = {} if distance_um is None else {"distance_um": distance_um}
    matching = completed(Matching, given, "matching")
    if volume is None and is_label_studio(str(cells)):
        raise InputError(f"{cells}: is of Label Studio, which names planes; give --volume, too")
    size = check_voxel_size(voxel_size, "--voxel-size")
    brain = Brain(
        Path(file).stem,
        volume.source if volume else "",
        size,
        cells=str(cells),
        non_cells=None if non_cells is None else str(non_cells),
        settings={"matching": {"distance_um": float(matching.distance_um or 0)}},
        candidates=file,
    )
    shape = volume.shape if volume else None
    proposed, doubts = _proposed(file, size, shape)
    if shape is not None:
        doubts += check_annotation(brain, shape)["warnings"]
    labelled, summary, _ = judged_candidates(brain, proposed, shape)
    found = detection_in_words(summary, interval_of_few(summary))
    summary["told"] = [found, *doubts, *summary["detection_warnings"], *summary["warnings"]]
    return labelled, summary


def _proposed(file: str, size: Size, shape: Shape | None) -> tuple[pd.DataFrame, list[str]]:
    """What a file proposes, and doubts; without a volume none of where its positions lie."""
    if shape is not None:
        return candidates_of_file(file, size, shape)
    found = read_candidates(file)
    return found.points.reset_index(drop=True), list(found.doubts)
