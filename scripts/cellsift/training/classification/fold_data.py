"""What one fold is trained and judged on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellsift.cuboids.batches import Cuboids, common_layout
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.io.names import CELL, NO_CELL
from cellsift.labels.folds import (
    AXES_UM,
    EXTENT,
    LEAST_PER_CLASS,
    held_out_rows,
    share_of_labels,
    training_rows,
)

COLUMNS = ("brain", "candidate", *AXES_UM, "label", *EXTENT, "fold")


@dataclass(frozen=True)
class TrainingData:
    """Cuboids to train on, with their rows of the table.

    `log_odds` is that of a cell for which the network's answers are to stand.
    """

    training: Cuboids
    training_table: pd.DataFrame
    log_odds: float

    @property
    def brains(self) -> set[str]:
        """All brains that are learnt from."""
        return set(self.training_table["brain"])

    @property
    def is_cell(self) -> np.ndarray:
        """For each training cuboid whether it is a cell."""
        return (self.training_table["label"] == CELL).to_numpy()


@dataclass(frozen=True)
class FoldData(TrainingData):
    """Cuboids to train on and held out, each with its rows of the table.

    `log_odds` is that of a cell among the labelled candidates of all folds.
    """

    held_out: Cuboids
    held_out_table: pd.DataFrame

    @classmethod
    def of(
        cls,
        stores: Mapping[str, CuboidStore],
        table: pd.DataFrame,
        fold: int,
        label_share: float = 1.0,
        seed: int = 0,
    ) -> "FoldData":
        """Return the data of a fold; raises InputError where they do not suffice to train.

        Of the labels to train on only `label_share` is used, drawn by `seed`; all held out stay.
        """
        missing = [column for column in COLUMNS if column not in table]
        if missing:
            raise InputError(f"the table of folds lacks the columns {', '.join(missing)}")
        # Brains named by numbers come back from a CSV file as numbers.
        table = table.assign(brain=table["brain"].astype(str))
        if fold not in set(table["fold"]):
            known = ", ".join(f"fold-{number}" for number in sorted(set(table["fold"])))
            raise InputError(f"there is no fold-{fold}; there are {known}")
        common_layout(stores)
        training, held_out = training_rows(table, fold), held_out_rows(table, fold)
        training = share_of_labels(training, label_share, seed)
        for rows, use in ((training, "to train on"), (held_out, "held out")):
            counts = [int((rows["label"] == label).sum()) for label in (CELL, NO_CELL)]
            if min(counts) < LEAST_PER_CLASS:
                raise InputError(
                    f"fold-{fold} has {counts[0]} cells and {counts[1]} artefacts {use}, at least "
                    f"{LEAST_PER_CLASS} of each are needed; "
                    + ("assign the folds anew" if label_share == 1 else "raise label_share")
                )
        return cls(
            Cuboids(stores, training),
            training,
            log_odds_of(table),
            Cuboids(stores, held_out),
            held_out,
        )

    @property
    def brains(self) -> set[str]:
        """All brains, of the training cuboids and of those held out."""
        return {*self.training_table["brain"], *self.held_out_table["brain"]}

    @property
    def held_out_labelled(self) -> np.ndarray:
        """For each held-out cuboid whether it is labelled cell or no_cell."""
        return self.held_out_table["label"].isin([CELL, NO_CELL]).to_numpy()

    @property
    def held_out_is_cell(self) -> np.ndarray:
        """For each labelled held-out cuboid whether it is a cell."""
        return (self.held_out_table["label"] == CELL).to_numpy()[self.held_out_labelled]


def log_odds_of(table: pd.DataFrame) -> float:
    """Return the log odds of a cell among the labelled candidates of a table."""
    cells, no_cells = (int((table["label"] == label).sum()) for label in (CELL, NO_CELL))
    return math.log(cells / no_cells)
