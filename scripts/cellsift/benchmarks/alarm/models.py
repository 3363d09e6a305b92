"""Arms that are trained on some brains, and the numbers of any brain by which they are compared."""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.appearance.brain import describe_brain
from cellsift.benchmarks.alarm.specimens import Cohort, Method, Specimen
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.detection import detect
from cellsift.evaluation.alarm.comparison import Comparison, compare
from cellsift.evaluation.alarm.doubles import cells_per_place
from cellsift.evaluation.alarm.statistics import floors_of, statistics_of
from cellsift.evaluation.detection_threshold import choose_contrast_threshold
from cellsift.inference.classify import classify_brain
from cellsift.io.axes import AXES
from cellsift.labels.matching import label_candidates
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.training.classification.arm import TrainingBrain, out_of_fold_scores, train_arm
from cellsift.training.engine import RunOptions

SHORTLY = Recipe(epochs=4, batch_size=32, learning_rate=0.003, normalisation="local")
# The cheapest pair of arms that judge by different means.
ARMS = (
    Arm("features", "features", {"trees": 100}, Recipe(normalisation="local")),
    Arm("small", "resnet", {"depth": 18, "width": 4}, SHORTLY),
)
# On a CPU, so that the page can be made again elsewhere.
RUN = RunOptions(seed=1, device="cpu", threads=1)


@dataclass(frozen=True)
class Prepared:
    """A brain as a method sees it: its candidates' cuboids and what it looks like."""

    specimen: Specimen
    candidates: pd.DataFrame
    cuboids: CuboidStore
    appearance: dict


class Bench:
    """Detects, cuts and trains in a folder of its own; what was done once is not done again."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._detected: dict[tuple[int, str], pd.DataFrame] = {}

    def threshold(self, method: Method, specimens: Iterable[Specimen]) -> float:
        """The contrast of candidates that reaches the method's recall, with artefacts enough."""
        known = {s.name: s for s in specimens if s.cells is not None}
        return choose_contrast_threshold(
            {name: self._detect(method, s) for name, s in known.items()},
            {name: s.cells for name, s in known.items()},
            {name: s.signal.voxel_size for name, s in known.items()},
            method.distance_um,
            method.recall,
            method.candidates_per_cell,
            carry=method.carry,
        )["threshold"]

    def prepare(self, method: Method, specimen: Specimen, threshold: float) -> Prepared:
        """A brain as this method sees it."""
        found = self._detect(method, specimen)
        kept = found[found["contrast"] >= threshold].reset_index(drop=True)
        store = extract_cuboids(
            specimen.signal,
            specimen.background,
            kept[AXES].to_numpy(),
            method.cuboid_shape,
            method.cuboid_voxel_size,
            Path(tempfile.mkdtemp(dir=self._folder)) / "cuboids.zarr",
            progress=False,
        )
        appearance = describe_brain(specimen.signal, specimen.background, store)
        return Prepared(specimen, kept, store, appearance)

    def train(self, method: Method, brains: Mapping[str, Prepared]) -> "TrainedArms":
        """Train the arms on annotated brains."""
        training = {name: _training_brain(method, brain) for name, brain in brains.items()}
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        folds = min(max(len(brains), 2), 3)
        models = {
            arm.name: train_arm(arm, training, folder / arm.name, folds=folds, run=RUN)
            for arm in ARMS
        }
        return TrainedArms(models, dict(brains))

    def _detect(self, method: Method, specimen: Specimen) -> pd.DataFrame:
        key = (id(specimen), str(method.detection))
        if key not in self._detected:
            self._detected[key] = detect(specimen.signal, **method.detection)
        return self._detected[key]


class TrainedArms:
    """Arms with the brains that they learnt from."""

    def __init__(self, models: Mapping[str, Path], brains: Mapping[str, Prepared]):
        self._models, self.brains = models, brains
        self._statistics = {name: self.statistics(brain, name) for name, brain in brains.items()}

    def statistics(self, brain: Prepared, known_as: str | None = None) -> pd.DataFrame:
        """The numbers of a brain; `known_as` is its name where the arms learnt from it."""
        return statistics_of(brain.appearance, self.scored(brain, known_as))

    def scored(self, brain: Prepared, known_as: str | None = None) -> dict[str, pd.DataFrame]:
        """By arm, a brain's candidates as it classifies them."""
        return {
            arm: classify_brain(
                model,
                brain.cuboids,
                None if known_as is None else out_of_fold_scores(model, known_as),
                device="cpu",
            )
            for arm, model in self._models.items()
        }

    def compare(self, brain: Prepared) -> Comparison:
        """A brain that the arms did not learn from, beside those that they did."""
        return compare(self.statistics(brain), self._statistics)


def numbers_of_annotated(brain: Prepared) -> pd.DataFrame:
    """The numbers of an annotated brain without arms, called cells being those of the annotation.

    Returns what `statistics_of` does: value and variance, by statistic.

    Example:
        numbers_of_annotated(brain).loc["per_place", "value"]  # 0.05, where each is marked once
    """
    cells, size = brain.specimen.cells, brain.specimen.signal.voxel_size
    numbers = statistics_of(brain.appearance, {})
    if cells is not None:
        called = {"annotation": cells.assign(is_cell=True)}
        numbers.loc["per_place"] = cells_per_place(called, size)
    return numbers


def cohort_spread(tables: Iterable[pd.DataFrame]) -> pd.Series:
    """How each number differs over brains of a cohort, in units of its floor.

    `tables` are what `statistics` gives; a standard deviation of 1 is what the alarm takes brains
    to differ by where it knows no better.
    """
    values = pd.concat([table["value"] for table in tables], axis=1)
    return values.std(axis=1, ddof=1) / floors_of(values)


def choose(random: np.random.Generator, cohort: Cohort, count: int) -> list[str]:
    """The names of `count` brains of a cohort, by chance."""
    names = [specimen.name for specimen in cohort.specimens]
    return [names[i] for i in np.sort(random.choice(len(names), count, replace=False))]


def _training_brain(method: Method, brain: Prepared) -> TrainingBrain:
    assert brain.specimen.cells is not None
    size = brain.specimen.signal.voxel_size
    labels, _ = label_candidates(
        brain.candidates, brain.specimen.cells, None, size, method.distance_um
    )
    return TrainingBrain(brain.cuboids, labels, size)
