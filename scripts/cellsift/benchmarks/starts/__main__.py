"""Measure how fast runs start, beside another checkout on the same machine, in turn.

`python -m cellsift.benchmarks.starts OTHER_CHECKOUT [--only plan jobs] [--repeats 3]`

Writes reports/starts.md. Measured are copies of what git knows of both checkouts, in a temporary
folder, with the libraries that are installed here: keep the machine quiet meanwhile.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from cellsift.benchmarks.machine import machine
from cellsift.benchmarks.starts.checkout import Side, copied
from cellsift.benchmarks.starts.measuring import Took
from cellsift.benchmarks.starts.page import describe
from cellsift.benchmarks.starts.parts import PARTS, Options
from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.settings.files import REPOSITORY

Measured = dict[str, dict[str, dict[str, list[Took]]]]


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m cellsift.benchmarks.starts", description=__doc__
    )
    parser.add_argument("other", type=Path, help="root of the other checkout")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--repeats", type=int, default=3, help="how often each is measured")
    parser.add_argument(
        "--configfile", type=Path, help="of the demo's workflow; default: the other's config.yaml"
    )
    parser.add_argument("--brains", type=int, default=100, help="of the large project")
    parser.add_argument("--page", type=Path, default=REPOSITORY / "reports" / "starts.md")
    options = parser.parse_args(arguments)
    try:
        if options.repeats < 1 or options.brains < 3:
            raise InputError("--repeats has to be 1 or more, --brains 3 or more")
        page = compare(options.other, options)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    with atomic_file(options.page) as beside:
        beside.write_text(page)
    print(f"The page is {options.page}")
    return 0


def compare(other: Path, options: argparse.Namespace) -> str:
    """Measure both sides; return the page. Raises InputError for what cannot be measured."""
    with tempfile.TemporaryDirectory(prefix="starts-") as name:
        folder = Path(name)
        sides = [
            copied("other", other, folder / "other"),
            copied("this", REPOSITORY, folder / "this"),
        ]
        config = options.configfile or sides[0].folder / "config" / "config.yaml"
        known = Options(config, options.brains, folder / "phantom")
        found = measure(sides, options.only, options.repeats, known)
    commits = {side.name: side.commit for side in sides}
    return describe(found, commits, machine(), options.repeats)


def measure(
    sides: Sequence[Side], parts: Iterable[str], repeats: int, options: Options
) -> Measured:
    """What each part took on each side, side after side in each round, as `describe` takes it."""
    found: Measured = {}
    for name in parts:
        rows = found.setdefault(name, {})
        for side in sides:
            _tell(f"{name}: {side.name} is prepared")
            PARTS[name].prepare(side, options)
        for number in range(1, repeats + 1):
            for side in sides:
                took = PARTS[name].measure(side, options)
                for row, of_row in took.items():
                    rows.setdefault(row, {}).setdefault(side.name, []).append(of_row)
                cpu, wall = (sum(getattr(t, of) for t in took.values()) for of in ("cpu", "wall"))
                _tell(f"{name}, {number} of {repeats}, {side.name}: {cpu:.1f} CPU s, {wall:.1f} s")
    return found


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
