"""Write the demo's made-up brains: `python -m cellsift.phantom FOLDER [--brains NAME ...]`."""

import argparse
import sys

from cellsift.errors import InputError
from cellsift.phantom.cohort import demo_cohort, write_cohort


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m cellsift.phantom", description=__doc__)
    parser.add_argument("folder", help="folder that will hold one folder per brain")
    parser.add_argument(
        "--brains", nargs="+", metavar="NAME", help=f"some of: {', '.join(demo_cohort())}"
    )
    options = parser.parse_args(arguments)
    try:
        written = write_cohort(options.folder, options.brains)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"wrote {', '.join(written)}" if written else f"{options.folder} is complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
