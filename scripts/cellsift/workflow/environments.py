"""The conda environment of a rule, for the Python that runs Snakemake."""

import re
import sys
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file

# Those that the pins in constraints.txt and envs/ are for.
PYTHONS = ("3.11", "3.12", "3.13")


def environment_for(source: Path, folder: Path, python: str = "") -> Path:
    """The file `source` of an environment, or a copy of it in `folder` with this Python, as "3.12".

    A rule's script loads modules of Snakemake's as well, so that its Python has to be that of this
    process. Raises InputError for a Python that there are no pins for.
    """
    python = python or "{}.{}".format(*sys.version_info)
    if python not in PYTHONS:
        raise InputError(
            f"Snakemake runs under Python {python}, and conda's environments are for "
            f"{', '.join(PYTHONS)}: run Snakemake under one of these, or leave out --sdm conda"
        )
    text = source.read_text()
    wanted = re.sub(r"^( *- python=)3\.\d+$", rf"\g<1>{python}", text, flags=re.MULTILINE)
    if wanted == text:
        return source
    copy = folder / f"python-{python}" / source.name
    if not copy.exists() or copy.read_text() != wanted:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(copy) as unfinished:
            unfinished.write_text(wanted)
    return copy
