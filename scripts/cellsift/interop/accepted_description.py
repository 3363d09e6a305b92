"""How a finished model is used as an arm, written beside its networks; needs no torch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cellsift.calibration.description import description_of, read_description
from cellsift.io.json_files import write_json
from cellsift.io.names import MODEL_FILE

# cellfinder's own decision: the more likely of its two answers.
CELLFINDER_THRESHOLD = 0.5


def write_model(
    source: str | Path,
    learnt_from: Sequence[str],
    folds: Sequence[str | Path],
    out: str | Path,
    threshold: float | None = None,
) -> Path:
    """Write model.json to `out`, by which the networks beside it are used as one; return its path.

    Temperature, threshold and calibration are the model's own; of cellfinder's 1 and 0.5, and
    nothing is known of its calibration. The key `finished` says where the model is from: `model`,
    `learnt_from` (brains) and `calibrated`.

    Args:
        source: the folder of the finished model, or cellfinder's file.
        learnt_from: the brains from whose labels it has learnt, as far as it says.
        folds: the JSON files of its networks, beside `out`.
        threshold: stands in place of the model's own.

    Raises InputError as `read_description` does.
    """
    names, folder = [Path(file).name for file in folds], Path(out).parent
    if Path(source).is_dir():
        content: dict[str, Any] = read_description(source) | {"folds": names}
    else:
        # The criterion is what a correction by labels of a brain aims at.
        as_it_is = {"temperature": 1.0, "threshold": CELLFINDER_THRESHOLD, "criterion": "f1"}
        content = description_of(folder, folds, as_it_is)
    calibration = dict(content.get("calibration") or {})
    calibration.setdefault("criterion", "f1")
    if threshold is not None:
        content["threshold"] = threshold
    # Figures that it was calibrated with are those of other brains, at its own threshold.
    content["calibration"] = calibration | {"threshold": content["threshold"]}
    content["finished"] = {
        "model": str(source),
        "learnt_from": list(learnt_from),
        "calibrated": "n" in calibration,
    }
    write_json(content, Path(folder) / MODEL_FILE)
    return Path(folder) / MODEL_FILE
