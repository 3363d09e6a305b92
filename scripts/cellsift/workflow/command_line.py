"""What cellsift has to know of Snakemake's command line before Snakemake reads it."""

import io
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from cellsift.errors import InputError
from cellsift.settings.files import read_yaml

SHIPPED = Path("config", "config.yaml")
# Under this key Snakemake takes values that begin with ? for Python and runs them.
TEMPLATE = "__use_yte__"
# Options, by the names that Snakemake's parser gives them, with which nothing is made.
INSPECTING = (
    "dryrun",
    "lint",
    "list_rules",
    "list_target_rules",
    "print_compilation",
    "dag",
    "rulegraph",
    "filegraph",
    "d3dag",
    "summary",
    "detailed_summary",
    "list_changes",
    "list_input_changes",
    "list_params_changes",
    "list_untracked",
    "list_conda_envs",
)


def config_files(arguments: Sequence[str]) -> list[Path]:
    """The config files of a run with these arguments of Snakemake: those given, or the shipped one.

    A config file that a profile names is not among them.
    """
    parser = ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[])
    given = parser.parse_known_args(arguments)[0].configfile
    return given or [path for path in [SHIPPED] if path.exists()]


def only_inspects(arguments: Sequence[str]) -> bool:
    """Whether Snakemake makes nothing with these arguments, as in a dry run.

    False for arguments that it does not understand.
    """
    try:
        options = _options(arguments)
    except SystemExit as end:
        # Of --help and --version.
        return end.code == 0
    report = options.report is not None and not options.report_after_run
    return report or options.executor == "dryrun" or any(getattr(options, o) for o in INSPECTING)


def is_dry_run(arguments: Sequence[str]) -> bool:
    """Whether Snakemake only says what it would do with these arguments."""
    try:
        options = _options(arguments)
    except SystemExit:
        return False
    return bool(options.dryrun or options.executor == "dryrun")


def unknown_to_snakemake(arguments: Sequence[str]) -> list[str]:
    """Those of these arguments that Snakemake does not know.

    Of values that it cannot use it tells itself.
    """
    try:
        return _parsed(arguments)[1]
    except SystemExit:
        return []


def _options(arguments: Sequence[str]) -> Namespace:
    """What Snakemake makes of its arguments; SystemExit as its parser raises it."""
    return _parsed(arguments)[0]


def _parsed(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    from snakemake.cli import get_argument_parser

    # What there is to say of the arguments Snakemake says itself.
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return get_argument_parser().parse_known_args(arguments)


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
