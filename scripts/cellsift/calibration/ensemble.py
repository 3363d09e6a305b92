"""An ensemble arm as a whole: fitted on its members' out-of-fold scores; needs no torch."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import cellsift
from cellsift.calibration.calibrate import calibrate
from cellsift.calibration.combination import combine
from cellsift.calibration.description import of_draft, read_description
from cellsift.calibration.members import member_folder
from cellsift.io.json_files import write_json
from cellsift.io.names import MODEL_FILE
from cellsift.io.tables import read_table, write_table
from cellsift.settings.learnt_detection import KEY as DETECTION

PACKAGES = ("numpy", "scipy", "scikit-learn")


def combine_members(
    folder: str | Path,
    members: Mapping[str, Sequence[str | Path]],
    scores_file: str | Path,
    method: str = "mean",
    threshold: str | dict = "f1",
    *,
    draft: bool = False,
) -> Path:
    """Write model.json, by which trained arms are used as one; return its path.

    Args:
        folder: of the ensemble; the folders of its members, with their model.json, lie beside it.
        members: by the name of its folder, the files of a member's out-of-fold scores.
        scores_file: where the ensemble's own out-of-fold scores are written, from which its
            temperature and threshold are taken; `out_of_fold_scores` looks for them where
            `results.ArmFolder` has the `training.scores` of `folder`.
        method: how they are weighted (`calibration.combination.combine`).
        threshold: how the threshold is chosen, "f1" or {"recall": share}.
        draft: whether model.json is to say that it is the model of a draft.

    Raises InputError as `combine` and `calibrate` do, and for a member that is not trained.
    """
    folder = Path(folder)
    scores = {
        name: pd.concat([read_table(file) for file in files], ignore_index=True)
        for name, files in members.items()
    }
    of_members = {name: read_description(member_folder(folder, name)) for name in members}
    temperatures = {name: content["temperature"] for name, content in of_members.items()}
    combination, joined = combine(scores, temperatures, method, draft=draft)
    calibration = calibrate(joined, threshold)
    write_table(joined, scores_file)
    content = {
        "architecture": "ensemble",
        **combination.to_dict(),
        "temperature": calibration["temperature"],
        "threshold": calibration["threshold"],
        "calibration": calibration,
        "provenance": {
            "arm": folder.name,
            "brains": sorted(set(joined["brain"])),
            "versions": {
                "cellsift": cellsift.__version__,
                "python": platform.python_version(),
                **{package: version(package) for package in PACKAGES},
            },
        },
    }
    detections = [content.get(DETECTION) for content in of_members.values()]
    # Members of one run have all learnt from the same candidates.
    if detections[0] is not None and all(found == detections[0] for found in detections):
        content[DETECTION] = detections[0]
    write_json(content | of_draft(draft), folder / MODEL_FILE)
    return folder / MODEL_FILE
