"""p_cell of every candidate of a brain by one arm."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cellsift.calibration.decision import classified, joined_logits, known_logits
from cellsift.calibration.description import read_description
from cellsift.cuboids.store import CuboidStore
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

    Raises InputError as `score_brain` and `read_description` do.
    """
    store, folder = CuboidStore.open(cuboids), Path(model).parent
    description = read_description(folder)
    known = scores_of_brain(scores, brain, draft=description.get("draft", False))
    if known is not None:
        scored = known_logits(known, len(store))
    elif logits_of_chunks:
        scored = joined_logits([np.load(path) for path in logits_of_chunks], len(store))
    else:
        # Only here a network is needed, whose libraries take seconds to load.
        from cellsift.inference.classify import score_brain

        scored = score_brain(folder, store, device=device, threads=threads, progress=True)
    write_array(scored, logits)
    threshold = description["threshold"]
    cells = classified(store.positions, scored, description["temperature"], threshold)
    write_table(cells, table)
    write_cells_xml(cells, xml)
    print(f"{cells['is_cell'].sum()} of {len(cells)} candidates are cells")
