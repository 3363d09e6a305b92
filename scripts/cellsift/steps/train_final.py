"""One arm on all annotated brains, for a release."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.cuboids.store import CuboidStore
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from cellsift.settings.arms import Arm
from cellsift.training.classification import final
from cellsift.training.classification.files import FinalFiles
from cellsift.training.classification.fold_data import log_odds_of
from cellsift.training.engine import RunOptions
from cellsift.training.search.choice import with_chosen_recipe


def train_final(
    arm: Arm,
    cuboids: Mapping[str, Sequence[str | Path]],
    labels: Mapping[str, str | Path],
    folds: str | Path,
    sidecars: Sequence[str | Path],
    files: FinalFiles,
    run: RunOptions,
    *,
    chosen: str | Path | None = None,
) -> None:
    """Write the network and its history to `files` (`final.train_final`).

    Args:
        cuboids, labels: by annotated brain, its cuboid stores and the table of `label`.
        folds: the table of `folds`, whose odds of a cell the arm's threshold rests on.
        sidecars: of the arm's networks of the comparison.
        chosen: chosen.json of the arm's search on all folds, if it has a search.

    Raises InputError as `final.train_final` and `with_chosen_recipe` do.
    """
    stores = {brain: CuboidStore.open(paths) for brain, paths in cuboids.items()}
    tables = []
    for brain, path in labels.items():
        label = read_table(path)["label"]
        rows = {"brain": brain, "candidate": np.arange(len(label)), "label": label}
        tables.append(pd.DataFrame(rows))
    final.train_final(
        with_chosen_recipe(arm, chosen),
        stores,
        pd.concat(tables, ignore_index=True),
        log_odds_of(read_table(folds)),
        [read_json(path) for path in sidecars],
        files,
        run,
    )
