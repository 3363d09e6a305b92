"""The order of a folder's planes, read off their file names, and whether the series is whole."""

import re
import shlex
from collections import Counter
from fractions import Fraction
from os.path import splitext
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.paths import expanded, hint
from cellsift.io.section_names import Place, first_missing, places_of, varying_numbers
from cellsift.io.text_files import read_text

SUFFIXES = (".tif", ".tiff")
# MetaMorph's stacks, and BigTIFF by the names that Bio-Formats gives it.
STACK_SUFFIXES = (*SUFFIXES, ".stk", ".btf", ".tf2", ".tf8")
# A position in a name may be rounded, as in z3.33, z6.67; where a plane is missing, the step is
# twice the smallest.
LONGEST_STEP = Fraction(11, 10)


def planes_of_folder(folder: Path) -> list[Path]:
    """Return the folder's TIFF planes in natural order (plane_2 before plane_10).

    Hidden files and files other than TIFF are passed over. No file is opened. Raises InputError
    for a folder without planes, for files of more than one series, and for a gap in the numbering.
    """
    names = [
        entry.name
        for entry in folder.iterdir()
        if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".")
    ]
    if not names:
        raise InputError(
            f"{folder}: the folder holds no TIFF plane (.tif or .tiff). "
            "Give the folder that holds the planes themselves, one file per plane."
        )
    names.sort(key=natural_key)
    _refuse_two_series(folder, names)
    _refuse_gap(folder, names)
    return [folder / name for name in names]


def planes_of_list(listing: Path) -> list[Path]:
    """Return the planes that a text file lists, one path a line, in the order of the lines.

    Paths that are not absolute are relative to the text file's folder, a leading ~ is the home
    folder; empty lines are skipped. Raises InputError for an empty list, a plane that is listed
    twice, and a missing plane.
    """
    try:
        lines = [line.strip() for line in read_text(listing).split("\n") if line.strip()]
    except InputError as error:
        raise InputError(
            f"{listing}: this is not a text file that can be read. List the paths of the planes in "
            "it, one a line, or give the volume itself (.tif, .tiff or .zarr). What was found: "
            f"{error}."
        ) from None
    planes = [listing.parent / expanded(line) for line in lines]
    if not planes:
        raise InputError(f"{listing}: the list is empty. Write one plane's path on each line.")
    plane, times = Counter(planes).most_common(1)[0]
    if times > 1:
        raise InputError(f"{listing}: {plane} is listed {times} times. List each plane once.")
    for number, (line, plane) in enumerate(zip(lines, planes, strict=True), start=1):
        if not _is_file(plane):
            raise InputError(
                f"{listing}: plane {number} of the list does not exist: {plane}. Correct the path "
                f"(paths are relative to the list's folder) or put the file there.{hint(line)}"
            )
    return planes


def out_of_order(planes: list[Path]) -> tuple[Path, Path] | None:
    """Return the first two planes of a list that stray from the order of the names' numbers.

    None where their one number that varies rises or falls all along, and for other names.
    """
    names = [plane.name for plane in planes]
    one_series = len({plane.parent for plane in planes}) == len(set(map(_pattern, names))) == 1
    varying = varying_numbers(names) if one_series else []
    if len(varying) != 1:
        return None
    numbers = [int(re.findall(r"[0-9]+", name)[varying[0]]) for name in names]
    steps = [later - earlier for earlier, later in zip(numbers, numbers[1:], strict=False)]
    rising = sum(step > 0 for step in steps) * 2 >= len(steps)
    for z, step in enumerate(steps):
        if (step > 0) != rising:
            return planes[z], planes[z + 1]
    return None


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Return a sort key by which the numbers in a name are compared as numbers."""
    return [
        (1, int(part)) if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name)
    ]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    # Such as a name that is too long for the disk.
    except OSError:
        return False


def _pattern(name: str) -> str:
    return re.sub(r"[0-9]+", "#", splitext(name)[0])


def _columns(names: list[str]) -> list[tuple[int | Fraction, ...]]:
    """The numbers of the names, place by place: those with a decimal point (z2.5) first."""
    stems = [splitext(name)[0] for name in names]
    decimals = zip(*(re.findall(r"[0-9]+\.[0-9]+", stem) for stem in stems), strict=True)
    digits = zip(*(re.findall(r"[0-9]+", stem) for stem in stems), strict=True)
    return [tuple(map(Fraction, column)) for column in decimals] + [
        tuple(map(int, column)) for column in digits
    ]


def _refuse_two_series(folder: Path, names: list[str]) -> None:
    """Refuse planes of two channels or tiles in one folder, and files that are no planes."""
    patterns = Counter(_pattern(name) for name in names)
    # Names that all differ, such as top.tif and bottom.tif, are no numbered series.
    if len(patterns) > 1 and max(patterns.values()) > 1:
        usual = patterns.most_common(1)[0][0]
        series = next(name for name in names if _pattern(name) == usual)
        stranger = next(name for name in names if _pattern(name) != usual)
        raise InputError(
            f"{folder}: the files are not one series of planes: {series} and {stranger} are named "
            "differently. Leave only one channel's planes in the folder, or list the planes in a "
            "text file."
        )


def _refuse_gap(folder: Path, names: list[str]) -> None:
    """Refuse a numbered series in which a plane is missing; even steps other than 1 are fine."""
    if len(names) < 2 or len({_pattern(name) for name in names}) > 1:
        return
    columns = _columns(names)
    if not columns:
        return
    distinct = [numbers for numbers in columns if len(set(numbers)) == len(names)]
    if not distinct:
        places = places_of(names)
        if places is None or len(set(places)) < len(places):
            raise InputError(_no_order(folder, names))
        _refuse_incomplete_sections(folder, places)
        return
    gaps = [gap for numbers in distinct if (gap := _first_gap(sorted(numbers)))]
    # A name may carry a second number, such as a time, that never runs evenly.
    if len(gaps) == len(distinct):
        before, missing = gaps[0]
        after = names[distinct[0].index(before)]
        raise InputError(
            f"{folder}: number {_text(missing)} is missing from the series of planes, after "
            f"{after}. Put the missing plane there, or list the planes in a text file if the gap "
            "is meant."
        )


def _refuse_incomplete_sections(folder: Path, places: list[Place]) -> None:
    """Refuse a section without a layer that others have, and gaps in either's numbers."""
    put = "Put it there, or list the planes in a text file if the gap is meant."
    missing = first_missing(places)
    if missing is not None:
        raise InputError(
            f"{folder}: layer {missing.layer} of section {missing.section} is missing, which other "
            f"sections have. {put}"
        )
    for kind, numbers in zip(Place._fields, zip(*places, strict=True), strict=True):
        gap = _first_gap(sorted(set(numbers)))
        if gap is not None:
            raise InputError(
                f"{folder}: {kind} {_text(gap[1])} is missing, after {kind} {gap[0]}. {put}"
            )


def _no_order(folder: Path, names: list[str]) -> str:
    """The message for names of several channels or tiles, with the commands that list planes."""
    suffix, varying = splitext(names[0])[1], varying_numbers(names)
    one = f"*{shlex.quote(suffix)}"
    if varying:
        number = list(re.finditer(r"[0-9]+", names[0]))[varying[0]]
        parts = (names[0][: number.start()], names[0][number.end() :])
        one = "*".join(shlex.quote(part) if part else "" for part in parts)
    return (
        f"{folder}: the names' numbers do not give one order, for example {names[0]} and "
        f"{names[1]}: they look like several channels or tiles. List the planes of one of them in "
        f"a text file, such as by: cd {shlex.quote(str(folder))} && ls -v {one} > planes.txt - and "
        f"give {folder / 'planes.txt'} instead of the folder. If all are planes of one volume, in "
        f"the order of their numbers, list them by: ls -v *{suffix} > planes.txt"
    )


def _first_gap(numbers: list) -> tuple[int | Fraction, int | Fraction] | None:
    """Return the number before the first gap and the one expected next, or None."""
    steps = [later - earlier for earlier, later in zip(numbers, numbers[1:], strict=False)]
    smallest = min(steps)
    longest = LONGEST_STEP * smallest
    for number, step in zip(numbers, steps, strict=False):
        if step > longest:
            return number, number + smallest
    return None


def _text(number: int | Fraction) -> str:
    return str(number) if number.denominator == 1 else str(float(number))
