"""Cut the cuboid around every candidate of a chunk into a store."""

from pathlib import Path

from cellsift.cuboids.chunks import rows_of_chunk
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.io.names import AXES
from cellsift.io.tables import read_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel, open_signal


def cuboids(
    brain: Brain,
    candidates: str | Path,
    chunk: int,
    chunks: int,
    out: str | Path,
    memory_bytes: int,
) -> None:
    """Write the cuboids of chunk number `chunk`, from 1, of `chunks` to `out`, a cuboid store.

    At most `memory_bytes` of planes and cuboids are held.
    """
    positions = read_table(candidates)[AXES].to_numpy()
    store = extract_cuboids(
        open_signal(brain),
        open_channel(brain, "background"),
        positions[rows_of_chunk(len(positions), chunk, chunks)],
        **brain.settings["cuboid"],
        path=out,
        memory_bytes=memory_bytes,
    )
    print(f"{len(store)} cuboids, {store.padded.sum()} of them padded at the volume's border")
