"""Which candidate an answer is about, and whether its draw is still what was noted."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.annotation.drawn import Round, fingerprint
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.results import AnnotationFolder

# Voxels, along any axis, that an answer may lie beside its candidate.
NEAR = 0.5 + 1e-6


def matched(answers: pd.DataFrame, positions: np.ndarray, rounds: list[Round]) -> np.ndarray:
    """The candidate of each answer, (answers,) rows of `positions` (n, 3), z, y, x in voxels.

    An answer lies within half a voxel of it; one from an XML has its place in whole voxels, and is
    about a candidate that was suggested. Raises InputError, naming file and row, for all others.
    """
    handed_out = _handed_out(positions, rounds)
    found = np.zeros(len(answers), int)
    # XML has whole voxels, and BrainGlobe writes 1 for what is below.
    in_voxels = np.maximum(np.rint(positions), 1)
    for rounded, of_kind in answers.groupby("rounded"):
        known = in_voxels if rounded else positions
        at = of_kind[AXES].to_numpy(float)
        at = np.maximum(at, 1) if rounded else at
        near = KDTree(known).query_ball_point(at, NEAR, p=np.inf) if len(known) else [[]] * len(at)
        for (index, answer), place, rows in zip(of_kind.iterrows(), at, near, strict=True):
            found[int(str(index))] = _nearest(answer, place, np.array(rows, int), known, handed_out)
    return found


def _handed_out(positions: np.ndarray, rounds: list[Round]) -> np.ndarray:
    """Which candidates were suggested in any round, (n,) bool."""
    found = np.zeros(len(positions), bool)
    for drawn in rounds:
        if len(drawn.suggested) and len(positions):
            places = drawn.suggested[AXES].to_numpy(float)
            distance, row = KDTree(positions).query(places, p=np.inf)
            found[row[distance <= NEAR]] = True
    return found


def _nearest(
    answer: pd.Series,
    place: np.ndarray,
    rows: np.ndarray,
    known: np.ndarray,
    handed_out: np.ndarray,
) -> int:
    position = ", ".join(f"{value:g}" for value in answer[AXES])
    where = f"{answer['source']}: row {answer['row']}, at z, y, x {position}"
    if not len(rows):
        raise InputError(
            f"{where}, is no candidate of this brain. Here candidates are labelled: take the row "
            "out if it is a cell that detection missed (mark such cells in blocks), and restore "
            "the detection if it was changed since the suggestions were made."
        )
    distance = np.abs(known[rows] - place).max(axis=1).round(6)
    order = np.lexsort((rows, ~handed_out[rows], distance))
    first, second = rows[order[0]], rows[order[min(1, len(rows) - 1)]]
    if answer["rounded"] and not handed_out[first]:
        raise InputError(
            f"{where}, is a candidate that was not suggested, and an XML does not tell which of "
            "its points somebody has looked at. Save the suggestions alone, not the cells of an "
            "arm; label others in a CSV with columns z, y, x and label. If they were suggested, "
            "restore the files named drawn in this folder."
        )
    same = len(rows) > 1 and distance[order[0]] == distance[order[1]]
    if same and handed_out[first] == handed_out[second]:
        raise InputError(
            f"{where}, fits two candidates in the same voxel; label them in candidates.csv."
        )
    return int(first)


def refuse_old_rounds(
    answers: pd.DataFrame, rounds: list[Round], positions: np.ndarray, folder: Path
) -> None:
    """Refuse answers on what was drawn from other candidates than there are now."""
    old = [drawn for drawn in rounds if drawn.of != fingerprint(positions)]
    answered = KDTree(positions[answers["candidate"]]) if len(answers) else None
    for drawn in old:
        if answered is None or not len(drawn.suggested):
            continue
        distance, _ = answered.query(drawn.suggested[AXES].to_numpy(float), p=np.inf)
        if (distance <= NEAR).any():
            path = AnnotationFolder(folder).drawn(drawn.number)
            raise InputError(
                f"{path}: round {drawn.number} was drawn from {drawn.of.partition('-')[0]} "
                f"candidates, now there are {len(positions)}, or others: its probabilities hold no "
                "more. Restore the detection as it was, or move the answers of this round and this "
                "file elsewhere and run `suggest` again."
            )


def refuse_other_draws(answers: pd.DataFrame, rounds: list[Round], folder: Path) -> None:
    """Refuse answers that tell of another draw than is known."""
    known = {drawn.number: drawn.suggested.set_index("candidate") for drawn in rounds}
    for answer in answers[answers["round"].notna()].itertuples():
        number = int(answer.round)
        where = f"{answer.source}: row {answer.row}"
        if number not in known:
            path = AnnotationFolder(folder).drawn(number)
            raise InputError(
                f"{where}: is of round {number}, but {path}, which says how it was drawn, is "
                "not there. Restore it, with its neighbour for blocks: without it labels have no "
                "weight."
            )
        given = known[number]["probability"].get(answer.candidate, -1.0)
        if not np.isclose(given, answer.probability, rtol=1e-3, equal_nan=True):
            raise InputError(
                f"{where}: says that it was drawn in round {number} with probability "
                f"{answer.probability:g}, and cellsift noted {given:g}. Restore both columns as "
                "they were handed out; to label other candidates, leave both empty."
            )
