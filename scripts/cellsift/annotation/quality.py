"""How good an annotation is, image by image, and what of it is left out of training."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.marks import Marks
from cellsift.annotation.merging import DISPUTED
from cellsift.annotation.names import BETWEEN_NAMES
from cellsift.io.label_names import UNSURE
from cellsift.io.labelled_planes import LabelledPlane
from cellsift.io.names import CELL, NO_CELL

# Of fewer marked cells a low F1 of annotators is chance: their own places are left out, no more.
FEWEST_MARKED = 4
WHOLE = "whole volume"
COLUMNS = [
    "image",
    "z_first",
    "z_last",
    "annotators",
    "cells",
    "disputed",
    "unsure",
    "artefacts",
    "f1",
    "status",
    "excluded",
    "why",
]
KINDS = {"cells": CELL, "disputed": DISPUTED, "unsure": UNSURE, "artefacts": NO_CELL}


def agreement_by_plane(
    outcomes: pd.DataFrame, voxel_z: float, whole: bool
) -> dict[int | None, tuple[float, int]]:
    """The mean F1 of annotators in each plane, and the cells they marked there.

    `outcomes` are those of `agreement.pair_outcomes`. Of a `whole` volume, which is not looked at
    plane by plane, they stand under None.
    """
    if outcomes.empty:
        return {}
    # Of use to several annotators alone, and long to load.
    from cellsift.annotation.agreement import mean_f1

    if whole:
        return {None: (mean_f1(outcomes), len(outcomes))}
    planes = np.rint(outcomes["z"].to_numpy(float) / voxel_z).astype(int)
    return {int(z): (mean_f1(part), len(part)) for z, part in outcomes.groupby(planes)}


def conflicting(
    found: Mapping[int | None, tuple[float, int]], least_agreement: float
) -> list[int | None]:
    """The planes in which annotators agree less than that, of four marked cells or more."""
    return [
        z for z, (f1, marked) in found.items() if marked >= FEWEST_MARKED and f1 < least_agreement
    ]


def quality_of_volume(
    positions: pd.DataFrame,
    marks: Sequence[Marks],
    agreed: tuple[float, int] | None,
    least_agreement: float,
    planes: int | None = None,
) -> pd.DataFrame:
    """The table of one row for a volume that was annotated as a whole; columns as in COLUMNS.

    `positions` are those of `merging.merge_marks`, `agreed` the F1 of its annotators and the cells
    they marked, `planes` the number of the volume's planes.
    """
    finders = [mark for mark in marks if mark.finds_cells]
    row = {
        "image": WHOLE,
        "z_first": 0,
        "z_last": None if planes is None else planes - 1,
        "annotators": _names(mark.annotator for mark in finders),
    } | _counts(positions)
    whole = any(mark.whole for mark in finders)
    return _table([row | _verdict(row, whole, agreed, least_agreement)])


def quality_of_images(
    positions: pd.DataFrame,
    states: Sequence[tuple[LabelledPlane, str]],
    unannotated: Mapping[int, str],
    agreed: Mapping[int | None, tuple[float, int]],
    least_agreement: float,
    planes: int,
) -> pd.DataFrame:
    """The table of a row for each image of Label Studio, and one for each run of other planes.

    `states` says of each annotator's image what it is, `unannotated` which planes are tasks that
    nobody has annotated; the rest as in `quality_of_volume`.
    """
    of_plane: dict[int, list[tuple[LabelledPlane, str]]] = {}
    for plane, state in states:
        of_plane.setdefault(plane.z, []).append((plane, state))
    z_of_position = np.rint(positions["z"].to_numpy(float)).astype(int)
    rows = []
    for z, given in of_plane.items():
        looked = [(plane, state) for plane, state in given if state not in ("missing", "skipped")]
        row = {"image": given[0][0].image, "z_first": z, "z_last": z}
        row["annotators"] = _names(plane.annotator for plane, _ in looked)
        row |= _counts(positions[z_of_position == z])
        if looked:
            whole = any(state != "sparse" for _, state in looked)
            rows.append(row | _verdict(row, whole, agreed.get(z), least_agreement))
        else:
            said = sorted(f"{state} by {plane.annotator}" for plane, state in given)
            rows.append(row | _missing("; ".join(said).replace("missing by", "left unmarked by")))
    for z, image in unannotated.items():
        row = {"image": image, "z_first": z, "z_last": z, "annotators": ""}
        rows.append(row | _counts(positions[:0]) | _missing("nobody has submitted an annotation"))
    for first, last in _runs(set(range(planes)) - set(of_plane) - set(unannotated)):
        row = {"image": "", "z_first": first, "z_last": last, "annotators": ""}
        rows.append(row | _counts(positions[:0]) | _missing("no image of the export"))
    return _table(sorted(rows, key=lambda row: row["z_first"]))


def quality_in_words(quality: pd.DataFrame) -> str:
    """How many images are of which status, in a sentence; of a volume what is left out, if any.

    Example:
        >>> quality_in_words(pd.DataFrame({"image": "a.png", "status": ["empty", "sparse"]}))
        'Of 2 images with an annotation or a task 1 is empty, 1 is sparse.'
    """
    whole = quality[(quality["image"] == WHOLE) & (quality["status"] == "conflicting")]
    if len(whole):
        return f"The annotation is in conflict: {whole['why'].iloc[0]}."
    images = quality[~quality["image"].isin(["", WHOLE])]
    if images.empty:
        return ""
    counts = images["status"].value_counts()
    said = ", ".join(f"{n} {'is' if n == 1 else 'are'} {status}" for status, n in counts.items())
    number = f"{len(images)} image{'' if len(images) == 1 else 's'}"
    return f"Of {number} with an annotation or a task {said}."


def _verdict(
    row: Mapping[str, Any],
    whole: bool,
    agreed: tuple[float, int] | None,
    least_agreement: float,
) -> dict[str, Any]:
    """f1, status, excluded and why of what was annotated."""
    f1 = math.nan if agreed is None else agreed[0]
    if agreed is not None and conflicting({None: agreed}, least_agreement):
        why = (
            f"its annotators' F1 is {f1:.2f}, below {least_agreement:g}: only cells that they "
            "agree on are used, no other candidate"
        )
        return {"f1": f1, "status": "conflicting", "excluded": "part", "why": why}
    if not whole:
        why = "only some cells are annotated: candidates beside no mark are left out"
        return {"f1": f1, "status": "sparse", "excluded": "part", "why": why}
    status = "fully annotated" if row["cells"] or row["disputed"] else "empty"
    reasons = []
    if row["disputed"]:
        reasons.append(f"{row['disputed']} marked by some annotators only")
    if row["unsure"]:
        reasons.append(f"{row['unsure']} marked as unsure")
    if reasons:
        why = f"candidates near positions that are in doubt: {', '.join(reasons)}"
        return {"f1": f1, "status": status, "excluded": "part", "why": why}
    why = "" if status != "empty" else "without a cell: every candidate there is no cell"
    return {"f1": f1, "status": status, "excluded": "no", "why": why}


def _missing(why: str) -> dict[str, Any]:
    return {"f1": math.nan, "status": "missing", "excluded": "yes", "why": why}


def _counts(positions: pd.DataFrame) -> dict[str, int]:
    return {name: int((positions["kind"] == kind).sum()) for name, kind in KINDS.items()}


def _names(names: Iterator[str]) -> str:
    return BETWEEN_NAMES.join(dict.fromkeys(filter(None, names)))


def _runs(planes: set[int]) -> list[tuple[int, int]]:
    """First and last of each run of planes one after the other."""
    runs: list[tuple[int, int]] = []
    for z in sorted(planes):
        if runs and runs[-1][1] == z - 1:
            runs[-1] = (runs[-1][0], z)
        else:
            runs.append((z, z))
    return runs


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"z_first": "Int64", "z_last": "Int64"})
