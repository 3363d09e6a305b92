"""Checks of networks that are done once: building them takes seconds at each start of Snakemake."""

import hashlib
import json
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cellsift.models import architecture_module
from cellsift.settings.project import Project
from cellsift.workflow.code import code_of
from cellsift.workflow.run_lock import STATE

CHECKS = "cellsift.project.network_checks"
# What decides whether a network can be built; a package that is not installed has no version.
LIBRARIES = ("torch", "monai")


def check_networks_once(project: Project) -> None:
    """Do `project.network_checks.check_networks`, unless the same was found good before.

    The same is: the same arms, cuboids, channels, code and libraries, and models, to start from or
    to be used as they are, that have not changed. What was found good is noted in the user's cache,
    where all checkouts see it, by a hash alone; where that cannot be written to, the check is done
    every time. Raises InputError as `check_networks` does; a refusal is not noted.
    """
    note = _notes() / _key(project)
    # Unlike Path.exists, it says no of a folder that may not be looked into.
    if os.path.exists(note):
        return
    # It loads torch.
    from cellsift.project.network_checks import check_networks

    check_networks(project)
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()


def _notes() -> Path:
    try:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        # A user without a name, as in a container.
        cache = STATE / "home" / ".cache"
    return Path(cache) / "cellsift" / "good-networks"


def _key(project: Project) -> str:
    arms = [arm for arm in project.arms.values() if not arm.members]
    modules = sorted({architecture_module(arm.architecture) for arm in arms})
    content = {
        "arms": [arm.to_dict() | {"description": ""} for arm in arms],
        "pretrainings": [made.to_dict() for made in project.pretrainings.values()],
        "cuboid": project.config.cuboid.to_dict(),
        "background": [bool(brain.background) for brain in project.brains.values()],
        "annotated": project.brains_of("train", "test", annotated=True),
        "models": [_stamps(arm.recipe.init_from if arm.recipe else arm.model) for arm in arms],
        "code": code_of(CHECKS, *modules),
        "libraries": [_version(name) for name in LIBRARIES],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _stamps(model: str | None) -> list:
    """Size and time of the files of a model, which lie in one folder."""
    if not model:
        return []
    path = Path(model)
    folder = path if path.is_dir() else path.parent
    files = [file for file in sorted(folder.glob("*")) if file.is_file()]
    stats = [(str(file.absolute()), file.stat()) for file in files]
    return [[name, found.st_size, found.st_mtime_ns] for name, found in stats]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
