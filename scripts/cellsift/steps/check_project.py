"""Whether a config and its brains can be worked on, before anything is run."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.preflight.brain import check_brain
from cellsift.preflight.shared import check_brains, doubts_beside_others
from cellsift.project.models import notes_on_detection
from cellsift.project.reading import read_project
from cellsift.settings.brains import Brain


def check_project(config: str | Path) -> dict:
    """What was found of every brain, and `usable`: whether none is refused; ready for JSON.

    `notes` say what concerns all brains.

    Raises InputError for a config or table that cannot be used at all.

    Example:
        check_project("mine.yaml")["usable"]
    """
    project = read_project(config)
    check_brains(project)
    brains = {}
    for name, brain in project.brains.items():
        found = _checked(brain)
        found["warnings"] = [*found["warnings"], *doubts_beside_others(project, name)]
        brains[name] = found
    usable = not any("refused" in found for found in brains.values())
    return {"usable": usable, "brains": brains, "notes": notes_on_detection(project)}


def _checked(brain: Brain) -> dict:
    try:
        return check_brain(brain, brain.settings["jobs_per_brain"]["detection"])
    except InputError as problem:
        return {"refused": str(problem), "warnings": []}
