"""What a brain looks like, in numbers."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.appearance.brain import describe_brain
from cellsift.cuboids.store import CuboidStore
from cellsift.io.json_files import write_json
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel, open_signal


def describe(brain: Brain, cuboids: Sequence[str | Path], out: str | Path) -> None:
    """Write what `describe_brain` measures of a brain's channels and cuboids to `out`, a JSON."""
    store = CuboidStore.open(cuboids)
    measured = describe_brain(open_signal(brain), open_channel(brain, "background"), store)
    write_json(measured, out)
    blocks, candidates = measured["blocks"], measured["candidates"]
    print(
        f"{blocks['tissue']} of {blocks['looked_at']} blocks are tissue; "
        f"{candidates['measured']} of {candidates['number']} candidates were measured"
    )
