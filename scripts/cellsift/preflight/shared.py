"""Whether the files of a run's brains go together: volumes and annotations that stand for two."""

import hashlib
from collections.abc import Iterable
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Literal

from cellsift.errors import InputError
from cellsift.io.annotators import files_of, is_label_studio
from cellsift.settings.brains import Brain, resolved_path
from cellsift.settings.project import Project

# Of a file so many bytes are looked at, at its beginning, middle and end.
PROBE = 2**16
# Fewer different bytes than this in the middle, such as of a blank chunk, tell nothing.
FEWEST_BYTES = 16
JUDGED = {"train", "test"}
# Fewer positions than this may be the same in two brains by chance.
TELLING = 5
# From this share of the smaller of two lists on they are one.
SAME_SHARE = 0.5

Kind = Literal["cell", "no_cell"]


def check_brains(project: Project) -> None:
    """Raise InputError for an annotation that is a train and a test brain's, or too few cells.

    What cannot be read is left to the brain's own preflight.
    """
    for one, other in combinations(project.brains.values(), 2):
        if {one.role, other.role} == JUDGED and _same_annotation(one, other):
            raise InputError(_two_brains(one, other))
    refuse_few(project)
    refuse_none_to_find(project)


def doubts_beside_others(project: Project, name: str) -> list[str]:
    """What may be wrong with a brain beside the others of its run, but need not be: sentences.

    Looks at names, sizes and a few bytes of the volumes.
    """
    brain = project.brains[name]
    others = [other for other in project.brains.values() if other is not brain]
    judged = [other for other in others if {brain.role, other.role} <= JUDGED]
    doubts = [_two_brains(brain, other) for other in judged if _same_annotation(brain, other)]
    doubts += [
        f"brains {name!r} and {other.name!r}: {brain.signal} and {other.signal} look like copies "
        "of one volume (same sizes, same bytes wherever looked). Of a train and a test brain that "
        "would make the test worthless; give each brain a volume of its own."
        for other in judged
        if _are_copies(brain.signal, other.signal)
    ]
    return doubts + [
        f"brain {name}: its background {brain.background} is the signal of brain {other.name}. If "
        "that is not what was meant, correct the table of brains."
        for other in others
        if brain.background and _resolved(brain.background) == _resolved(other.signal)
    ]


def refuse_few(project: Project) -> None:
    """Raise InputError where the train brains have too few annotated cells for the folds.

    Where no arm is trained there are no folds.
    """
    from cellsift.labels.folds import LEAST_PER_CLASS

    if not project.trained:
        return
    brains = [project.brains[name] for name in project.brains_of("train", annotated=True)]
    folds = project.config.training.folds
    asked: list[tuple[str, Kind]] = [("cells", "cell")]
    # Where all cells are annotated, artefacts are what detection proposes beside them.
    if all(brain.non_cells for brain in brains):
        asked.append(("artefacts (non_cells)", "no_cell"))
    for what, kind in asked:
        count = _count(brains, kind, LEAST_PER_CLASS * folds)
        if count is not None and count < LEAST_PER_CLASS * folds:
            raise InputError(_few(count, what, brains, folds))


def refuse_none_to_find(project: Project) -> None:
    """Raise InputError where the annotated test brains have no cell, not one together.

    One of several may be a control without any.
    """
    brains = [project.brains[name] for name in project.brains_of("test", annotated=True)]
    paths = [brain.cells for brain in brains if brain.cells]
    if paths and _count(brains, "cell", 1) == 0:
        names = ", ".join(brain.name for brain in brains)
        raise InputError(
            f"no test brain ({names}) has an annotated cell: {', '.join(paths)} without a "
            "position. Whether cells are found cannot be measured so, and no arm can be chosen: "
            "give the file with the positions. A brain that was not annotated, or has no cell, is "
            "of role predict, with cells left empty: what is called a cell there is counted, too"
        )


def _few(count: int, what: str, brains: list[Brain], folds: int) -> str:
    from cellsift.labels.folds import LEAST_PER_CLASS

    return (
        f"the train brains ({', '.join(brain.name for brain in brains)}) have {count} annotated "
        f"{what}, but {folds} folds need at least {LEAST_PER_CLASS} in each: annotate more, or set "
        "fewer folds under training in the config"
    )


def _count(brains: Iterable[Brain], kind: Kind, enough: int) -> int | None:
    """How many positions the brains' annotations hold together, `enough` of them at most.

    None where one cannot be read.
    """
    from cellsift.annotation.brain import annotation_of

    count = 0
    try:
        for brain in brains:
            annotation = annotation_of(brain)
            found = annotation.cells if kind == "cell" else annotation.artefacts
            count += 0 if found is None else len(found)
            if count >= enough:
                break
    # Preflight says so with the brain's name.
    except (InputError, OSError):
        return None
    return count


def _two_brains(one: Brain, other: Brain) -> str:
    same = one.cells == other.cells
    files = one.cells if same else f"{one.cells} and {other.cells} (the same positions)"
    return (
        f"brains {one.name!r} ({one.role}) and {other.name!r} ({other.role}) have the same "
        f"annotation, {files}, but different signals; give each brain the cells of its own"
    )


@cache
def _resolved(path: str) -> str:
    return resolved_path(path, Path())


def _same_annotation(one: Brain, other: Brain) -> bool:
    """Whether the files of cells of two brains are one, or hold the same cells and not by chance.

    Whatever the order of their rows and their format, and if some were added or removed.
    """
    if not one.cells or not other.cells:
        return False
    cells, others = _voxels_of(one), _voxels_of(other)
    if cells is None or others is None:
        return False
    # An export of Label Studio may be of several brains, each of which takes its own planes.
    if _resolved(one.cells) == _resolved(other.cells) and not is_label_studio(one.cells):
        return True
    fewest = min(len(cells), len(others))
    return fewest >= TELLING and len(cells & others) >= SAME_SHARE * fewest


# By brain, its files, and their sizes and times.
_VOXELS: dict[tuple, frozenset | None] = {}


def _voxels_of(brain: Brain) -> frozenset | None:
    """The voxels (z, y, x) in which cells of a brain lie; None where they cannot be read.

    Files of another size or time of change are read anew.
    """
    try:
        files = [file for path in (brain.cells, brain.non_cells) if path for file in files_of(path)]
        status = [file.stat() for file in files]
    except (OSError, ValueError, InputError):
        return None
    changed = tuple((found.st_size, found.st_mtime_ns) for found in status)
    key = (brain.name, brain.signal, *map(str, files), changed, str(brain.annotators))
    if key not in _VOXELS:
        _VOXELS[key] = _read_voxels(brain)
    return _VOXELS[key]


def _read_voxels(brain: Brain) -> frozenset | None:
    from cellsift.annotation.brain import annotation_of

    try:
        points = annotation_of(brain).cells
    # Preflight says so with the brain's name.
    except (InputError, OSError):
        return None
    return frozenset(map(tuple, points.round().astype("int64").to_numpy().tolist()))


def _are_copies(one: str, other: str) -> bool:
    found = _probe(one)
    return found is not None and found == _probe(other)


@cache
def _probe(volume: str) -> str | None:
    """A hash of a volume's names, sizes and some bytes; None where that tells nothing.

    Of a folder the middle one of its files counts, and the numbers of entries on the way to it.
    """
    found, path = hashlib.sha256(), Path(volume)
    try:
        while path.is_dir():
            entries = sorted(path.iterdir())
            found.update(f"{len(entries)} ".encode())
            path = entries[len(entries) // 2]
        # At anything else, such as a pipe, a reader may wait for ever.
        if not path.is_file():
            return None
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
