"""Arms trained on all brains of a cohort but one, and their scores of that one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import torch

from cellsift.benchmarks.carry_over.brains import Cage
from cellsift.benchmarks.carry_over.views import (
    View,
    as_it_is,
    by_tissue_contrast,
    by_tissue_mean,
    by_tissue_median,
)
from cellsift.calibration.arm import join_folds
from cellsift.cuboids.batches import Cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.inference.scoring import Scorer, score
from cellsift.inference.trained_arm import TrainedArm, load_arm
from cellsift.io.names import CELL, NO_CELL
from cellsift.io.tables import read_table
from cellsift.labels.folds import EXTENT, assign_folds, candidates_in_um, cuboid_extent_um
from cellsift.results import ArmFolder
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Augmentation, Recipe
from cellsift.training import augmentation
from cellsift.training.classification.files import FoldFiles
from cellsift.training.classification.fold import train_fold
from cellsift.training.engine import RunOptions

# Of a brain, so many candidates are learnt from at most, by the architecture.
MOST_CANDIDATES = {"features": 1500, "small": 400}
FOLDS = 3
# A made-up fold: its candidates are learnt from with every fold held out.
IN_NO_FOLD = -1
CPU = torch.device("cpu")

# A short training on a CPU, without what of augmentation takes longest.
SHORTLY = Recipe(
    epochs=5,
    batch_size=48,
    learning_rate=0.003,
    augmentation=Augmentation(operations=("flip", "quarter_turn", "gain", "blur", "noise")),
)
PLANES = {"depth": 18, "width": 8, "planes_as_channels": True}
ARCHITECTURES = {
    "features": Arm("features", "features", {"trees": 100}, SHORTLY),
    "small": Arm("small", "resnet", PLANES, SHORTLY),
}


@dataclass(frozen=True)
class Variant:
    """A way to train: what the inputs are, and how many times as far contrast is varied."""

    normalisation: str = "brain"
    view: View = as_it_is
    contrast: float = 1.0


VARIANTS = {
    "brain": Variant(),
    "dataset": Variant("dataset"),
    "linear": Variant("linear"),
    "local": Variant("local"),
    "tissue median": Variant("brain", by_tissue_median),
    "tissue mean": Variant("brain", by_tissue_mean),
    "tissue contrast": Variant("local", by_tissue_contrast),
    "local, wide contrast": Variant("local", contrast=3.0),
}


@dataclass(frozen=True, eq=False)
class Scores:
    """Logits of a brain that was left out, and out-of-fold ones of those that were learnt from.

    left_out: is_cell and logit; learnt: brain, is_cell and logit; without ambiguous candidates.
    """

    left_out: pd.DataFrame
    learnt: pd.DataFrame


class LeftOut:
    """A brain of a cohort, and the arms that learn from the others."""

    def __init__(self, cage: Cage, name: str, folder: Path):
        self.cage, self.name, self._folder = cage, name, folder
        self.tables = {n: cage.labelled(n, name) for n in cage.names}

    def train(
        self,
        architecture: str,
        variant: Variant,
        seed: int,
        answered: pd.DataFrame | None = None,
    ) -> "Trained":
        """Train an arm; `answered` are candidates of this brain with labels to learn as well."""
        brains = self.cage.brains
        stores = {name: variant.view(brains[name]) for name in self.cage.names}
        known_stores = {name: store for name, store in stores.items() if name != self.name}
        table = self.folds(MOST_CANDIDATES[architecture], answered)
        if answered is not None:
            known_stores[self.name] = stores[self.name]
        recipe = SHORTLY.with_changes({"normalisation": variant.normalisation})
        arm = replace(ARCHITECTURES[architecture], recipe=recipe)
        made, sidecars, scores = ArmFolder(self._folder), [], []
        run = RunOptions(seed=seed, device="cpu", threads=1, code="benchmark")
        with varied_contrast(variant.contrast):
            for fold in sorted(set(table["fold"]) - {IN_NO_FOLD}):
                files = _files(made, fold)
                sidecars.append(train_fold(arm, known_stores, table, fold, files, run))
                scores.append(files.scores)
        join_folds(made.path, sidecars, scores)
        learnt = pd.concat([read_table(file) for file in scores], ignore_index=True)
        return Trained(self, load_arm(made.path), stores, learnt.astype({"brain": str}))

    def folds(self, most: int, answered: pd.DataFrame | None = None) -> pd.DataFrame:
        """Candidates to learn from, as `assign_folds` gives them; `answered` are in no fold."""
        names = [name for name in self.tables if name != self.name]
        rows = [self._candidates(name, _some(self.tables[name], most)) for name in names]
        sizes = [self.cage.brains[name].specimen.signal.voxel_size for name in names]
        method = self.cage.method
        extent = cuboid_extent_um(method.cuboid_shape, method.cuboid_voxel_size, sizes)
        table = assign_folds(pd.concat(rows, ignore_index=True), min(FOLDS, len(names)), extent)
        if answered is None:
            return table
        more = self._candidates(self.name, answered).assign(fold=IN_NO_FOLD)
        return pd.concat([table, more.assign(**table[EXTENT].iloc[0])], ignore_index=True)

    def _candidates(self, name: str, table: pd.DataFrame) -> pd.DataFrame:
        size = self.cage.brains[name].specimen.signal.voxel_size
        rows = candidates_in_um(name, table.reset_index(drop=True), size)
        return rows.assign(candidate=table["candidate"].to_numpy())


@dataclass(frozen=True, eq=False)
class Trained:
    """An arm that learnt from all brains but one."""

    of: LeftOut
    arm: TrainedArm
    stores: Mapping[str, CuboidStore]
    learnt: pd.DataFrame

    def scores(self, scorers: tuple[Scorer, ...] | None = None) -> Scores:
        """Score the brain left out, with the arm's own networks or with others."""
        table = self.of.tables[self.of.name]
        rows = pd.DataFrame({"brain": self.of.name, "candidate": table["candidate"]})
        cuboids = Cuboids(self.stores, rows)
        logits = score(scorers or self.arm.scorers, cuboids, CPU).mean(axis=1)
        return Scores(known(table.assign(logit=logits)), known(self.learnt))


def known(table: pd.DataFrame) -> pd.DataFrame:
    """Those that are not ambiguous, with a column is_cell."""
    rows = table[table["label"].isin([CELL, NO_CELL])]
    return rows.assign(is_cell=rows["label"] == CELL).reset_index(drop=True)


@contextmanager
def varied_contrast(times: float) -> Iterator[None]:
    """Within, augmentation varies brightness and contrast so many times as far."""
    usual = augmentation.GAIN, augmentation.CONTRAST
    augmentation.GAIN, augmentation.CONTRAST = (times * value for value in usual)
    try:
        yield
    finally:
        augmentation.GAIN, augmentation.CONTRAST = usual


def _some(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many of the candidates, by chance."""
    return table.sample(min(len(table), most), random_state=0).sort_index()


def _files(made: ArmFolder, fold: int) -> FoldFiles:
    of_fold = made.training.fold(fold)
    return FoldFiles(
        made.sidecar(fold),
        of_fold.history,
        of_fold.scores,
        of_fold.tensorboard,
        made.checkpoint(fold),
    )
