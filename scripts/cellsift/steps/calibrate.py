"""One model out of an arm's folds, with temperature and threshold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellsift.calibration.arm import join_folds
from cellsift.io.json_files import read_json
from cellsift.settings.learnt_detection import LearntDetection


def calibrate(
    sidecars: Sequence[str | Path],
    scores: Sequence[str | Path],
    threshold: str | dict,
    detections: Mapping[str, Mapping[str, Any]],
    contrast: str | Path | None,
    choice: Sequence[str | Path],
    out: str | Path,
    *,
    draft: bool = False,
) -> None:
    """Write model.json to `out`, beside the folds' `sidecars`; `scores` are out of fold.

    Args:
        detections: the settings of detection of each train brain, by its name; empty where not all
            of their candidates were detected: then the model records no detection.
        contrast: what `choose_contrast` wrote, if they were.
        choice: chosen.json of `tune_detection`, or nothing where the config names a detector.

    The other arguments, and errors, are those of `join_folds`.
    """
    for path in choice:
        detections = dict.fromkeys(detections, read_json(path)["detection"])
    learnt = None
    if contrast is not None:
        learnt = LearntDetection.of_brains(detections, read_json(contrast)["threshold"])
    join_folds(Path(out).parent, sidecars, scores, threshold, learnt, draft=draft)
