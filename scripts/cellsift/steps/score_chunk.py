"""The logits of one chunk of a brain's candidates by one arm."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.inference import classify
from cellsift.io.tables import write_array


def score_chunk(
    model: str | Path,
    cuboids: Sequence[str | Path],
    chunk: int,
    chunks: int,
    out: str | Path,
    *,
    device: str = "auto",
    threads: int = 1,
) -> None:
    """Write the logits of chunk number `chunk`, from 1, of `chunks` to `out`, an .npy.

    `model` is the arm's model.json, `cuboids` are the stores of the whole brain. Raises InputError
    as `inference.classify.score_chunk` does.
    """
    logits = classify.score_chunk(
        Path(model).parent,
        CuboidStore.open(cuboids),
        chunk,
        chunks,
        device=device,
        threads=threads,
        progress=True,
    )
    write_array(logits, out)
