"""What was drawn in each round, kept beside the answers: without it labels have no weight."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.annotation.drawing import CORNERS
from cellsift.annotation.names import KNOWN, RANDOM
from cellsift.errors import InputError
from cellsift.io.axes import AXES, Shape
from cellsift.io.tables import read_table, write_table
from cellsift.results import AnnotationFolder

OF_CANDIDATES = ["suggestion", "candidate", *AXES, "why", "probability", "population"]
OF_BLOCKS = ["block", *CORNERS, "why", "probability", "population"]


@dataclass(frozen=True)
class DrawnIn:
    """The volume that a round was drawn in: its signal as the table names it, its shape z, y, x."""

    signal: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.signal} ({_voxels(self.shape)} voxels)"


@dataclass(frozen=True)
class Round:
    """A draw of a brain: `candidates` (OF_CANDIDATES) and `blocks` (OF_BLOCKS).

    Rows whose `why` is "known" were answered before; their probability is 1, and they have no
    suggestion. `population` is how many were drawn from, those without an answer. `of` is the
    fingerprint of the candidates that were drawn from, `volume` that of the brain, where it was
    noted.
    """

    number: int
    of: str
    candidates: pd.DataFrame
    blocks: pd.DataFrame
    volume: DrawnIn | None = None

    @property
    def suggested(self) -> pd.DataFrame:
        """The candidates that were handed out."""
        suggested = self.candidates[self.candidates["why"] != KNOWN].reset_index(drop=True)
        return suggested.astype({"suggestion": int, "candidate": int})

    @property
    def drawn_blocks(self) -> pd.DataFrame:
        """The blocks that were handed out."""
        drawn = self.blocks[self.blocks["why"] != KNOWN].reset_index(drop=True)
        return drawn.astype({name: int for name in ["block", *CORNERS]})

    @property
    def at_random(self) -> pd.DataFrame:
        """The candidates that were drawn at random."""
        return self.candidates[self.candidates["why"] == RANDOM]


def fingerprint(positions: np.ndarray) -> str:
    """A short text that is the same for the same candidates (n, 3), z, y, x, in the same order."""
    places = np.rint(np.asarray(positions, float) * 1000).astype("<i8")
    return f"{len(places)}-{hashlib.sha256(places.tobytes()).hexdigest()[:12]}"


def write_round(drawn: Round, folder: str | Path) -> None:
    """Write a round into a brain's folder of annotations, each file whole or not at all."""
    files = AnnotationFolder(Path(folder))
    # Last the file by which a round is known to be there.
    for table, path in (
        (drawn.blocks, files.drawn_blocks(drawn.number)),
        (drawn.candidates, files.drawn(drawn.number)),
    ):
        marked = table.assign(round=drawn.number, drawn_from=drawn.of)
        if drawn.volume is not None:
            marked = marked.assign(signal=drawn.volume.signal, shape=_voxels(drawn.volume.shape))
        write_table(marked, path, decimals=None)


def read_rounds(folder: str | Path) -> list[Round]:
    """Read all rounds of a brain, the first one first; none where there is no such folder.

    Raises InputError, naming the file, for one that is not as it was written.
    """
    files = AnnotationFolder(Path(folder))
    return [
        Round(
            number,
            _drawn_from(files, number),
            _read(files.drawn(number), OF_CANDIDATES, number),
            _read(files.drawn_blocks(number), OF_BLOCKS, number),
            _drawn_in(files, number),
        )
        for number in files.rounds()
    ]


def refuse_other_volumes(
    rounds: Sequence[Round], here: DrawnIn, brain: str, folder: str | Path
) -> list[str]:
    """Refuse a folder in which rounds of another volume lie, as brains of two runs may share it.

    Returns what to say of rounds of a volume with another name but of the same size, which may be
    the same, moved. Raises InputError, naming the file, for one of another size.
    """
    said = []
    for drawn in rounds:
        if drawn.volume is None or drawn.volume == here:
            continue
        path = AnnotationFolder(Path(folder)).drawn(drawn.number)
        if drawn.volume.shape != here.shape:
            raise InputError(
                f"{path}: was drawn in {drawn.volume}, and brain {brain} is now {here}. Where two "
                "runs have a brain of this name, give each config a folder of its own (annotation: "
                "{folder: ...}); where the brain has another volume now, move its folder of "
                "annotations elsewhere."
            )
        said.append(
            f"{path}: was drawn in {drawn.volume.signal}, and the signal is now {here.signal}, of "
            "the same size. Its answers count as answers on this volume: right if it was only "
            "moved. If it is another brain, give this config an annotation folder of its own."
        )
    return said


def _voxels(shape: Shape) -> str:
    return "x".join(str(side) for side in shape)


def _drawn_in(files: AnnotationFolder, number: int) -> DrawnIn | None:
    """The volume that is noted in a round's files, if one is."""
    for path in (files.drawn(number), files.drawn_blocks(number)):
        table = _table(path)
        if len(table) and {"signal", "shape"} <= set(table):
            signal, shape = str(table["signal"].iloc[0]), str(table["shape"].iloc[0]).split("x")
            if len(shape) == len(AXES) and all(side.isdecimal() for side in shape):
                z, y, x = map(int, shape)
                return DrawnIn(signal, (z, y, x))
    return None


def _drawn_from(files: AnnotationFolder, number: int) -> str:
    for path in (files.drawn(number), files.drawn_blocks(number)):
        table = _table(path)
        if len(table) and "drawn_from" in table:
            return str(table["drawn_from"].iloc[0])
    return ""


def _table(path: Path) -> pd.DataFrame:
    try:
        return read_table(path, exact=True)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: what was drawn for annotation cannot be read ({error}). Restore the file as "
            "cellsift wrote it: labels of this round have no weight without it."
        ) from None


def _read(path: Path, columns: list[str], number: int) -> pd.DataFrame:
    table = _table(path)
    missing = {*columns, "round", "drawn_from"} - set(table)
    given = pd.to_numeric(table.get("probability", pd.Series(dtype=float)), "coerce")
    sound = not missing and (table["round"] == number).all()
    # Nobody draws by a probability of 0, and one that is not a number was written by others.
    sound = sound and given.dropna().between(0, 1, inclusive="right").all()
    if not sound or (given.isna() & table["probability"].notna()).any():
        raise InputError(
            f"{path}: is not as cellsift wrote it when round {number} was drawn. Restore the file: "
            "labels of this round have no weight without it."
        )
    return table[columns]
