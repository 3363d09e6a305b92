"""The brains that are left out in turn, as the arms see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd

from cellsift.appearance.tissue import is_tissue
from cellsift.benchmarks.alarm.specimens import (
    CFOS,
    PHANTOM,
    Cohort,
    Method,
    Specimen,
    real_cohorts,
)
from cellsift.cuboids.extraction import cuboids_at, extract_cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.detection import detect
from cellsift.evaluation.detection_threshold import choose_contrast_threshold
from cellsift.io.axes import AXES
from cellsift.io.volumes import Volume
from cellsift.labels.matching import label_candidates
from cellsift.phantom.brain import make_brain
from cellsift.phantom.settings import BrainSettings, Distractors

CANDIDATES_PER_CELL = 4
# Of a brain so many random cuboids are looked at, and those kept that are tissue.
RANDOM_CUBOIDS = 256
ANIMALS = 8


@dataclass(frozen=True)
class Source:
    """A cohort's name, its brains', and how it is made when it is needed."""

    name: str
    brains: Sequence[str]
    make: Callable[[], Cohort]


def sources(folder: Path | None) -> list[Source]:
    """The cohorts: made-up ones, and before them c-Fos where its volumes are in `folder`."""
    animals = [f"animal {n + 1}" for n in range(ANIMALS)]
    made = [
        Source(f"phantom {letter}", animals, partial(wide_cohort, ANIMALS, seed))
        for letter, seed in (("A", 1), ("B", 2))
    ]
    if folder is None:
        return made
    return [Source("c-Fos", CFOS, lambda: real_cohorts(folder)["cfos"]), *made]


def wide_cohort(count: int, seed: int) -> Cohort:
    """Made-up animals, one channel, that differ widely.

    Within a factor to either side, evenly on the logarithm: contrast 1.4, brightness, noise and
    each kind of artefact 2, the number of cells 2.
    """
    random = np.random.default_rng(seed)
    return Cohort("phantom", PHANTOM, [_animal(n, seed, random) for n in range(count)])


def _animal(number: int, seed: int, random: np.random.Generator) -> Specimen:
    def about(value: float, factor: float) -> float:
        return float(value * factor ** random.uniform(-1, 1))

    usual, things = BrainSettings(), Distractors()
    settings = replace(
        usual,
        shape=(48, 150, 200),
        cells=round(about(90, 2)),
        contrast=about(usual.contrast, 1.4),
        tissue=about(usual.tissue, 2),
        noise=about(usual.noise, 2),
        distractors=replace(
            things,
            **{k: about(getattr(things, k), 2) for k in ("autofluorescent", "debris", "glia")},
        ),
    )
    brain = make_brain(100 * seed + number, settings)
    name = f"animal {number + 1}"
    signal = Volume(da.from_array(brain.signal, chunks=(8, -1, -1)), settings.voxel_size, name)
    return Specimen(name, signal, None, brain.cells[AXES])


@dataclass(frozen=True, eq=False)
class SeenBrain:
    """A brain with all candidates that are of use to any arm, and random cuboids of its tissue.

    candidates: z, y, x, contrast, a row for each cuboid of the store; tissue (n, 1, z, y, x).
    """

    specimen: Specimen
    candidates: pd.DataFrame
    store: CuboidStore
    tissue: np.ndarray


class Cage:
    """A cohort, detected and cut in a folder when it is needed."""

    def __init__(self, cohort: Cohort, folder: Path):
        self.cohort, self._folder = cohort, folder

    @property
    def names(self) -> list[str]:
        return [specimen.name for specimen in self.cohort.specimens]

    @property
    def method(self) -> Method:
        return self.cohort.method

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """The contrast of candidates that the others call for, by the brain that is left out."""
        return {name: self._threshold(name) for name in self.names}

    @cached_property
    def brains(self) -> Mapping[str, SeenBrain]:
        """All brains by name."""
        return {specimen.name: self._see(specimen) for specimen in self.cohort.specimens}

    def labelled(self, name: str, left_out: str) -> pd.DataFrame:
        """The candidates of a brain by the detection of those that learn without `left_out`.

        Columns z, y, x, label and candidate, its row in the store.
        """
        brain = self.brains[name]
        kept = brain.candidates[brain.candidates["contrast"] >= self.thresholds[left_out]]
        rows = kept.index.to_numpy()
        assert brain.specimen.cells is not None
        labels, _ = label_candidates(
            kept.reset_index(drop=True),
            brain.specimen.cells,
            None,
            brain.specimen.signal.voxel_size,
            self.method.distance_um,
        )
        return labels.assign(candidate=rows)

    @cached_property
    def _detected(self) -> dict[str, pd.DataFrame]:
        return {s.name: detect(s.signal, **self.method.detection) for s in self.cohort.specimens}

    def _threshold(self, left_out: str) -> float:
        known = {s.name: s for s in self.cohort.specimens if s.name != left_out}
        return choose_contrast_threshold(
            {name: self._detected[name] for name in known},
            {name: s.cells for name, s in known.items()},
            {name: s.signal.voxel_size for name, s in known.items()},
            self.method.distance_um,
            self.method.recall,
            CANDIDATES_PER_CELL,
            carry=True,
        )["threshold"]

    def _see(self, specimen: Specimen) -> SeenBrain:
        found = self._detected[specimen.name]
        kept = found[found["contrast"] >= min(self.thresholds.values())].reset_index(drop=True)
        shape, size = self.method.cuboid_shape, self.method.cuboid_voxel_size
        path = self._folder / f"{specimen.name}.zarr"
        store = extract_cuboids(
            specimen.signal, None, kept[AXES].to_numpy(), shape, size, path, progress=False
        )
        return SeenBrain(specimen, kept, store, tissue_cuboids(specimen.signal, self.method))


def tissue_cuboids(signal: Volume, method: Method) -> np.ndarray:
    """Cuboids (n, 1, z, y, x) at random places of the tissue, the same whenever they are drawn."""
    random = np.random.default_rng(0)
    places = random.uniform(-0.5, np.array(signal.shape) - 0.5, (RANDOM_CUBOIDS, 3))
    cut = cuboids_at(signal, None, places, method.cuboid_shape, method.cuboid_voxel_size)
    return cut[is_tissue(np.median(np.log1p(cut.reshape(len(cut), -1)), axis=1))]
