"""The brain seen from above, for its report."""

from pathlib import Path

from cellsift.reporting.projecting import project_brain
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel, open_signal


def projection(brain: Brain, out: str | Path) -> None:
    """Write the brightest voxels along z and y of both channels to `out`, an .npz."""
    project_brain(open_signal(brain), open_channel(brain, "background"), out)
