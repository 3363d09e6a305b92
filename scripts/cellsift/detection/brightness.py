"""How bright the tissue of a brain is, by which contrasts of several brains can be compared."""

import math

import numpy as np

# The brightness of tissue is counted in steps of 0.1 %.
STEPS_PER_LOG = 1024
BRIGHTNESS_STEPS = round(math.log1p(65535) * STEPS_PER_LOG) + 1


def brightness(surroundings: np.ndarray) -> np.ndarray:
    """How many maxima lie in tissue of each brightness, as counts (steps,), int64.

    The step is the logarithm of the intensity of the `surroundings` (n,) times STEPS_PER_LOG.
    Counts of the parts of a brain can be summed, and are then those of the brain, however it was
    cut.
    """
    steps = np.rint(surroundings * STEPS_PER_LOG).astype(np.int64)
    return np.bincount(np.clip(steps, 0, BRIGHTNESS_STEPS - 1), minlength=BRIGHTNESS_STEPS)


def typical_root(counts: np.ndarray) -> float:
    """The square root of a brain's typical intensity, by the `brightness` counts of its maxima.

    Divided by it, weighted differences of brains can be compared. The median of the surroundings
    of its maxima, each counted by its intensity: a dark margin without tissue hardly counts,
    however wide it is. 1 without maxima.
    """
    if not counts.any():
        return 1.0
    intensity = np.exp(np.arange(len(counts)) / STEPS_PER_LOG)
    total = np.cumsum(counts * intensity)
    return math.sqrt(intensity[np.searchsorted(total, total[-1] / 2)])
