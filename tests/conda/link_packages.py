"""Fill an environment's site-packages with links to packages that are installed here.

Stands in for pip's download: the pinned packages and all that they require, and nothing else.
"""

import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

RECORDER = '''"""At exit, note which modules came from outside this environment."""
import atexit, os, sys, uuid

def note():
    import pathlib
    other = os.environ["OTHER_SITE_PACKAGES"] + os.sep
    strays = {name.split(".")[0] for name, module in list(sys.modules.items())
              if (getattr(module, "__file__", None) or "").startswith(other)}
    folder = pathlib.Path(os.environ["STRAYS"])
    if any("cellsift" in name for name in sys.modules):
        (folder / f"{uuid.uuid4()}.txt").write_text("\\n".join(sorted(strays)))

if "STRAYS" in os.environ:
    atexit.register(note)
'''


def link_packages(pins: list[str], prefix: Path) -> None:
    """Link the pinned packages and their requirements; ValueError for a version not here."""
    (site,) = Path(prefix, "lib").glob("python*/site-packages")
    for found in _closure(pins).values():
        place = Path(str(found.locate_file("")))
        for name in {Path(str(file)).parts[0] for file in found.files or ()} - {
            "..",
            "__pycache__",
        }:
            if not (site / name).exists():
                (site / name).symlink_to(place / name)
    (site / "record_strays.py").write_text(RECORDER)
    (site / "record_strays.pth").write_text("import record_strays\n")


def _closure(pins: list[str]) -> dict[str, Distribution]:
    wanted, closure = [Requirement(pin) for pin in pins], {}
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        extras = [*requirement.extras, ""]
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = distribution(name)
        if found.version not in requirement.specifier:
            raise ValueError(f"{requirement} is wanted, {found.version} is installed")
        if name in closure and not requirement.extras:
            continue
        closure[name] = found
        for line in found.requires or ():
            needed = Requirement(line)
            if not needed.marker or any(needed.marker.evaluate({"extra": e}) for e in extras):
                needed.marker = None
                wanted.append(needed)
    return closure


if __name__ == "__main__":
    link_packages(sys.argv[2:], Path(sys.argv[1]))
