"""Whether the files of a run's brains go together: volumes and annotations that stand for two."""

import hashlib
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

from cellsift.brains_table import Brain, whereabouts
from cellsift.configuration import Project
from cellsift.errors import InputError
from cellsift.io.cells import read_points

# Of a file so many bytes are looked at, at its beginning, middle and end.
PROBE = 2**16
# Fewer different bytes than this in the middle, such as of a blank chunk, tell nothing.
FEWEST_BYTES = 16
JUDGED = ("train", "test")


def check_brains(project: Project) -> dict[str, list[str]]:
    """What is to be told of each brain beside the others: sentences by the brain's name.

    Looks at names and sizes, a few bytes of each volume, and all of the annotations; what cannot be
    read is left to the brain's own preflight. Raises InputError for a test brain that could be
    learnt from, and where too little is annotated for the folds.
    """
    told = {name: [] for name in project.brains}
    judged = [brain for brain in project.brains.values() if brain.role in JUDGED]
    for one, other in combinations(judged, 2):
        _refuse_copies(one, other)
    for one, other in combinations([brain for brain in judged if brain.cells], 2):
        if _same_annotation(one.cells, other.cells):
            said = _two_brains("cells", one, other)
            if one.role != other.role:
                raise InputError(said)
            told[other.name].append(said)
    for one in project.brains.values():
        for other in project.brains.values():
            if one is not other and other.background and _same(one.signal, other.background):
                told[other.name].append(
                    f"brain {other.name}: its background {other.background} is the signal of brain "
                    f"{one.name}. If that is not what was meant, correct the table of brains."
                )
    refuse_few(project)
    return told


def refuse_few(project: Project) -> None:
    """Raise InputError where the train brains have too few annotated cells for the folds."""
    from cellsift.training.folds import LEAST_PER_CLASS

    brains = [project.brains[name] for name in project.brains_of("train", annotated=True)]
    folds = project.config["training"]["folds"]
    needed = LEAST_PER_CLASS * folds
    cells = _count((brain.cells for brain in brains), "cell")
    if cells is not None and cells < needed:
        raise InputError(_few(cells, "cells", brains, folds))
    # Where all cells are annotated, artefacts are what detection proposes beside them.
    if all(brain.non_cells for brain in brains):
        non_cells = _count((brain.non_cells for brain in brains), "no_cell")
        if non_cells is not None and non_cells < needed:
            raise InputError(_few(non_cells, "artefacts (non_cells)", brains, folds))


def _few(count: int, what: str, brains: list[Brain], folds: int) -> str:
    from cellsift.training.folds import LEAST_PER_CLASS

    return (
        f"the train brains ({', '.join(brain.name for brain in brains)}) have {count} annotated "
        f"{what}, but {folds} folds need at least {LEAST_PER_CLASS} in each: annotate more, or set "
        "fewer folds under training in the config"
    )


def _count(paths: Iterable[str], kind: str) -> int | None:
    """How many positions the files hold together; None where one cannot be read."""
    try:
        return sum(len(read_points(path, kind)) for path in paths)
    # Preflight says so with the brain's name.
    except (InputError, OSError):
        return None


def _refuse_copies(one: Brain, other: Brain) -> None:
    if one.role != other.role and not _same(one.signal, other.signal):
        first = _probe(Path(one.signal))
        if first is not None and first == _probe(Path(other.signal)):
            raise InputError(
                f"brains {one.name!r} and {other.name!r}: {one.signal} and {other.signal} look "
                "like copies of one volume (same sizes, same bytes wherever looked), of which the "
                "test brain would be learnt; give each brain a volume of its own, or remove a row"
            )


def _two_brains(column: str, one: Brain, other: Brain) -> str:
    first, second = getattr(one, column), getattr(other, column)
    files = first if first == second else f"{first} and {second} (the same text)"
    return (
        f"brains {one.name!r} ({one.role}) and {other.name!r} ({other.role}) have the same "
        f"annotation, {files}, but different signals; give each brain the {column} of its own"
    )


def _same(one: str, other: str) -> bool:
    return whereabouts(one, Path()) == whereabouts(other, Path())


def _same_annotation(one: str, other: str) -> bool:
    """Whether two files of cells are one, or hold the same, and that is not nothing."""
    try:
        contents = [Path(path).read_bytes() for path in (one, other)]
        if contents[0] != contents[1]:
            return False
        return len(read_points(one)) > 0
    except (InputError, OSError):
        return False


def _probe(path: Path) -> str | None:
    """A hash of a volume's names, sizes and some bytes; None where that tells nothing.

    Of a folder the middle one of its files counts, and the numbers of entries on the way to it.
    """
    found = hashlib.sha256()
    try:
        while path.is_dir():
            entries = sorted(path.iterdir())
            found.update(f"{len(entries)} ".encode())
            path = entries[len(entries) // 2]
        size = path.stat().st_size
        with path.open("rb") as file:
            for start in (size // 2, 0, max(0, size - PROBE)):
                file.seek(start)
                part = file.read(PROBE)
                if start == size // 2 and len(set(part)) < FEWEST_BYTES:
                    return None
                found.update(part)
    except (OSError, IndexError, ValueError):
        return None
    return f"{size} {found.hexdigest()}"
