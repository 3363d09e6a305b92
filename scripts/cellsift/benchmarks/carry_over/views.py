"""Cuboids of a brain by the statistics of random pieces of its tissue, not of its candidates."""

from collections.abc import Callable
from typing import cast

import numpy as np

from cellsift.benchmarks.carry_over.brains import SeenBrain
from cellsift.cuboids.normalisation import LOCAL_SPREAD
from cellsift.cuboids.store import SMALLEST_SPREAD, CuboidStore, log_statistics

INTENSITIES = np.iinfo(np.uint16).max + 1
# Where the local contrast is rescaled, this is the median of each cuboid in log intensities: high
# enough for whole numbers not to be coarse, low enough for bright voxels not to be cut.
MIDDLE = 8.5

Statistics = tuple[float, float]


class TissueStore(CuboidStore):
    """A brain's store that states the median and spread of its tissue in place of its cuboids'."""

    of_tissue: Statistics = (0.0, 1.0)

    @classmethod
    def of(cls, brain: SeenBrain, statistics: Statistics) -> "TissueStore":
        store = cast(TissueStore, cls.open(brain.store.paths))
        store.of_tissue = statistics
        return store

    @property
    def log_median(self) -> tuple[float, ...]:
        return (self.of_tissue[0],)

    @property
    def log_spread(self) -> tuple[float, ...]:
        return (self.of_tissue[1],)


class RescaledStore(CuboidStore):
    """A store whose local contrasts are so many times as large: `local` then divides by that."""

    times: float = 1.0

    @classmethod
    def of(cls, brain: SeenBrain, times: float) -> "RescaledStore":
        store = cast(RescaledStore, cls.open(brain.store.paths))
        store.times = times
        return store

    def read(self, indices: np.ndarray) -> np.ndarray:
        away = local_contrast(super().read(indices)) * self.times
        return np.rint(np.expm1(np.clip(MIDDLE + away, 0, np.log(INTENSITIES)))).astype(np.uint16)


def local_contrast(cuboids: np.ndarray) -> np.ndarray:
    """Log intensities less their median in each cuboid and channel."""
    logs = np.log1p(cuboids.astype(np.float32))
    return logs - np.median(logs, axis=(2, 3, 4), keepdims=True)


def as_it_is(brain: SeenBrain) -> CuboidStore:
    """The store itself: `brain` takes the statistics of the cuboids of all candidates."""
    return brain.store


def by_tissue_median(brain: SeenBrain) -> CuboidStore:
    """Median and robust spread of the tissue's log intensities."""
    counts = np.bincount(brain.tissue.ravel(), minlength=INTENSITIES)
    return TissueStore.of(brain, log_statistics(counts))


def by_tissue_mean(brain: SeenBrain) -> CuboidStore:
    """Mean and standard deviation of the tissue's log intensities."""
    logs = np.log1p(brain.tissue.astype(np.float64))
    return TissueStore.of(brain, (float(logs.mean()), float(logs.std())))


def by_tissue_contrast(brain: SeenBrain) -> CuboidStore:
    """For `local`: contrasts in units of the tissue's own, their robust spread."""
    spread = 1.4826 * float(np.median(np.abs(local_contrast(brain.tissue))))
    return RescaledStore.of(brain, LOCAL_SPREAD / max(spread, SMALLEST_SPREAD))


View = Callable[[SeenBrain], CuboidStore]
