"""Files of several annotators, named NAME..ANNOTATOR.csv, and the pattern that stands for them."""

from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.paths import hint

# Between the name that the files share and that of the annotator.
BETWEEN = ".."
ANY = f"{BETWEEN}*"
LABEL_STUDIO = ".json"


def is_pattern(path: str) -> bool:
    """Whether a path stands for the files of several annotators, as in brain_1..*.csv does."""
    return ANY in Path(path).name


def annotator_of(path: str | Path) -> str | None:
    """The annotator that the name of a file ends in; None where it names none.

    Example:
        >>> annotator_of("marks/brain_1..anna.csv")
        'anna'
    """
    stem = Path(path).stem
    return stem.rpartition(BETWEEN)[2] or None if BETWEEN in stem else None


def files_of(path: str) -> list[Path]:
    """The files that a path of the table of brains names: one, or those of a pattern, sorted.

    Files that begin with a dot are passed over, as programs leave them. No file is opened. Raises
    InputError for a pattern without a file, and one that cannot be read as one.
    """
    if not is_pattern(path):
        return [Path(path)]
    folder, name = Path(path).parent, Path(path).name
    shared, _, suffix = name.partition(ANY)
    if "*" in shared + suffix or not suffix.startswith("."):
        raise InputError(
            f"{path}: is no pattern of files of several annotators; write NAME..*.csv, or .xml or "
            ".json, for files NAME..ANNOTATOR.csv."
        )
    start = f"{shared}{BETWEEN}"
    try:
        found = sorted(entry for entry in folder.iterdir() if _fits(entry.name, start, suffix))
    except OSError:
        found = []
    if not found:
        raise InputError(
            f"{path}: there is no such file as {start}ANNOTATOR{suffix} in {folder}; name the file "
            f"of each annotator so, or correct the path.{hint(folder)}"
        )
    return found


def _fits(name: str, start: str, suffix: str) -> bool:
    between = name[len(start) : len(name) - len(suffix)]
    return name.startswith(start) and name.endswith(suffix) and bool(between.strip("."))


def beside(path: str) -> str:
    """What to say of a file that is not there where those of several annotators are: or nothing."""
    wanted = Path(path)
    start = f"{wanted.stem}{BETWEEN}"
    try:
        names = sorted(
            e.name for e in wanted.parent.iterdir() if _fits(e.name, start, wanted.suffix)
        )
    except OSError:
        return ""
    if not names:
        return ""
    return f" There is {names[0]}: for all annotators' files write {start}*{wanted.suffix}."


def is_label_studio(path: str) -> bool:
    """Whether a path, or those of a pattern, lead to exports of Label Studio, or a folder."""
    return Path(path).suffix.lower() == LABEL_STUDIO or Path(path).is_dir()
