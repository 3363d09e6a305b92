"""Random draws: everyone's chance is as it is said, so that totals are not biased."""

import numpy as np
import pandas as pd
import pytest

from cellsift.annotation.drawing import (
    CORNERS,
    blocks_to_draw,
    boxes_of,
    cells_in_boxes,
    draw_blocks,
    draw_candidates,
    inclusion_probabilities,
)

DRAWS = 3000
SIZE = (5.0, 2.0, 2.0)


@pytest.fixture(scope="module")
def p_cell() -> np.ndarray:
    """Most are sure, as networks are; some are alike."""
    random = np.random.default_rng(3)
    return np.concatenate([random.beta(0.2, 0.6, 70), np.full(10, 0.5), np.zeros(10)])


@pytest.fixture(scope="module")
def draws(p_cell) -> list[tuple[np.ndarray, np.ndarray]]:
    return [draw_candidates(p_cell, 20, seed) for seed in range(DRAWS)]


def counted(drawn: list[np.ndarray], count: int) -> np.ndarray:
    """How often each was drawn, as a share of all draws."""
    return np.bincount(np.concatenate(drawn), minlength=count) / len(drawn)


def test_each_is_drawn_as_often_as_it_is_said(p_cell, draws):
    said = np.full(len(p_cell), np.nan)
    for rows, probability in draws:
        assert len(set(rows)) == len(rows) == 20
        said[rows] = probability
    assert not np.isnan(said).any()
    assert said.sum() == pytest.approx(20)
    error = np.sqrt(said * (1 - said) / DRAWS)
    assert (np.abs(counted([rows for rows, _ in draws], len(p_cell)) - said) < 4.5 * error).all()


def test_the_estimate_of_the_number_of_cells_is_not_biased_whatever_the_arms_think(p_cell, draws):
    """Also where the arms are wrong about all."""
    for label in (p_cell > 0.5, p_cell < 0.5, np.arange(len(p_cell)) % 3 == 0):
        totals = np.array([(label[rows] / probability).sum() for rows, probability in draws])
        error = totals.std() / np.sqrt(DRAWS)
        assert abs(totals.mean() - label.sum()) < 4 * error


def test_the_doubtful_are_drawn_more_often_and_nobody_never():
    p_cell = np.array([0.0, 0.5, 1.0, 0.02] * 25)
    rows, probability = draw_candidates(p_cell, 30, seed=1)
    of = dict(zip(p_cell[rows], probability, strict=True))
    assert of[0.5] > 2 * of[0.02] > 2 * of[0.0] > 0
    assert probability.min() >= 0.3 * 30 / 100


def test_the_sample_is_spread_over_the_scores():
    """Of each part of the scores almost as many are drawn as are expected, every time."""
    p_cell = np.linspace(0, 1, 200)
    for seed in range(50):
        rows, _ = draw_candidates(p_cell, 40, seed, uniform_share=1.0)
        counts = np.histogram(p_cell[rows], 4, (0, 1))[0]
        assert counts.min() >= 9


def test_who_stops_half_way_has_labelled_a_random_half(draws, p_cell):
    said = np.zeros(len(p_cell))
    for rows, probability in draws:
        said[rows] = probability
    first = counted([rows[:10] for rows, _ in draws], len(p_cell))
    error = np.sqrt(said / 2 / DRAWS)
    assert (np.abs(first - said / 2) < 4.5 * error).all()


def test_all_are_drawn_for_sure_where_they_are_few():
    rows, probability = draw_candidates(np.array([0.1, 0.9, 0.5]), 10, seed=1)
    assert sorted(rows) == [0, 1, 2]
    assert (probability == 1).all()
    assert len(draw_candidates(np.empty(0), 10, seed=1)[0]) == 0


def test_the_same_seed_draws_the_same(p_cell):
    one, other, another = (
        draw_candidates(p_cell, 20, seed)[0] for seed in ([7, 1], [7, 1], [7, 2])
    )
    assert (one == other).all()
    assert set(one) != set(another)


def test_no_probability_is_above_one_and_what_is_lost_there_the_others_get():
    importance = np.array([100.0, 50, *np.ones(18)])
    probability = inclusion_probabilities(importance, 8, 0.1)
    assert probability.sum() == pytest.approx(8)
    assert probability.max() == 1
    assert probability[:2] == pytest.approx([1, 1])
    assert probability[2:] == pytest.approx(np.full(18, 6 / 18))


@pytest.fixture(scope="module")
def brain() -> tuple[tuple[int, int, int], np.ndarray, np.ndarray]:
    """A volume whose cells crowd in a corner: its shape, candidates and their p_cell."""
    random = np.random.default_rng(5)
    shape = (30, 240, 310)
    points = random.uniform(0, 1, (400, 3)) ** [1, 2, 2] * (np.array(shape) - 1)
    return shape, points, random.uniform(0, 1, 400)


def test_boxes_fill_the_volume_once(brain):
    shape, points, _ = brain
    boxes = boxes_of(shape, SIZE, 100)
    seen = np.zeros(shape, int)
    for box in boxes[CORNERS].to_numpy():
        seen[tuple(slice(a, b) for a, b in zip(box[:3], box[3:], strict=True))] += 1
    assert (seen == 1).all()
    sides = (boxes[CORNERS[3:]].to_numpy() - boxes[CORNERS[:3]].to_numpy()) * SIZE
    # As deep as fits: 150 µm are less than two boxes.
    assert set(sides[:, 0]) == {75.0} or set(sides[:, 0]) == {150.0}
    assert (np.abs(sides[:, 1:] / 100 - 1) < 0.2).all()
    assert cells_in_boxes(boxes, points, np.ones(len(points))).sum() == len(points)


def test_blocks_count_all_cells_without_bias_also_where_none_is_expected(brain):
    shape, points, p_cell = brain
    # Cells that nobody expects: where the arms see none, too.
    cells = np.random.default_rng(1).uniform(0, 1, (300, 3)) * (np.array(shape) - 1)
    boxes = boxes_of(shape, SIZE, 100)
    held = boxes.assign(cells=cells_in_boxes(boxes, cells, np.ones(300)))
    totals, chosen = [], []
    for seed in range(300):
        drawn = draw_blocks(shape, SIZE, points, p_cell, 6, 100, seed)
        assert list(drawn) == ["block", *CORNERS, "probability", "population"]
        assert list(drawn["block"]) == [1, 2, 3, 4, 5, 6]
        known = drawn.merge(held, on=CORNERS)
        totals.append((known["cells"] / known["probability"]).sum())
        chosen.append(drawn)
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - 300) < 4 * error
    often = pd.concat(chosen).groupby(CORNERS)["probability"].agg(["size", "first"])
    assert len(often) == len(boxes)
    share = often["size"] / len(totals)
    error = np.sqrt(often["first"] * (1 - often["first"]) / len(totals))
    assert ((share - often["first"]).abs() <= 4.5 * error + 1e-9).all()


def test_dark_boxes_are_drawn_only_where_there_are_candidates(brain):
    shape, points, p_cell = brain
    boxes = boxes_of(shape, SIZE, 100)
    in_first = cells_in_boxes(boxes.head(1), np.array([[0, 0, 0]]), np.ones(1))
    assert in_first[0] == 1
    one = np.array([[1.0, 2, 3]])
    tissue = np.zeros(len(boxes), bool)
    tissue[-1] = True
    drawn = draw_blocks(shape, SIZE, one, np.array([0.5]), 10, 100, seed=1, tissue=tissue)
    assert len(drawn) == 2
    assert (drawn["probability"] == 1).all()
    assert {tuple(row) for row in drawn[CORNERS].to_numpy()} == {
        tuple(row) for row in boxes[CORNERS].iloc[[0, -1]].to_numpy()
    }


def test_blocks_that_are_done_are_not_drawn_again(brain):
    shape, points, p_cell = brain
    first = draw_blocks(shape, SIZE, points, p_cell, 10, 100, seed=1)
    more = draw_blocks(shape, SIZE, points, p_cell, 1000, 100, seed=1, done=first)
    assert len(more) == len(boxes_of(shape, SIZE, 100)) - 10
    assert not len(first.merge(more, on=CORNERS))


def test_blocks_are_drawn_as_often_as_is_told_before_a_draw():
    random = np.random.default_rng(1)
    points = np.concatenate([random.uniform(0, 50, (80, 3)), random.uniform(0, 100, (60, 3))])
    arguments = ((100, 100, 100), (1.0, 1.0, 1.0), points, random.uniform(0, 1, len(points)), 3, 25)
    boxes = boxes_of(*arguments[:2], 25)
    nowhere = np.zeros(len(boxes), bool)
    drawn = [draw_blocks(*arguments, seed=seed, tissue=nowhere) for seed in range(400)]
    found, at = blocks_to_draw(*arguments)
    held = cells_in_boxes(boxes, points, np.ones(len(points)))
    assert np.bincount(at).tolist() == held[held > 0].tolist()
    often = pd.concat(drawn)[CORNERS].value_counts(normalize=True).rename("often").reset_index()
    both = found.merge(often, on=CORNERS, how="left").fillna(0)
    assert both["often"].sum() == pytest.approx(1)
    assert both["often"].to_numpy() == pytest.approx(both["probability"] / 3, abs=0.02)
