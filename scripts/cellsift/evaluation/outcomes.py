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
    """What became of each called and each annotated cell: columns outcome, z, y, x in µm, and row.

    `outcome` is hit (one row for the pair, at the annotated cell), false_alarm or missed; `row` is
    the row of `annotation` of a hit or missed cell, that of `cells` of a false alarm. `judged`
    says of each row of `cells` whether the annotation tells if a cell is there; what is called
    elsewhere and matches nothing is not_judged. So are hits and missed cells that are not among
    those `counted`, a truth value for each row of `annotation`: where false alarms cannot be told,
    hits would make precision too high.
    """
    chosen = np.flatnonzero(_called(cells))
    called = _positions(cells.iloc[chosen])
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
        HIT: (annotated, hits[counts[hits]]),
        FALSE_ALARM: (called, np.flatnonzero(alone & told)),
        MISSED: (annotated, np.flatnonzero(~found & counts)),
    }
    tables = [
        _table(outcome, places[row] * voxel_size, chosen[row] if places is called else row)
        for outcome, (places, row) in points.items()
    ]
    elsewhere = np.concatenate([called[alone & ~told], annotated[~counts]])
    tables.append(_table(NOT_JUDGED, elsewhere * voxel_size, np.full(len(elsewhere), -1)))
    filled = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(filled, ignore_index=True)


def _table(outcome: str, positions_um: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(positions_um, columns=AXES).assign(row=rows)
    table.insert(0, "outcome", outcome)
    return table


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
