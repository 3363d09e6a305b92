"""What scores mean in one brain: by the train brains' spread and by labels of the brain itself."""

import numpy as np
import pytest
from scipy.special import expit

from cellsift.calibration.between_brains import OFFSET, SLOPE, between_brains
from cellsift.calibration.brain_threshold import brain_threshold, expected_at
from cellsift.calibration.calibrate import choose_threshold
from cellsift.calibration.score_posterior import Labels, posteriors_to_come, score_posterior


def brain_of(offset: float, candidates: int = 3000, seed: int = 0):
    """Logits that are calibrated but for an offset, and the truth."""
    random = np.random.default_rng(seed)
    logits = random.normal(-1, 2.5, candidates)
    return logits, random.random(candidates) < expit(logits + offset)


def labelled(
    truth: np.ndarray, number: int, seed: int = 1, block: np.ndarray | None = None
) -> Labels:
    rows = np.random.default_rng(seed).choice(len(truth), number, replace=False)
    return Labels(rows, truth[rows], np.full(number, len(truth) / number), block)


def share_of_cells(posterior) -> np.ndarray:
    """Draws of the share of cells among all candidates."""
    size = np.bincount(posterior.class_of)
    return posterior.shares @ size / size.sum()


@pytest.fixture(scope="module")
def alike():
    return between_brains([brain_of(0, seed=seed) for seed in range(3)])


class TestBetweenBrains:
    def test_brains_that_differ_more_make_a_further_one_less_certain(self, alike):
        differing = between_brains([brain_of(2.0 * k, seed=k + 1) for k in (-1, 0, 1)])
        assert differing.covariance[0, 0] > 2 * alike.covariance[0, 0]

    def test_brains_that_are_alike_do_not_promise_that_the_next_one_is(self, alike):
        assert 0.4 * OFFSET < np.sqrt(alike.covariance[0, 0]) < OFFSET

    def test_without_any_other_brain_it_is_less_certain_than_what_other_cohorts_show(self):
        known = between_brains([])
        assert (np.sqrt(np.diag(known.covariance)) > [OFFSET, SLOPE]).all()
        assert known.brains == 0

    def test_a_shift_that_all_brains_share_is_expected_of_the_next(self):
        shifted = between_brains([brain_of(1.0, seed=seed) for seed in range(6)])
        assert 0.6 < shifted.mean[0] < 1.1


class TestScorePosterior:
    def test_labels_tell_what_scores_mean_here(self, alike):
        logits, truth = brain_of(-1.5)
        before = share_of_cells(score_posterior(logits, [], alike, seed=1))
        after = share_of_cells(score_posterior(logits, [labelled(truth, 150)], alike, seed=1))
        assert abs(after.mean() - truth.mean()) < 0.05 < abs(before.mean() - truth.mean())
        assert after.std() < before.std() / 2

    def test_candidates_that_were_drawn_more_often_do_not_count_for_more(self, alike):
        """Of candidates with the same score, cells are drawn ten times as often."""
        random = np.random.default_rng(3)
        truth = random.random(4000) < 0.3
        logits = np.full(4000, -0.8)
        probability = np.where(truth, 0.2, 0.02)
        rows = np.flatnonzero(random.random(4000) < probability)
        weighted = Labels(rows, truth[rows], 1 / probability[rows])
        plain = Labels(rows, truth[rows], np.ones(len(rows)))
        found = share_of_cells(score_posterior(logits, [weighted], alike, seed=1)).mean()
        assert found == pytest.approx(0.3, abs=0.05)
        assert share_of_cells(score_posterior(logits, [plain], alike, seed=1)).mean() > 0.6

    def test_labels_that_lie_together_make_less_certain_than_as_many_apart(self, alike):
        logits, truth = brain_of(0)
        apart = score_posterior(logits, [labelled(truth, 400)], alike, seed=1)
        blocks = labelled(truth, 400, block=np.arange(400) % 3)
        together = score_posterior(logits, [blocks], alike, seed=1)
        assert share_of_cells(together).std() > 1.3 * share_of_cells(apart).std()

    def test_the_more_places_differ_the_less_a_block_tells_of_the_brain(self, alike):
        logits, truth = brain_of(0)
        blocks = labelled(truth, 400, block=np.arange(400) % 3)
        near, far = (
            share_of_cells(score_posterior(logits, [blocks], alike, 1, between_places=spread))
            for spread in (0.1, 1.5)
        )
        assert far.std() > 1.5 * near.std()

    def test_many_blocks_of_which_one_has_nearly_all_labels_are_hardly_more_than_one(self):
        one, uneven, even = (
            Labels(np.arange(400), np.ones(400, bool), np.ones(400), block).offset(apart=1.0)
            for block in (np.zeros(400), np.maximum(np.arange(400) - 390, 0), np.arange(400) % 10)
        )
        assert one == 1.0
        assert uneven > 0.9
        assert even == pytest.approx(0.1)

    def test_p_cell_never_falls_with_the_score(self, alike):
        logits, truth = brain_of(0, 500)
        turned = Labels(np.arange(500), ~truth, np.ones(500))
        p_cell = score_posterior(logits, [turned], alike, seed=1).p_cell(logits)
        assert (np.diff(p_cell[np.argsort(logits)]) >= 0).all()

    def test_further_labels_are_expected_to_make_it_more_certain_not_different(self, alike):
        logits, truth = brain_of(0)
        labels = [labelled(truth, 50)]
        now = share_of_cells(score_posterior(logits, labels, alike, seed=1))
        (posterior,) = posteriors_to_come(logits, labels, alike, 1, [(200, None)])
        then = share_of_cells(posterior)
        assert then.std() < 0.7 * now.std()
        assert then.mean() == pytest.approx(now.mean(), abs=0.02)

    def test_the_same_seed_gives_the_same_draws(self, alike):
        logits, truth = brain_of(0)
        one, two = (score_posterior(logits, [labelled(truth, 30)], alike, seed=5) for _ in "ab")
        np.testing.assert_array_equal(one.shares, two.shares)

    @pytest.mark.parametrize("logits", [[0.3], [-20.0] * 50, [5.0] * 3 + [-5.0] * 3])
    def test_few_or_equal_scores_are_no_trouble(self, alike, logits):
        posterior = score_posterior(np.array(logits), [], alike, seed=1)
        assert np.isfinite(posterior.shares).all()
        assert len(posterior.p_cell(np.array(logits))) == len(logits)


class TestThreshold:
    def test_labels_bring_a_shifted_brain_near_its_best_threshold(self, alike):
        logits, truth = brain_of(-2.0)
        posterior = score_posterior(logits, [labelled(truth, 200)], alike, seed=1)
        cut, expected = brain_threshold(posterior, logits)
        best = choose_threshold(truth, logits)
        f1 = {name: _f1(truth, logits >= at) for name, at in (("own", cut), ("best", best))}
        assert f1["own"] > f1["best"] - 0.02
        assert expected["f1"] == pytest.approx(f1["own"], abs=0.08)

    def test_a_threshold_that_is_right_is_hardly_moved_by_the_chance_of_few_labels(self, alike):
        logits, truth = brain_of(0)
        in_use = choose_threshold(truth, logits)
        reached = []
        for seed in range(10):
            posterior = score_posterior(logits, [labelled(truth, 25, seed)], alike, seed=1)
            free, _ = brain_threshold(posterior, logits)
            kept, _ = brain_threshold(posterior, logits, in_use=in_use)
            reached.append(
                [_f1(truth, logits >= in_use) - _f1(truth, logits >= c) for c in (free, kept)]
            )
        free_loss, kept_loss = np.mean(reached, axis=0)
        assert kept_loss < 0.7 * free_loss
        assert kept_loss < 0.01

    def test_with_caution_a_wrong_threshold_is_left_all_the_same(self, alike):
        logits, truth = brain_of(-2.0)
        posterior = score_posterior(logits, [labelled(truth, 100)], alike, seed=1)
        kept, expected = brain_threshold(posterior, logits, in_use=-1.0)
        assert _f1(truth, logits >= kept) > _f1(truth, logits >= -1.0) + 0.05
        assert expected["f1"] > expected_at(posterior, logits, logits >= -1.0)["f1"]

    def test_where_all_candidates_are_labelled_the_cut_is_the_best_of_all(self, alike):
        logits, truth = brain_of(-1.0, candidates=200)
        labels = [labelled(truth, 120), labelled(truth, 200, seed=2)]
        posterior = score_posterior(logits, labels, alike, seed=1)
        cut, expected = brain_threshold(posterior, logits, in_use=0.0, labels=labels)
        best = _f1(truth, logits >= choose_threshold(truth, logits))
        assert _f1(truth, logits >= cut) == pytest.approx(best)
        assert expected["f1"] == pytest.approx(best)

    @pytest.mark.parametrize("in_use", [-50.0, 50.0])
    def test_a_threshold_that_takes_all_or_none_is_no_trouble(self, alike, in_use):
        logits, truth = brain_of(0)
        posterior = score_posterior(logits, [labelled(truth, 100)], alike, seed=1)
        cut, _ = brain_threshold(posterior, logits, in_use=in_use)
        assert 0 < (logits >= cut).sum() < len(logits)

    def test_a_wished_recall_is_reached_with_no_more_candidates_than_it_takes(self, alike):
        logits, _ = brain_of(0)
        posterior = score_posterior(logits, [], alike, seed=1)
        cut, expected = brain_threshold(posterior, logits, {"recall": 0.9})
        assert expected["recall"] >= 0.9
        higher = np.sort(logits[logits > cut])[len(logits) // 50]
        assert expected_at(posterior, logits, logits >= higher)["recall"] < 0.9

    def test_what_to_expect_of_no_cell_at_all_is_no_recall(self, alike):
        logits, _ = brain_of(0)
        posterior = score_posterior(logits, [], alike, seed=1)
        assert expected_at(posterior, logits, np.zeros(len(logits), bool))["recall"] == 0


def _f1(truth: np.ndarray, taken: np.ndarray) -> float:
    return 2 * (truth & taken).sum() / (truth.sum() + taken.sum())
