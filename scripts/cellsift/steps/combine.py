"""An ensemble out of the out-of-fold scores of its members."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.calibration.ensemble import combine_members


def combine(
    members: Mapping[str, Sequence[str | Path]],
    method: str,
    threshold: str | dict,
    model: str | Path,
    scores: str | Path,
    *,
    draft: bool = False,
) -> None:
    """Write the ensemble's model.json to `model`, and its own out-of-fold scores to `scores`.

    Arguments and errors as of `combine_members`.
    """
    combine_members(Path(model).parent, members, scores, method, threshold, draft=draft)
