"""Fill an environment's site-packages with links to packages that are installed here.

Stands in for pip's download: the pinned packages and all that they require, and nothing else.
"""

import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Snakemake adds the folder it lives in to the path of its jobs. What it needs itself may come from
# there, as it would on a cluster; of the rest an environment must not even find what is optional.
BARRIER = '''"""Keep out packages of the environment that Snakemake lives in, but not its own."""
import os, sys, uuid
from importlib.machinery import PathFinder
from pathlib import Path

OWN = {own!r}

class Barrier(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = super().find_spec(name, path, target)
        other = os.environ["OTHER_SITE_PACKAGES"] + os.sep
        if not found or path is not None or name in OWN:
            return found
        if not (found.origin or "").startswith(other):
            return found
        Path(os.environ["KEPT_OUT"], uuid.uuid4().hex).write_text(name)
        return None

    @classmethod
    def find_distributions(cls, *context):
        other = os.environ["OTHER_SITE_PACKAGES"] + os.sep
        for found in super().find_distributions(*context):
            place = str(found._path)
            if not place.startswith(other) or os.path.basename(place).split("-")[0] in OWN:
                yield found

if "KEPT_OUT" in os.environ:
    sys.meta_path[sys.meta_path.index(PathFinder)] = Barrier
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
        for file in map(str, found.files or ()):
            # What packages put beside Python's library, such as templates of pages.
            if "/share/" in file and (source := (place / file).resolve()).is_file():
                target = prefix / file[file.index("/share/") + 1 :]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)
    own = {name for found in _closure(["snakemake"]).values() for name in _top_level(found)}
    (site / "barrier.py").write_text(BARRIER.format(own=sorted(own)))
    (site / "barrier.pth").write_text("import barrier\n")


def _top_level(found: Distribution) -> set[str]:
    """Names of what a distribution has in site-packages, without suffixes."""
    return {Path(str(file)).parts[0].split(".")[0] for file in found.files or ()}


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
