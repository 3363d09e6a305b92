"""How Snakemake starts the Python of its jobs, whatever the path of the folder."""

import os
import shlex
import sys
from pathlib import Path

from cellsift.errors import InputError


def name_python_for_shells() -> None:
    """Let Snakemake start jobs also where the path of its Python is not one word of a shell.

    Snakemake puts `sys.executable` into command lines as it is, unquoted. Where it has a space, or
    another sign that shells read, it becomes the bare name, found by PATH, which jobs inherit. A
    name needs no quotes, so that a Snakemake that sets them does no harm.
    """
    python = Path(sys.executable)
    if shlex.quote(sys.executable) != sys.executable:
        os.environ["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", "")])
        sys.executable = python.name


def refuse_folder_for_cluster(folder: Path) -> None:
    """Raise InputError for a folder whose path the commands of a cluster's jobs would not keep.

    SLURM's plugin sets them in double quotes, in which a shell still reads these signs.
    """
    if signs := " ".join(sign for sign in "$`\\" if sign in str(folder)):
        raise InputError(
            f"{folder}: jobs of a cluster cannot be started in a folder with {signs} in its path; "
            "rename the folder, or start the run in a copy of the repository elsewhere"
        )
