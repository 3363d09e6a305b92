"""What scores mean in all train brains together."""

import numpy as np
import pytest
from scipy.special import expit

from cellsift.calibration.pooled_curve import by_pooled_curve


@pytest.fixture
def train():
    """Two brains whose logits say too much, and where half of the surest are second candidates."""
    random = np.random.default_rng(3)

    def brain(size: int) -> tuple[np.ndarray, np.ndarray]:
        logits = random.normal(0, 3, size)
        meant = np.where(logits > 3, 0.5, expit(0.5 * logits))
        return logits, random.random(size) < meant

    return [brain(3000), brain(2000)]


def test_logits_become_the_log_odds_that_train_brains_show(train):
    (meant,) = by_pooled_curve([np.array([-4.0, -2.0, 0.0, 2.0])], train)
    assert meant == pytest.approx([-2, -1, 0, 0.5], abs=0.5)


def test_as_many_cells_are_expected_as_there_are_and_candidates_keep_their_order(train):
    logits = np.concatenate([scored for scored, _ in train])
    (meant,) = by_pooled_curve([logits], train)
    cells = sum(is_cell.sum() for _, is_cell in train)
    assert expit(meant).sum() == pytest.approx(cells, rel=0.03)
    assert (np.diff(meant[np.argsort(logits)]) >= 0).all()


@pytest.mark.parametrize("train", [[], [(np.zeros(0), np.zeros(0, bool))]])
def test_logits_stay_where_no_train_brain_tells(train):
    (meant,) = by_pooled_curve([np.array([1.5])], train)
    assert meant.tolist() == [1.5]
