"""Write the versions that are installed here into constraints.txt.

`python -m cellsift.workflow.pins`

A pin with a marker, as `; python_version < "3.12"`, is changed under that Python only; one without
is for all. What is not installed here keeps its pin.
"""

import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CONSTRAINTS = Path("constraints.txt")
HEAD = "# Versions that cellsift is tested with; `make lock` writes them. The one place of pins.\n"
# What a build of torch for GPUs brings along; torch itself says which.
OF_TORCH = ("cuda-", "nvidia-", "triton")


def renewed(lines: list[str], installed: list[str]) -> list[str]:
    """The pins `lines` with the versions of `installed`, lines as pip freezes them; sorted."""
    versions = {}
    for line in installed:
        name, _, version = line.partition("==")
        if version and not canonicalize_name(name).startswith(OF_TORCH):
            # The same version, built for CPUs alone.
            versions[canonicalize_name(name)] = (name, version.removesuffix("+cpu"))
    pins, known = [], set()
    for line in lines:
        pin = Requirement(line)
        name = canonicalize_name(pin.name)
        known.add(name)
        if name in versions and (not pin.marker or pin.marker.evaluate()):
            line = line.replace(str(pin.specifier), f"=={versions[name][1]}")
        pins.append(line)
    pins += [f"{name}=={version}" for key, (name, version) in versions.items() if key not in known]
    return sorted(pins, key=lambda line: canonicalize_name(Requirement(line).name))


def main() -> None:
    """Renew the file in the working directory."""
    freeze = [sys.executable, "-m", "pip", "freeze", "--exclude-editable", "--exclude=cellsift"]
    installed = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    CONSTRAINTS.write_text(HEAD + "\n".join(renewed(lines, installed.splitlines())) + "\n")


if __name__ == "__main__":
    main()
