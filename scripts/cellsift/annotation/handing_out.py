"""What is handed out next: a set that waits for answers once more, or another round."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.drawing import CORNERS, boxes_of, draw_blocks
from cellsift.annotation.drawn import OF_BLOCKS, OF_CANDIDATES, Round, fingerprint
from cellsift.annotation.names import KNOWN, RANDOM
from cellsift.annotation.suggestion import Scored, suggest
from cellsift.errors import InputError
from cellsift.io.axes import AXES, Shape, Size
from cellsift.results import AnnotationFolder


@dataclass(frozen=True)
class Wish:
    """What the config asks for: numbers of candidates and blocks, sizes in µm."""

    candidates: int
    random: float
    blocks: int
    block_um: float


@dataclass(frozen=True)
class Answered:
    """What people have labelled already: `candidates` and `blocks` of `sample.Sample`."""

    candidates: pd.DataFrame
    blocks: pd.DataFrame


def waiting(rounds: Sequence[Round], summary: Mapping[str, Any], of: str) -> Round | None:
    """The last round, if nobody has answered in it yet and it was drawn from these candidates.

    Whoever works on it must not find it replaced. `summary` is that of `sample.Sample`, `of` the
    fingerprint of the candidates.
    """
    if not rounds or rounds[-1].of != of:
        return None
    states = {state["round"]: state for state in summary["rounds"]}
    state = states.get(rounds[-1].number, {"answered": 0, "blocks_done": 0})
    return None if state["answered"] or state["blocks_done"] else rounds[-1]


def once_more(drawn: Round, folder: str | Path) -> str:
    """What to say of a round that is handed out once more."""
    path = AnnotationFolder(Path(folder)).drawn(drawn.number)
    return (
        f"round {drawn.number} waits for its first answer in {folder}, so that it is handed out "
        f"once more. To draw another in its place, remove {path}."
    )


def draw_round(
    brain: str,
    scored: Scored,
    shape: Shape,
    voxel_size: Size,
    rounds: Sequence[Round],
    answered: Answered,
    wish: Wish,
    seed: int,
    tissue: np.ndarray | None = None,
) -> Round:
    """Draw another round: what is answered already is not drawn again, and noted as known.

    Args:
        brain: its name, which is part of the seed: no two brains have the same draw.
        scored: its candidates.
        shape, voxel_size: of its signal, z, y, x, in voxels and µm.
        rounds: those before.
        answered: what people have labelled.
        wish: how much is asked for.
        seed: of the run.
        tissue: which boxes of `drawing.boxes_of` may hold tissue.

    Raises InputError where blocks of another size are annotated already.
    """
    number = max((drawn.number for drawn in rounds), default=0) + 1
    seeds = [seed, zlib.crc32(brain.encode()), number]
    rows = answered.candidates["candidate"].to_numpy(int)
    known = np.zeros(len(scored), bool)
    known[rows] = True
    suggested = suggest(scored, known, wish.candidates, wish.random, seeds)
    suggested["population"] = int((~known).sum())
    before = answered.candidates[["candidate", *AXES]].assign(why=KNOWN, probability=1.0)
    done = answered.blocks[["block", *CORNERS]]
    boxes = boxes_of(shape, voxel_size, wish.block_um)
    if len(done) and len(done.merge(boxes, on=CORNERS)) < len(done):
        raise InputError(
            f"annotation: block_um is {wish.block_um:g}, but blocks of another size are annotated "
            f"in brain {brain} already. Set it back to what it was, or to draw no blocks set "
            "blocks: 0."
        )
    blocks = draw_blocks(
        shape,
        voxel_size,
        scored.positions,
        scored.mean,
        wish.blocks,
        wish.block_um,
        [*seeds, 1],
        tissue=tissue,
        done=done,
    )
    blocks["block"] += max((int(b) for r in rounds for b in r.blocks["block"]), default=0)
    return Round(
        number,
        fingerprint(scored.positions),
        _below(suggested, before)[OF_CANDIDATES],
        _below(blocks.assign(why=RANDOM), done.assign(why=KNOWN, probability=1.0))[OF_BLOCKS],
    )


def _below(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Both, one below the other; an empty one would change the types of columns."""
    return pd.concat([table, more], ignore_index=True) if len(more) else table
