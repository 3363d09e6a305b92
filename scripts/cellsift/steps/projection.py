"""Pictures of a brain, for its report."""

from collections.abc import Sequence
from pathlib import Path

from cellsift.reporting.projecting import project_brain
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel, open_signal


def projection(brain: Brain, out: Sequence[str | Path]) -> None:
    """Write pictures of a brain to two files, .npz, for which each plane is read once.

    The brightest voxel along z and y of both channels to the first; to the second the signal slab
    by slab, and how good each plane is.
    """
    project_brain(open_signal(brain), open_channel(brain, "background"), out)
