"""What cellsift has to know of Snakemake's command line before Snakemake reads it."""

from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from cellsift.errors import InputError
from cellsift.settings_files import read_yaml

SHIPPED = Path("config", "config.yaml")
# Under this key Snakemake takes values that begin with ? for Python and runs them.
TEMPLATE = "__use_yte__"


def config_files(arguments: Sequence[str]) -> list[Path]:
    """The config files of a run with these arguments of Snakemake: those given, or the shipped one.

    A config file that a profile names is not among them.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[])
    given = parser.parse_known_args(arguments)[0].configfile
    return given or [path for path in [SHIPPED] if path.exists()]


def check_config_file(path: Path) -> None:
    """Raise InputError for a config file that Snakemake itself would stumble over, or would run.

    Snakemake reads the file before the workflow is asked: it ends with a traceback where bytes or
    aliases (*name) make no sense, and runs expressions in a file that says so.
    """
    if TEMPLATE in read_yaml(path):
        raise InputError(
            f"{path}: with {TEMPLATE} what is written there would be run as code; take the key "
            "out and write the values themselves"
        )
