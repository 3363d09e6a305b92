"""p_cell of a brain's candidates by an ensemble, of its members' logits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cellsift.calibration.description import read_description
from cellsift.inference.members import classify_by_members
from cellsift.io.axes import AXES
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import read_table, write_table
from cellsift.steps.scores import scores_of_brain


def classify_ensemble(
    brain: str,
    model: str | Path,
    positions: str | Path,
    logits: Mapping[str, str | Path],
    scores: Sequence[str | Path],
    table: str | Path,
    xml: str | Path,
) -> None:
    """Write the classified cells as a table and as XML; no network is used.

    Args:
        brain: its name.
        model: the ensemble's model.json.
        positions: a table with the brain's candidates, such as a member's cells.csv.
        logits: by member, its logits of the brain (`classify`).
        scores: the ensemble's own out-of-fold scores, where it was trained on the brain.

    Raises InputError as `classify_by_members` does.
    """
    folder = Path(model).parent
    cells = classify_by_members(
        folder,
        read_table(positions)[AXES].to_numpy(),
        {member: np.load(path) for member, path in logits.items()},
        scores_of_brain(scores, brain, draft=read_description(folder).get("draft", False)),
    )
    write_table(cells, table)
    write_cells_xml(cells, xml)
    print(f"{cells['is_cell'].sum()} of {len(cells)} candidates are cells")
