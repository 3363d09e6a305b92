"""What became of each called and each annotated cell, matched one to one."""

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.labels.matching import match

HIT, FALSE_ALARM, MISSED = "hit", "false_alarm", "missed"
# Of a cell that is called where the annotation cannot tell, or is annotated there.
NOT_JUDGED = "not_judged"


def end_to_end_outcomes(
    cells: pd.DataFrame,
    annotation: pd.DataFrame,
    voxel_size: tuple[float, float, float],
    distance_um: float,
    judged: np.ndarray | None = None,
    counted: np.ndarray | None = None,
) -> pd.DataFrame:
    """What became of each called and each annotated cell: columns outcome, z, y, x in µm.

    `outcome` is hit (one row for the pair, at the annotated cell), false_alarm or missed. `judged`
    says of each row of `cells` whether the annotation tells if a cell is there; what is called
    elsewhere and matches nothing is not_judged. So are hits and missed cells that are not among
    those `counted`, a truth value for each row of `annotation`: where false alarms cannot be told,
    hits would make precision too high.
    """
    chosen = _called(cells)
    called = _positions(cells[chosen])
    annotated = _positions(annotation)
    pairs = np.asarray(match(called, annotated, voxel_size, distance_um), int).reshape(-1, 2)
    told = np.ones(len(called), bool) if judged is None else np.asarray(judged, bool)[chosen]
    alone = np.ones(len(called), bool)
    alone[pairs[:, 0]] = False
    counts = np.ones(len(annotated), bool) if counted is None else np.asarray(counted, bool)
    found = np.zeros(len(annotated), bool)
    found[pairs[:, 1]] = True
    hits = pairs[:, 1]
    points = {
        HIT: annotated[hits[counts[hits]]],
        FALSE_ALARM: called[alone & told],
        MISSED: annotated[~found & counts],
        NOT_JUDGED: np.concatenate([called[alone & ~told], annotated[~counts]]),
    }
    tables = [
        pd.DataFrame(of_outcome * np.asarray(voxel_size), columns=AXES).assign(outcome=outcome)
        for outcome, of_outcome in points.items()
    ]
    filled = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(filled, ignore_index=True)[["outcome", *AXES]]


def _called(cells: pd.DataFrame) -> np.ndarray:
    if "is_cell" not in cells:
        raise InputError("the table of classified candidates has no column is_cell")
    if not pd.api.types.is_bool_dtype(cells["is_cell"]) and len(cells):
        found = cells["is_cell"].iloc[0]
        raise InputError(f"is_cell must be True or False for every candidate, found {found!r}")
    return cells["is_cell"].to_numpy(bool)


def _positions(points: pd.DataFrame) -> np.ndarray:
    missing = [axis for axis in AXES if axis not in points]
    if missing:
        raise InputError(f"a table of positions lacks the columns {', '.join(missing)}")
    return points[AXES].to_numpy(float).reshape(-1, 3)
