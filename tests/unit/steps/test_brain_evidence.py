"""What a sample of a brain says of its candidates."""

import pandas as pd
import pytest

from cellsift.io.tables import write_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain_evidence import TrainFiles, evidence_of

SIZE, DISTANCE_UM = (5.0, 2.0, 2.0), 10.0
BRAIN = Brain("mouse", "signal", SIZE, settings={"matching": {"distance_um": DISTANCE_UM}})
# Two at one cell, the first of them nearer to it; and one by itself.
PLACES = [(20, 100, 100), (20, 100, 103), (20, 140, 100)]


@pytest.fixture
def evidence(tmp_path):
    """The evidence by labels of some candidates, and by a block with a cell at the first ones."""
    cells = pd.DataFrame(PLACES, columns=["z", "y", "x"]).assign(p_cell=0.9, is_cell=True)
    folds = tmp_path / "folds.csv"
    write_table(pd.DataFrame({"brain": ["a", "b"], "fold": [0, 1]}), folds)

    def read(labels: dict[int, str], marked: bool = True, cells_at: int = 1):
        rows = [(row, label, 5.0) for row, label in labels.items()]
        boxes = [(1, 0, 50, 50, 40, 200, 200, 9.0)] if marked else []
        tables = (
            pd.DataFrame(rows, columns=["candidate", "label", "weight"]),
            pd.DataFrame(boxes, columns=["block", "z0", "y0", "x0", "z1", "y1", "x1", "weight"]),
            pd.DataFrame(
                [(1, *place, "cell") for place in PLACES[:cells_at]],
                columns=["block", "z", "y", "x", "kind"],
            ),
        )
        paths = [tmp_path / f"{name}.csv" for name in ("sample", "blocks", "cells")]
        for table, path in zip(tables, paths, strict=True):
            write_table(table, path)
        return evidence_of(BRAIN, "arm", cells, TrainFiles({}, {}, {}, folds), paths)

    return read


def test_in_a_marked_block_a_cell_counts_once_whatever_was_said_of_single_candidates(evidence):
    """Who looks at one of two candidates does not see which of them the cell was given to."""
    for labels in ({1: "cell"}, {0: "cell", 1: "cell"}, {0: "no_cell"}):
        assert evidence(labels).labelled == {0: 1, 1: 0, 2: 0}


def test_in_a_marked_block_cells_near_each_other_are_whole_ones(evidence):
    assert evidence({0: "cell", 1: "cell"}, cells_at=2).labelled == {0: 1, 1: 1, 2: 0}


def test_outside_of_blocks_two_candidates_share_a_cell(evidence):
    assert evidence({0: "cell", 1: "cell"}, marked=False).labelled == {0: 0.5, 1: 0.5}


def test_a_candidate_that_was_drawn_is_not_counted_among_those_in_blocks(evidence):
    found = evidence({1: "cell"})
    assert found.in_blocks == {0, 2}
    assert len(found.blocks) == 1
