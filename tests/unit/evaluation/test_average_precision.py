"""Average precision is scikit-learn's, to the last bit."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cellsift.evaluation.average_precision import average_precision


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_every_bit_is_that_of_scikit_learn(kind):
    rng = np.random.default_rng(1)
    for _ in range(300):
        count = int(rng.integers(1, 2000))
        is_cell = rng.random(count) < rng.choice([0.01, 0.3, 0.9])
        # Few decimals give ties.
        scores = np.round(rng.normal(size=count) + is_cell, int(rng.integers(0, 9))).astype(kind)
        if is_cell.any():
            assert average_precision(is_cell, scores) == average_precision_score(is_cell, scores)


def test_without_a_cell_it_is_that_of_scikit_learn_too():
    none, scores = np.zeros(3, bool), np.array([1.0, 2.0, 3.0])
    with pytest.warns(UserWarning, match="No positive class"):
        expected = average_precision_score(none, scores)
    assert average_precision(none, scores) == expected == 0


@pytest.mark.parametrize("scores", [[], [1.0, np.nan], [1.0, np.inf]])
def test_what_cannot_be_ranked_is_refused(scores):
    with pytest.raises(ValueError, match="finite"):
        average_precision(np.ones(len(scores), bool), np.array(scores))
