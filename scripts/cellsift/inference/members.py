"""Classifying a brain by an ensemble, of the logits that its members gave; needs no torch."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.calibration.decision import classified, known_logits
from cellsift.calibration.description import read_description
from cellsift.calibration.members import Combination
from cellsift.errors import InputError
from cellsift.io.names import MODEL_FILE


def classify_by_members(
    folder: str | Path,
    positions: np.ndarray,
    logits: Mapping[str, np.ndarray],
    out_of_fold: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return z, y, x, p_cell and is_cell of a brain that an ensemble's members have scored.

    What `classify_brain` gives for the ensemble's folder, without any network.

    Args:
        folder: of the ensemble, with model.json.
        positions: of the candidates (n, 3), voxels z, y, x.
        logits: (n,) by member.
        out_of_fold: for a brain that was trained on, its rows of the ensemble's own out-of-fold
            scores (candidate, logit), used instead.

    Raises InputError if model.json, logits and scores do not fit together.
    """
    content = read_description(folder)
    if out_of_fold is not None:
        joined = known_logits(out_of_fold, len(positions))
    else:
        combination = Combination.from_dict(content, Path(folder) / MODEL_FILE)
        for name in combination.weights:
            if name not in logits or len(logits[name]) != len(positions):
                found = len(logits[name]) if name in logits else "no"
                raise InputError(
                    f"member {name} has logits of {found} candidates, the brain has "
                    f"{len(positions)}; classify it with {name} anew"
                )
        joined = combination.logits(logits)
    return classified(positions, joined, content["temperature"], content["threshold"])
