"""The networks of an arm's folds, calibrated and made one model; needs no torch."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellsift.calibration.calibrate import calibrate
from cellsift.calibration.description import write_description
from cellsift.io.tables import read_table
from cellsift.settings.learnt_detection import LearntDetection


def join_folds(
    folder: str | Path,
    sidecars: Sequence[str | Path],
    scores: Sequence[str | Path],
    threshold: str | dict = "f1",
    detection: LearntDetection | None = None,
    *,
    draft: bool = False,
) -> Path:
    """Write model.json, by which the fold networks in `folder` are used as one; return its path.

    `sidecars` are the folds' JSON files and `scores` their out-of-fold scores, from which the
    temperature and the threshold are fitted (`threshold`: "f1" or {"recall": share}); `detection`
    is what gave the candidates that were learnt from, for the model's record. model.json says of
    the model of a `draft` that it is one.
    """
    calibration = calibrate(pd.concat([read_table(file) for file in scores]), threshold)
    return write_description(folder, sidecars, calibration, detection, draft=draft)
