"""p_cell of every candidate of a brain by one arm."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellsift.cuboids.store import CuboidStore
from cellsift.inference.classify import classify_brain, score_brain
from cellsift.inference.trained_arm import load_arm
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import write_array, write_table
from cellsift.steps.scores import scores_of_brain


def classify(
    brain: str,
    model: str | Path,
    cuboids: Sequence[str | Path],
    scores: Sequence[str | Path],
    logits_of_chunks: Sequence[str | Path],
    logits: str | Path,
    table: str | Path,
    xml: str | Path,
    *,
    device: str = "auto",
    threads: int = 1,
) -> None:
    """Write the logits, the classified cells as a table, and these as XML.

    Args:
        brain: its name.
        model: the arm's model.json.
        cuboids: the stores of the whole brain.
        scores: the folds' out-of-fold scores, where the arm was trained on the brain.
        logits_of_chunks: what `score_chunk` wrote, all chunks in order; none where the brain is
            to be scored here.

    Raises InputError as `score_brain` does.
    """
    arm = load_arm(Path(model).parent)
    store = CuboidStore.open(cuboids)
    parts = [np.load(path) for path in logits_of_chunks]
    scored = score_brain(
        arm,
        store,
        scores_of_brain(scores, brain),
        logits=np.concatenate(parts) if parts else None,
        device=device,
        threads=threads,
        progress=True,
    )
    write_array(scored, logits)
    cells = classify_brain(arm, store, logits=scored)
    write_table(cells, table)
    write_cells_xml(cells, xml)
    print(f"{cells['is_cell'].sum()} of {len(cells)} candidates are cells")
