"""What a run notes of itself beside its results: code, config and environment."""

import platform
import subprocess
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import cellsift
from cellsift.io.json_files import write_json
from cellsift.results import Results
from cellsift.settings.config import Config
from cellsift.settings.files import REPOSITORY

# Seconds: a checkout may lie on a slow disk, and a run does not wait for what is a note only.
PATIENCE = 10


def record_run(results: Results, config: Config) -> None:
    """Write run.json: the completed config, the commit of the code, and all packages.

    They are those of the latest run that did anything; what trained an arm stands in its model,
    too. Raises OSError for a disk that fails.
    """
    commit, changed = code_state(REPOSITORY)
    content = {
        "cellsift": cellsift.__version__,
        "commit": commit,
        "changed": changed,
        "config": config.to_dict(),
        "environment": environment(),
    }
    write_json(content, results.run)


def code_state(repository: Path) -> tuple[str | None, bool | None]:
    """The commit of a checkout, and whether files differ from it; None where git cannot tell."""
    found = _git(repository, "rev-parse", "--show-toplevel", "HEAD")
    top, _, commit = (found or "").partition("\n")
    # A copy of the code within another repository has no commit of its own.
    if not commit or Path(top).resolve() != repository.resolve():
        return None, None
    changes = _git(repository, "status", "--porcelain", "--untracked-files=no")
    return commit, None if changes is None else bool(changes)


def environment() -> dict[str, Any]:
    """Versions of Python, the system and every package that is installed here, by name."""
    versions = {found.name: found.version for found in distributions() if found.name}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: versions[name] for name in sorted(versions, key=str.lower)},
    }


def _git(repository: Path, *arguments: str) -> str | None:
    """What git says; None where it fails, or is not there."""
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
