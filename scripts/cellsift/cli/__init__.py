"""The command line: `cellsift COMMAND ...`. Each command calls what the rules call, too."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and end: exit code 0, 1 where it failed, 2 for what the user has to change.

    Example:
        main(["detect", "brain.tif", "--voxel-size", "5", "2", "2"])
    """
    from cellsift.cli.app import app
    from cellsift.errors import InputError, disk_trouble

    try:
        app(None if arguments is None else list(arguments), prog_name="cellsift")
    except InputError as problem:
        print(problem, file=sys.stderr)
    except OSError as error:
        said = disk_trouble(error)
        if said is None:
            raise
        print(f"{error.filename}: {said}", file=sys.stderr)
    sys.exit(2)
