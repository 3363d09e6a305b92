"""By what name Snakemake starts the Python of its jobs."""

import os
import shlex
import sys
from pathlib import Path


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
