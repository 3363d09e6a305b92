"""Numbers of cells with intervals."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cellsift.annotation.drawing import UNIFORM_BLOCKS, inclusion_probabilities
from cellsift.benchmarks.coverage.brains import BLOCKS, KINDS, TRAIN_CANDIDATES, draw_brain
from cellsift.benchmarks.coverage.trials import learnt, sampled
from cellsift.calibration.between_brains import between_brains
from cellsift.calibration.score_posterior import Labels
from cellsift.evaluation.counts.blocks import read_blocks
from cellsift.evaluation.counts.classical import classical_count
from cellsift.evaluation.counts.estimate import Evidence, count_cells
from cellsift.evaluation.counts.further import (
    FurtherBlocks,
    cells_in_further_blocks,
    what_labels_buy,
)
from cellsift.evaluation.counts.recall import MarkedBlocks, recall_draws
from cellsift.evaluation.counts.words import UNCHECKED, count_in_words

TRAIN_RECALL = [(95, 100), (92, 100), (97, 100)]


def brain_of(offset: float, candidates: int = 3000, seed: int = 0):
    random = np.random.default_rng(seed)
    logits = random.normal(-1, 2.5, candidates)
    return logits, random.random(candidates) < expit(logits + offset)


BETWEEN = between_brains([brain_of(0, seed=seed) for seed in range(3)])


def evidence_of(logits, labels=(), blocks=None, recall=TRAIN_RECALL) -> Evidence:
    return Evidence(logits, logits > 0, BETWEEN, recall, labels, blocks or MarkedBlocks.none())


def labelled(truth: np.ndarray, number: int, seed: int = 1) -> Labels:
    rows = np.random.default_rng(seed).choice(len(truth), number, replace=False)
    return Labels(rows, truth[rows], np.ones(number))


def width(row: pd.Series) -> int:
    return row["high"] - row["low"]


def even_blocks(cells: float, candidates: int = 3000, labelled: bool = True) -> FurtherBlocks:
    """Sixty blocks of as many candidates each, which get labels or do not."""
    block_of = np.arange(candidates) % 60
    return FurtherBlocks(block_of, np.full(candidates, labelled), np.full(60, 1 / 60), cells)


class TestCount:
    def test_intervals_hold_the_truth_where_the_naive_count_is_far_from_it(self):
        """Brains that differ; how often exactly is in reports/coverage.md."""
        random, held, naive = np.random.default_rng(1), [], []
        for seed in range(40):
            logits, truth = brain_of(random.normal(0, 0.9), seed=seed)
            row = count_cells(evidence_of(logits, [labelled(truth, 60, seed)]), seed).iloc[0]
            held.append(row["among_low"] <= truth.sum() <= row["among_high"])
            naive.append(row["naive"] / truth.sum())
        assert np.mean(held) >= 0.87
        assert np.std(naive) > 0.2

    def test_labels_narrow_the_interval(self):
        logits, truth = brain_of(0)
        rows = [
            count_cells(evidence_of(logits, [labelled(truth, n)] if n else []), 1).iloc[0]
            for n in (0, 50, 400)
        ]
        assert width(rows[0]) > 1.5 * width(rows[1]) > 1.5 * width(rows[2])
        assert [row["labels"] for row in rows] == [0, 50, 400]

    def test_where_every_candidate_is_labelled_their_number_is_known(self):
        logits, truth = brain_of(-1, 300)
        labels = [Labels(np.arange(300), truth, np.ones(300))]
        row = count_cells(evidence_of(logits, labels), 1).iloc[0]
        assert row["among_low"] == row["among_candidates"] == row["among_high"] == truth.sum()
        # What detection missed is not.
        assert row["low"] < row["high"]

    def test_cells_that_detection_missed_are_counted(self):
        logits, truth = brain_of(0)
        poor = count_cells(evidence_of(logits, recall=[(50, 100)] * 4), 1).iloc[0]
        good = count_cells(evidence_of(logits, recall=[(99, 100)] * 4), 1).iloc[0]
        assert poor["count"] == pytest.approx(2 * poor["among_candidates"], rel=0.15)
        assert good["count"] == pytest.approx(good["among_candidates"], rel=0.05)

    def test_the_parts_of_a_brain_make_up_the_whole(self):
        logits, truth = brain_of(0)
        region = pd.Categorical(np.where(np.arange(3000) < 1000, "left", "right"))
        table = count_cells(evidence_of(logits, [labelled(truth, 100)]), 1, region)
        table = table.set_index("region")
        parts = table.loc[["left", "right"]]
        assert parts["count"].sum() == pytest.approx(table.at["all", "count"], rel=0.03)
        assert parts["labels"].sum() == table.at["all", "labels"] == 100
        assert parts["naive"].sum() == table.at["all", "naive"]

    def test_a_candidate_in_two_draws_counts_once(self):
        logits, truth = brain_of(0)
        one = labelled(truth, 50)
        row = count_cells(evidence_of(logits, [one, one.without(one.rows[:20])]), 1).iloc[0]
        assert row["labels"] == 50

    def test_candidates_in_blocks_are_told_apart_from_labels_of_single_ones(self):
        logits, truth = brain_of(0)
        block = Labels(np.arange(100), truth[:100], np.ones(100), np.repeat([1, 2], 50))
        single = Labels(np.arange(90, 140), truth[90:140], np.ones(50))
        region = pd.Categorical(np.where(np.arange(3000) < 95, "left", "right"))
        table = count_cells(evidence_of(logits, [single, block]), 1, region).set_index("region")
        assert table["labels"].to_dict() == {"all": 50, "left": 5, "right": 45}
        assert table["in_blocks"].to_dict() == {"all": 90, "left": 90, "right": 0}

    def test_a_brain_without_candidates_has_a_row(self):
        row = count_cells(evidence_of(np.zeros(0)), 1).iloc[0]
        assert (row["candidates"], row["count"]) == (0, 0)

    def test_the_same_seed_gives_the_same_count(self):
        logits, truth = brain_of(0)
        one, two = (count_cells(evidence_of(logits, [labelled(truth, 30)]), 7) for _ in "ab")
        pd.testing.assert_frame_equal(one, two)

    def test_a_million_candidates_take_little_memory(self):
        logits, _ = brain_of(0, 1_000_000)
        tracemalloc.start()
        count_cells(evidence_of(logits), 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 300e6


class TestRecall:
    def test_blocks_outweigh_the_train_brains(self):
        blocks = MarkedBlocks(np.array([60, 80, 70]), np.array([30, 42, 34]), np.ones(3))
        found = recall_draws(TRAIN_RECALL, blocks, 2000, 1)
        assert np.median(found) == pytest.approx(0.5, abs=0.08)

    def test_blocks_that_differ_make_less_certain_than_blocks_that_agree(self):
        cells = np.full(6, 50)
        agreeing = MarkedBlocks(cells, np.full(6, 40), np.ones(6))
        differing = MarkedBlocks(cells, np.array([50, 50, 50, 30, 30, 30]), np.ones(6))
        spread = [recall_draws(TRAIN_RECALL, b, 4000, 1).std() for b in (agreeing, differing)]
        assert spread[1] > 1.4 * spread[0]

    def test_a_block_that_was_unlikely_to_be_drawn_counts_for_more(self):
        blocks = MarkedBlocks(np.array([50, 50]), np.array([50, 10]), np.array([9.0, 1.0]))
        other = MarkedBlocks(blocks.cells, blocks.found, np.array([1.0, 9.0]))
        high, low = (np.median(recall_draws([], b, 4000, 1)) for b in (blocks, other))
        assert high > low + 0.2

    def test_without_any_knowledge_all_is_possible(self):
        found = recall_draws([], MarkedBlocks.none(), 4000, 1)
        assert np.quantile(found, 0.025) < 0.3
        assert np.quantile(found, 0.975) > 0.95


class TestBlocks:
    SIZE, DISTANCE = (5.0, 2.0, 2.0), 6.0
    BOXES = pd.DataFrame(
        [[1, 0, 0, 0, 10, 50, 50, 4.0]],
        columns=["block", "z0", "y0", "x0", "z1", "y1", "x1", "weight"],
    )

    def read(self, cells, candidates):
        cells = pd.DataFrame(cells, columns=["z", "y", "x"]).assign(block=1)
        return read_blocks(self.BOXES, cells, np.array(candidates, float), self.SIZE, self.DISTANCE)

    def test_cells_and_artefacts_of_a_block(self):
        blocks, labels = self.read(
            cells=[(5, 10, 10), (5, 30, 30)],
            candidates=[(5, 11, 10), (5, 20, 20), (5, 31, 32), (5, 80, 80)],
        )
        assert (blocks.cells[0], blocks.found[0], blocks.weight[0]) == (2, 2, 4.0)
        assert dict(zip(labels.rows.tolist(), labels.is_cell.tolist(), strict=True)) == {
            0: True,
            2: True,
            1: False,
        }
        assert labels.block.tolist() == [1, 1, 1]

    def test_beside_what_annotators_dispute_a_candidate_is_neither_cell_nor_artefact(self):
        cells = pd.DataFrame([(5, 30, 30)], columns=["z", "y", "x"]).assign(block=1)
        candidates = np.array([(5, 11, 10), (5, 31, 30), (5, 20, 20)], float)
        doubt = pd.DataFrame([(5, 10, 10)], columns=["z", "y", "x"])
        _, labels = read_blocks(self.BOXES, cells, candidates, self.SIZE, self.DISTANCE, doubt)
        assert labels.rows.tolist() == [1, 2]

    def test_a_cell_without_a_candidate_is_missed(self):
        blocks, labels = self.read(cells=[(5, 10, 10)], candidates=[(5, 25, 25)])
        assert (blocks.cells[0], blocks.found[0]) == (1, 0)
        assert labels.is_cell.tolist() == [False]

    @pytest.mark.parametrize("depth", [4, 10, 30])
    def test_cells_are_no_larger_share_of_the_labels_than_of_the_candidates(self, depth):
        random = np.random.default_rng(0)
        candidates = random.uniform(0, (depth, 200, 200), (2000, 3))
        truth = random.random(2000) < 0.3
        box, low, high = self.block(depth)
        inside = ((candidates >= low) & (candidates < high)).all(axis=1)
        cells = pd.DataFrame(candidates[truth & inside], columns=["z", "y", "x"]).assign(block=1)
        blocks, labels = read_blocks(box, cells, candidates, self.SIZE, 4.0)
        assert blocks.found[0] == blocks.cells[0]
        assert labels.is_cell.mean() == pytest.approx(truth[inside].mean(), abs=0.04)

    def test_a_candidate_whose_cell_lies_beyond_the_border_is_not_called_an_artefact(self):
        random = np.random.default_rng(0)
        # Too far apart to be taken for each other.
        grid = np.meshgrid(*(np.arange(4, n, step) for n, step in ((30, 5), (200, 8), (200, 8))))
        candidates = np.stack(grid, axis=-1).reshape(-1, 3).astype(float)
        shifted = candidates + random.choice([-1.4, 1.4], candidates.shape) * [0.2, 1, 1]
        truth = random.random(len(candidates)) < 0.5
        box, low, high = self.block(30)
        marked = truth & ((shifted >= low) & (shifted < high)).all(axis=1)
        cells = pd.DataFrame(shifted[marked], columns=["z", "y", "x"]).assign(block=1)
        _, labels = read_blocks(box, cells, candidates, self.SIZE, 4.5)
        assert not truth[labels.rows[~labels.is_cell]].any()
        assert len(labels) > 200

    def block(self, depth: int):
        low, high = (0, 60, 60), (depth, 140, 140)
        return self.BOXES.assign(z0=0, y0=60, x0=60, z1=depth, y1=140, x1=140), low, high

    def test_a_second_candidate_at_a_cell_is_no_further_cell(self):
        _, labels = self.read(cells=[(5, 30, 30)], candidates=[(5, 30, 30), (5, 32, 30)])
        assert labels.rows.tolist() == [0, 1]
        assert labels.is_cell.tolist() == [True, False]

    def test_no_blocks_are_no_evidence(self):
        blocks, labels = read_blocks(
            self.BOXES[:0],
            pd.DataFrame(columns=["block", "z", "y", "x"]),
            np.zeros((3, 3)),
            self.SIZE,
            self.DISTANCE,
        )
        assert (len(blocks), labels) == (0, None)


class TestWhatLabelsBuy:
    def test_more_of_either_never_widens_the_interval(self):
        logits, truth = brain_of(0)
        blocks = MarkedBlocks(np.array([30, 40]), np.array([25, 36]), np.ones(2))
        evidence = evidence_of(logits, [labelled(truth, 40)], blocks)
        table = what_labels_buy(evidence, 1, blocks=even_blocks(35))
        table = table.pivot(index="labels", columns="blocks", values="width")
        assert (table.diff().dropna().to_numpy() <= 0).all()
        assert (table.diff(axis=1).dropna(axis=1).to_numpy() <= 0).all()
        assert table.iloc[-1, -1] < 0.8 * table.iloc[0, 0]

    def test_blocks_buy_more_the_more_cells_they_hold_also_before_one_is_marked(self):
        logits, truth = brain_of(0)
        evidence = evidence_of(logits, [labelled(truth, 400)], recall=[(60, 100)])
        widths = [
            what_labels_buy(evidence, 1, [0], blocks=even_blocks(cells, labelled=False))
            .set_index("blocks")["width"]
            .to_dict()
            for cells in (4, 40)
        ]
        assert widths[1][0] > widths[1][3] > widths[1][6]
        assert widths[1][6] < 0.9 * widths[0][6] < 0.9 * widths[0][0]
        assert list(what_labels_buy(evidence, 1, [0])["blocks"]) == [0]
        assert list(what_labels_buy(evidence, 1, [0], blocks=even_blocks(0))["blocks"]) == [0]

    def test_further_blocks_are_as_those_marked_or_as_called_cells_lie(self):
        marked = MarkedBlocks(np.array([30, 40]), np.array([25, 36]), np.ones(2))
        assert cells_in_further_blocks(marked, 9) == 35
        assert cells_in_further_blocks(MarkedBlocks.none(), 9) == 9

    def test_no_more_labels_are_promised_than_there_are_candidates(self):
        logits, truth = brain_of(0, 300)
        evidence = evidence_of(logits, [labelled(truth, 150)])
        assert set(what_labels_buy(evidence, 1)["labels"]) == {0, 50, 100}

    def test_what_is_promised_is_about_what_comes(self):
        logits, truth = brain_of(0)
        evidence = evidence_of(logits, [labelled(truth, 50)])
        promised = what_labels_buy(evidence, 1).set_index("labels").at[200, "width"]
        row = count_cells(evidence_of(logits, [labelled(truth, 250, seed=2)]), 1).iloc[0]
        assert width(row) / row["count"] == pytest.approx(promised, rel=0.25)

    @pytest.mark.parametrize("kind", KINDS[:4], ids=lambda kind: kind.name)
    @pytest.mark.parametrize("labels", [0, 50])
    def test_what_is_promised_of_blocks_is_about_what_comes(self, kind, labels):
        """For brains that differ in many ways; the middle of some, as chance is large."""
        random, ratios = np.random.default_rng(5), []
        for _ in range(5):
            train = [draw_brain(kind, TRAIN_CANDIDATES, random) for _ in range(kind.train)]
            brain = draw_brain(kind, kind.candidates, random)
            between, recall, logits, is_cell = learnt(train, brain)
            own, _ = sampled(brain, logits, labels, 0, random)
            evidence = Evidence(logits, is_cell, between, recall, own)
            table = what_labels_buy(evidence, 1, [0], [0, 3], self.blocks_of(brain, logits))
            more, marked = sampled(brain, logits, 0, 3, random)
            more = [*own, *(draw.without(own[0].rows) if own else draw for draw in more)]
            row = count_cells(Evidence(logits, is_cell, between, recall, more, marked), 1).iloc[0]
            ratios.append(table.set_index("blocks").at[3, "width"] / (width(row) / row["count"]))
        assert 1 / 1.5 < np.median(ratios) < 1.5

    def blocks_of(self, brain, logits) -> FurtherBlocks:
        expected = np.bincount(brain.block, expit(logits), minlength=BLOCKS)
        probability = inclusion_probabilities(expected, 3, UNIFORM_BLOCKS)
        every = np.ones(len(logits), bool)
        cells = float(probability @ expected / probability.sum())
        return FurtherBlocks(brain.block, every, probability / probability.sum(), cells)

    def test_what_is_labelled_with_a_block_lies_well_within_it_and_has_no_label_yet(self):
        boxes = pd.DataFrame([[0, 0, 0, 10, 50, 50], [0, 50, 0, 10, 100, 50]])
        boxes.columns = ["z0", "y0", "x0", "z1", "y1", "x1"]
        # In the middle, at the border between the blocks, known, in the middle of the second.
        candidates = np.array([[5, 20, 20], [5, 48, 20], [5, 25, 20], [5, 75, 20]], float)
        blocks = FurtherBlocks.of_boxes(
            boxes.assign(probability=[1.0, 0.5]),
            np.array([0, 0, 0, 1]),
            candidates,
            (5, 2, 2),
            6,
            3,
        )
        found = blocks.labels(1, known=[2])
        assert found.rows.tolist() == [0, 3]
        assert found.probability == pytest.approx([2 / 3, 1 / 3])
        assert found.number == 1
        assert blocks.labels(0, []) is None

    def test_blocks_whose_weights_differ_buy_less(self):
        logits, _ = brain_of(0)
        share = np.array([0.9, *np.full(59, 0.1 / 59)])
        even, uneven = even_blocks(20), replace(even_blocks(20), share=share)
        assert even.evenness(3, np.ones(3000)) == pytest.approx(1)
        assert uneven.evenness(3, np.ones(3000)) < 0.5
        widths = [
            what_labels_buy(evidence_of(logits), 1, [0], [0, 3], blocks)["width"].iloc[1]
            for blocks in (even, uneven)
        ]
        assert widths[1] > 1.1 * widths[0]


def test_a_plain_sample_has_wilsons_interval():
    count, low, high = classical_count(0, 50, 1000)
    assert (count, low) == (0, 0)
    assert high == pytest.approx(71.3, abs=0.5)


@pytest.mark.parametrize(
    ("labels", "blocks", "in_blocks", "said"),
    [
        (0, 0, 0, UNCHECKED),
        (1, 0, 0, "by 1 label of"),
        (0, 2, 0, "by 2 blocks of"),
        (9, 1, 1, "9 labels and 1 block with 1 candidate of"),
        (9, 3, 1067, "9 labels and 3 blocks with 1,067 candidates of"),
    ],
)
def test_a_count_in_words_says_what_it_rests_on(labels, blocks, in_blocks, said):
    found = {"count": 12345, "low": 9000, "high": 15000, "naive": 8, "candidates": 9}
    found |= {"labels": labels, "blocks": blocks, "in_blocks": in_blocks}
    text = count_in_words("mouse", "resnet", found)
    assert "12,345 cells (95% interval 9,000 to 15,000) by resnet" in text
    assert said in text


def test_without_a_candidate_there_is_no_count():
    found = {"count": 0, "low": 0, "high": 0, "naive": 0, "candidates": 0}
    text = count_in_words("mouse", "resnet", found | {"labels": 0, "blocks": 0})
    assert "detection proposes no candidate" in text
    assert "95%" not in text


def test_of_a_brain_under_alarm_a_count_is_no_result_whether_or_not_answers_do_not_count():
    found = {"count": 9, "low": 1, "high": 30, "naive": 8, "candidates": 50, "labels": 0}
    found |= {"blocks": 0, "in_blocks": 0}
    assert "so this is no result" not in count_in_words("mouse", "resnet", found)
    text = count_in_words("mouse", "resnet", found, unmeasured=True)
    assert text.startswith("brain mouse: unmeasured, 9 cells")
    assert "no sample of it was labelled, so this is no result" in text
    given = count_in_words("mouse", "resnet", found, "answers do not count", unmeasured=True)
    assert given.endswith("so this is no result; answers do not count")
    labelled = count_in_words("mouse", "resnet", found | {"labels": 50}, "", unmeasured=False)
    assert labelled.endswith("by 50 labels of this brain; 8 candidates were called cells")
