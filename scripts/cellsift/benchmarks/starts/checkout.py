"""A copy of a checkout to be measured: nobody's results are touched."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cellsift.benchmarks.starts.measuring import Took, timed
from cellsift.errors import InputError
from cellsift.settings.files import LONGEST_QUOTE

# What a checkout must have to be measured.
NEEDED = ("workflow/Snakefile", "scripts/run.py", "scripts/cellsift/__init__.py")


@dataclass(frozen=True)
class Side:
    """One of the two sides of the comparison.

    Attributes:
        name: "other" or "this".
        folder: the copy that is worked in.
        commit: what it is a copy of, for people.
        revision: the same without its date.
    """

    name: str
    folder: Path
    commit: str
    revision: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its commands, which load its own package."""
        return os.environ | {"PYTHONPATH": str(self.folder / "scripts")}

    def python(self, *arguments: str) -> Took:
        """Run Python with these arguments in the copy; InputError, naming the side, if it fails."""
        try:
            return timed([sys.executable, *arguments], self.folder, self.environment)
        except InputError as error:
            raise InputError(f"{self.name} ({self.commit}): {error}") from error

    def answer(self, *arguments: str) -> str:
        """What Python with these arguments prints; InputError, naming the side, if it fails."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise InputError(f"{self.name} ({self.commit}): {done.stderr[-LONGEST_QUOTE:]}")
        return done.stdout


def copied(name: str, source: Path, folder: Path) -> Side:
    """Copy what git knows of a checkout, edits included, into `folder`, its modules compiled.

    Raises InputError for a folder that is no checkout of cellsift.
    """
    if missing := [path for path in NEEDED if not (source / path).is_file()]:
        raise InputError(f"{source} is no checkout of cellsift: it has no {', '.join(missing)}")
    if Path(_git(source, "rev-parse", "--show-toplevel").strip()) != source.resolve():
        raise InputError(f"{source} lies in a repository and is not its root; name the root")
    for tracked in filter(None, _git(source, "ls-files", "-z").split("\0")):
        # One that is deleted and not committed is still known to git.
        if (source / tracked).is_file():
            copy = folder / tracked
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / tracked, copy)
    revision, date = _git(source, "log", "-1", "--format=%h %cs", "--abbrev=7").split()
    # Pages of earlier measurements, which these write anew, have no part in what is measured.
    of_code = ("--", ".", ":(exclude)reports")
    status = _git(source, "status", "--porcelain", "--untracked-files=no", *of_code)
    edits = ", with edits" if status.strip() else ""
    side = Side(name, folder, f"{revision}, {date}{edits}", f"{revision}{edits}")
    side.python("-m", "compileall", "-q", "scripts")
    return side


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        raise InputError(f"{folder}: git does not know it as a checkout ({said})") from error
