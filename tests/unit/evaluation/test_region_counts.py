"""Numbers of cells by region, and of marked blocks."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cellsift.calibration.between_brains import between_brains
from cellsift.calibration.between_places import SPREAD, between_places, equal_parts
from cellsift.calibration.score_posterior import Labels
from cellsift.evaluation.counts.block_rows import block_rows
from cellsift.evaluation.counts.estimate import Evidence, count_cells
from cellsift.evaluation.counts.recall import MarkedBlocks

RECALL = [(95, 100), (92, 100), (97, 100)]
REGIONS = 6


def brain_of(seed: int, apart: float = 0.0, candidates: int = 3000):
    """Logits, truth and region; regions differ in the log odds of a cell at equal score."""
    random = np.random.default_rng(seed)
    logits = random.normal(-1, 2.5, candidates)
    region = random.integers(0, REGIONS, candidates)
    offsets = random.normal(0, apart, REGIONS)
    return logits, random.random(candidates) < expit(logits + offsets[region]), region


BETWEEN = between_brains([brain_of(seed)[:2] for seed in range(3)])


def counted(logits, region, labels=(), spread=SPREAD, recall=RECALL) -> pd.DataFrame:
    names = pd.Categorical([f"r{number}" for number in region])
    evidence = Evidence(
        logits, logits > 0, BETWEEN, recall, labels, MarkedBlocks.none(), between_places=spread
    )
    return count_cells(evidence, 1, names).set_index("region")


def width(row: pd.Series) -> float:
    return (row["high"] - row["low"]) / row["count"]


def of_region(truth: np.ndarray, region: np.ndarray, number: int, labels: int) -> Labels:
    rows = np.flatnonzero(region == number)[:labels]
    return Labels(rows, truth[rows], np.ones(len(rows)))


class TestRegions:
    def test_intervals_hold_the_truth_where_regions_differ(self):
        """How often exactly is in reports/coverage.md."""
        held, without = [], []
        for seed in range(12):
            logits, truth, region = brain_of(seed, apart=0.8)
            rows = np.random.default_rng(seed).choice(len(truth), 100, replace=False)
            labels = [Labels(rows, truth[rows], np.ones(100))]
            for spread, kept in ((0.8, held), (1e-3, without)):
                table = counted(logits, region, labels, spread)
                for number in range(REGIONS):
                    row = table.loc[f"r{number}"]
                    cells = truth[region == number].sum()
                    kept.append(row["among_low"] <= cells <= row["among_high"])
        assert np.mean(held) >= 0.88
        assert np.mean(without) <= 0.8

    def test_the_whole_brain_s_row_does_not_depend_on_regions(self):
        logits, truth, region = brain_of(1)
        labels = [of_region(truth, region, 2, 50)]
        with_regions = counted(logits, region, labels).loc["all"]
        evidence = Evidence(logits, logits > 0, BETWEEN, RECALL, labels)
        alone = count_cells(evidence, 1).set_index("region").loc["all"]
        pd.testing.assert_series_equal(with_regions, alone)

    def test_labels_of_a_region_tell_of_it_more_than_of_the_others(self):
        logits, truth, region = brain_of(2)
        # There nothing is a cell, whatever the scores say.
        truth = truth & (region != 3)
        labels = [of_region(truth, region, number, 40) for number in (0, 2, 3, 4, 5)]
        before, after = counted(logits, region), counted(logits, region, labels)
        there = after.at["r3", "among_candidates"] / before.at["r3", "among_candidates"]
        elsewhere = after.at["r1", "among_candidates"] / before.at["r1", "among_candidates"]
        assert there < 0.3 < 0.7 < elsewhere
        assert after.loc[["r3", "r1"], "labels"].tolist() == [40, 0]

    def test_labels_of_a_marked_block_in_a_region_tell_of_it_too(self):
        logits, truth, region = brain_of(3)
        of_block = of_region(truth, region, 4, 80)
        block = Labels(of_block.rows, of_block.is_cell, of_block.weight, np.ones(80))
        before, after = counted(logits, region), counted(logits, region, [block])
        assert width(after.loc["r4"]) < width(before.loc["r4"])
        assert after.at["r4", "in_blocks"] == 80

    def test_the_more_places_differ_the_wider_the_intervals_of_regions(self):
        logits, _, region = brain_of(4)
        narrow, wide = (counted(logits, region, spread=spread) for spread in (0.1, 2.0))
        assert width(wide.loc["r1"]) > 1.5 * width(narrow.loc["r1"])
        assert width(wide.loc["all"]) == width(narrow.loc["all"])

    def test_what_detection_misses_differs_between_regions_too(self):
        """Here scores are sure, and blocks tell of the brain that half of its cells are found."""
        logits, region = np.repeat([-12.0, 12.0], [2000, 3000]), np.arange(5000) % REGIONS
        blocks = MarkedBlocks(np.full(60, 100.0), np.full(60, 50.0), np.ones(60))
        evidence = Evidence(logits, logits > 0, BETWEEN, RECALL, blocks=blocks, between_places=1e-3)
        names = pd.Categorical([f"r{number}" for number in region])
        table = count_cells(evidence, 1, names).set_index("region")
        assert width(table.loc["all"]) < 0.2
        assert width(table.loc["r1"]) > 0.6

    def test_the_brain_s_interval_holds_the_truth_where_marked_blocks_lie_in_regions_that_differ(
        self,
    ):
        """Two blocks tell of two regions, and the others differ from these."""
        held = {0.8: [], 1e-3: []}
        for seed in range(40):
            logits, truth, region = brain_of(seed, apart=0.8)
            rows = np.flatnonzero(region < 2)
            blocks = [Labels(rows, truth[rows], np.ones(len(rows)), region[rows])]
            for spread, kept in held.items():
                row = counted(logits, region, blocks, spread).loc["all"]
                kept.append(row["among_low"] <= truth.sum() <= row["among_high"])
        assert np.mean(held[0.8]) >= 0.9
        assert np.mean(held[1e-3]) <= 0.85

    def test_a_region_that_is_nearly_the_brain_is_as_certain_as_the_brain(self):
        logits, truth, _ = brain_of(7)
        rows = np.random.default_rng(7).choice(len(truth), 150, replace=False)
        region = (np.arange(len(logits)) >= 2970).astype(int)
        for labels in ([], [Labels(rows, truth[rows], np.ones(150))]):
            table = counted(logits, region, labels)
            assert width(table.loc["r0"]) < 1.1 * width(table.loc["all"])

    def test_a_single_region_is_the_brain(self):
        logits, _, _ = brain_of(8)
        table = counted(logits, np.zeros(len(logits), int))
        assert width(table.loc["r0"]) == pytest.approx(width(table.loc["all"]), rel=0.05)

    def test_a_region_without_candidates_has_no_row(self):
        logits, _, region = brain_of(6)
        names = pd.Categorical.from_codes(region, [f"r{n}" for n in range(REGIONS)] + ["empty"])
        evidence = Evidence(logits, logits > 0, BETWEEN, RECALL)
        assert "empty" not in set(count_cells(evidence, 1, names)["region"])


class TestBetweenPlaces:
    @staticmethod
    def train_brain(seed: int, apart: float):
        random = np.random.default_rng(seed)
        positions = random.random((4000, 3)) * (50, 400, 600)
        logits = random.normal(-0.5, 2, 4000)
        part = equal_parts(positions, 8)
        offset = random.normal(0, apart, 8)[part]
        return logits, random.random(4000) < expit(logits + offset), positions

    def test_it_follows_how_unlike_places_of_the_train_brains_are(self):
        alike, unlike = (
            between_places([self.train_brain(seed, apart) for seed in range(4)])
            for apart in (0.0, 2.0)
        )
        assert alike == SPREAD
        assert 1.2 < unlike < 2.0

    @pytest.mark.parametrize("candidates", [0, 5, 200])
    def test_few_candidates_tell_nothing(self, candidates):
        brain = tuple(values[:candidates] for values in self.train_brain(1, 2.0))
        assert between_places([brain]) == between_places([]) == SPREAD

    def test_parts_are_equal_and_lie_together(self):
        random = np.random.default_rng(1)
        positions = random.random((800, 3)) * (10, 100, 400)
        part = equal_parts(positions, 8)
        assert np.bincount(part).tolist() == [100] * 8
        # Only the longest sides were cut: x twice, y once.
        for number in range(8):
            assert np.ptp(positions[part == number, 2]) < 130


class TestBlocks:
    def test_a_row_has_what_people_marked_and_what_the_arm_calls_cells(self):
        box = {"z0": 0, "y0": 0, "x0": 0, "z1": 10, "y1": 50, "x1": 50}
        blocks = pd.DataFrame([{"block": "left"} | box, {"block": "right"} | box])
        blocks.loc[1, ["x0", "x1"]] = [50, 100]
        cells = pd.DataFrame(
            [("left", 5, 10, 10), ("left", 5, 40, 40), ("right", 5, 25, 75)],
            columns=["block", "z", "y", "x"],
        )
        candidates = pd.DataFrame(
            [(5, 10, 11, True), (5, 30, 30, True), (5, 25, 75, False), (5, 45, 90, False)],
            columns=["z", "y", "x", "is_cell"],
        )
        table = block_rows(blocks, cells, candidates, (5.0, 2.0, 2.0), 10.0).set_index("region")
        columns = ["candidates", "naive", "count", "low", "high", "among_candidates"]
        assert table.loc["block left", columns].tolist() == [2, 2, 2, 2, 2, 1]
        assert table.loc["block right", columns].tolist() == [2, 0, 1, 1, 1, 1]

    def test_candidates_near_the_border_have_no_label_with_the_block(self):
        box = {"block": 1, "z0": 0, "y0": 0, "x0": 0, "z1": 40, "y1": 100, "x1": 100, "weight": 1}
        cells = pd.DataFrame({"block": [1], "z": [20], "y": [50], "x": [50]})
        candidates = pd.DataFrame({"z": [20, 20], "y": [50, 98], "x": 50, "is_cell": True})
        row = block_rows(pd.DataFrame([box]), cells, candidates, (5.0, 2.0, 2.0), 10.0).iloc[0]
        assert (row["candidates"], row["in_blocks"]) == (2, 1)
