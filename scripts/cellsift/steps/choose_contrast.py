"""Choose the contrast that a candidate must have to be kept."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.errors import InputError
from cellsift.evaluation.detection_threshold import choose_contrast_threshold
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.labels.placement import clearest, doubts_of_placement
from cellsift.settings.brains import Brain
from cellsift.steps.annotation import annotated_cells, annotated_in_part


def choose_contrast(
    brains: Sequence[Brain],
    detected: Sequence[str | Path],
    volumes: Sequence[str | Path],
    keep: Mapping[str, Any] | None,
    out: str | Path,
    tell: Callable[[str], None],
) -> None:
    """Write the threshold to `out`, a JSON; it is None where `keep` is, and all are kept.

    Args:
        brains: annotated train brains, with their settings of matching.
        detected, volumes: of each the candidates, and what `accept_volumes` wrote.
        keep: what of detection is to be kept, as `choose_contrast_threshold` takes it, or the
            contrast itself.
        tell: is called with what makes it likely that an annotation lies elsewhere, where the
            threshold cannot be chosen; otherwise the step `label` says so.

    Raises InputError as `choose_contrast_threshold` does.
    """
    if keep is None or "contrast" in keep:
        write_json({"threshold": None if keep is None else keep["contrast"]}, out)
        return
    candidates = {
        brain.name: read_table(path) for brain, path in zip(brains, detected, strict=True)
    }
    annotated = {brain.name: annotated_cells(brain) for brain in brains}
    distance_um = max(brain.settings["matching"]["distance_um"] for brain in brains)
    try:
        chosen = choose_contrast_threshold(
            candidates,
            annotated,
            {brain.name: brain.voxel_size for brain in brains},
            distance_um,
            **keep,
            partial=[brain.name for brain in brains if annotated_in_part(brain)],
        )
    except InputError:
        for brain, path in zip(brains, volumes, strict=True):
            shape = read_json(path)["signal"]["shape"]
            points = candidates[brain.name], annotated[brain.name]
            for doubt in _doubts(brain, *points, distance_um, shape):
                tell(doubt)
        raise
    write_json(chosen, out)


def _doubts(
    brain: Brain,
    candidates: pd.DataFrame,
    annotated: pd.DataFrame,
    distance_um: float,
    shape: Sequence[int],
) -> list[str]:
    """Which annotation seems to lie elsewhere: what detection misses may not be its fault."""
    points = clearest(candidates, len(annotated)), annotated[AXES].to_numpy()
    doubts = doubts_of_placement(*points, brain.voxel_size, distance_um, shape)
    return [f"brain {brain.name}, cells: {brain.cells}: {doubt}" for doubt in doubts]
