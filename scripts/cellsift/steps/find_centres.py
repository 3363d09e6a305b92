"""Find somata in what was marked in all slabs of a brain."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellsift import detection
from cellsift.detection.parts import StoredParts
from cellsift.io.axes import AXES
from cellsift.io.tables import write_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_signal


def find_centres(brain: Brain, slabs: Sequence[str | Path], out: str | Path) -> None:
    """Write the centres, z, y, x in voxels, to `out`, a CSV, from the files of `detect_slab`.

    None for a detector that measures no contrast apart.
    """
    centres = pd.DataFrame(columns=AXES)
    if detection.measures_contrast_apart(brain.detector["method"]):
        parts = StoredParts(slabs)
        centres = detection.find_centres(open_signal(brain), parts=parts, **brain.detector)
    write_table(centres, out)
