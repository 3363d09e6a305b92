"""What scores mean in all brains that an arm learnt from, taken together."""

from collections.abc import Sequence

import numpy as np
from scipy.special import logit

from cellsift.calibration.between_brains import between_brains
from cellsift.calibration.score_posterior import SUREST, Labels, score_posterior


def by_pooled_curve(
    logits: Sequence[np.ndarray], train: Sequence[tuple[np.ndarray, np.ndarray]]
) -> list[np.ndarray]:
    """Logits (n,) of several brains as log odds of a cell by a smooth curve of the train brains.

    Each of `train` is a brain's out-of-fold logits (n,), on the same scale, and whether each is a
    cell (n,). The curve is that of `score_posterior` for all of them as one brain. It never falls,
    so that candidates keep their order. Where `train` has no candidates, logits stay as they are.

    Example:
        >>> scores = np.linspace(-3, 3, 400)
        >>> (meant,) = by_pooled_curve([np.zeros(1)], [(scores, scores > 1)])
        >>> bool(meant[0] < -1)
        True
    """
    if not any(len(scored) for scored, _ in train):
        return list(logits)
    pooled = np.concatenate([scored for scored, _ in train])
    is_cell = np.concatenate([cells for _, cells in train])
    labels = Labels(np.arange(len(pooled)), is_cell, np.ones(len(pooled)))
    meaning = score_posterior(pooled, [labels], between_brains([]), seed=0)
    return [logit(np.clip(meaning.p_cell(own), SUREST, 1 - SUREST)) for own in logits]
