"""A brain with the detector that a search has chosen, where there was one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellsift.io.json_files import read_json
from cellsift.settings.brains import Brain
from cellsift.settings.choice import DetectionChoice


def brain_of(
    content: Mapping[str, Any], choice: Sequence[str | Path] = (), role: str = "predict"
) -> Brain:
    """The brain that a rule has as plain data (`Brain.to_dict`), with this role.

    `choice` is the chosen.json of `tune_detection`, or nothing where the config names a detector:
    then the brain's settings are whole already.
    """
    brain = Brain.from_dict(dict(content), role)
    for path in choice:
        brain = DetectionChoice.from_dict(read_json(path)).applied_to(brain)
    return brain
