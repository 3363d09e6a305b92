"""A folder for what libraries keep in the user's home, where that cannot be written to."""

import os
from pathlib import Path

from cellsift.workflow.results_folder import writing_error

# The variables that say where libraries, Snakemake among them, keep settings and caches, and where
# in the home that is.
KEPT_IN_HOME = {
    "XDG_CACHE_HOME": ".cache",
    "MPLCONFIGDIR": ".config/matplotlib",
    "KERAS_HOME": ".keras",
    "BRAINGLOBE_CONFIG_DIR": ".config/brainglobe",
}
# Folders in these that are written to; they may belong to root, who once ran the same there.
WRITTEN = {"XDG_CACHE_HOME": "snakemake/snakemake/source-cache"}


def replace_unwritable_home(instead: Path) -> list[str]:
    """Let libraries keep in the folder `instead` what they cannot write where they keep it else.

    Sets environment variables, which jobs inherit, and gives their names. HOME itself stays, as
    paths may begin with ~, unless this user has none at all.
    """
    moved = []
    try:
        home = Path.home()
    except RuntimeError:
        # A user without a name, as in a container; libraries ask for the home when imported.
        home = instead.absolute()
        moved.append("HOME")
    for variable, folder in KEPT_IN_HOME.items():
        kept = Path(os.environ.get(variable) or home / folder)
        if writing_error(kept / WRITTEN.get(variable, "")):
            moved.append(variable)
    for variable in moved:
        os.environ[variable] = str(instead.absolute() / KEPT_IN_HOME.get(variable, ""))
    return moved
