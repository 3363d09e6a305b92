"""One model out of an arm's folds, with temperature and threshold."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.calibration.arm import join_folds


def calibrate(
    sidecars: Sequence[str | Path],
    scores: Sequence[str | Path],
    threshold: str | dict,
    out: str | Path,
    *,
    draft: bool = False,
) -> None:
    """Write model.json to `out`, beside the folds' `sidecars`; `scores` are out of fold.

    Arguments and errors as of `join_folds`.
    """
    join_folds(Path(out).parent, sidecars, scores, threshold, draft=draft)
