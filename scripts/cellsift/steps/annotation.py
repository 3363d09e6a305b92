"""What people have marked in a brain."""

import pandas as pd

from cellsift.annotation.brain import annotation_of
from cellsift.settings.brains import Brain


def annotated_cells(brain: Brain) -> pd.DataFrame:
    """Return the cells of an annotated brain: z, y, x in voxels. Raises InputError."""
    return annotation_of(brain).cells


def annotated_in_part(brain: Brain) -> bool:
    """Whether some cells of the brain are not annotated, or not agreed to be all. As above."""
    return not annotation_of(brain).is_complete_everywhere
