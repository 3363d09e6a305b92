"""An annotation that lies elsewhere is told with what would fit; a right one never is."""

import time

import numpy as np
import pytest

from cellsift.labels.placement import doubts_of_distance, doubts_of_placement

SHAPE, VOXEL = (60, 200, 150), (5.0, 2.0, 2.0)
EXTENT = np.array(SHAPE)


@pytest.fixture
def cells():
    """Cells in tissue that is no box: they crowd towards one corner."""
    return np.random.default_rng(5).uniform(0, 1, (120, 3)) ** 1.5 * (EXTENT - 1)


@pytest.fixture
def candidates(cells):
    """A candidate near most cells, and five times as many elsewhere."""
    random = np.random.default_rng(6)
    near = cells[:100] + random.normal(0, 0.3, (100, 3))
    return np.concatenate([near, random.uniform(0, 1, (500, 3)) * (EXTENT - 1)])


def told(candidates, cells):
    return doubts_of_placement(candidates, cells, VOXEL, 10, SHAPE)


def test_a_right_annotation_is_not_doubted(candidates, cells):
    assert told(candidates, cells) == []
    assert told(candidates, cells[:12]) == []


@pytest.mark.parametrize("seed", range(20))
def test_poor_detection_is_not_blamed_on_the_annotation(cells, seed):
    """Candidates that have nothing to do with the cells, sparse or dense, fit no reading."""
    random = np.random.default_rng(seed)
    for count in (30, 600, 6000):
        unrelated = random.uniform(0, 1, (count, 3)) ** 1.5 * (EXTENT - 1)
        assert told(unrelated, cells) == []
        assert told(unrelated, cells[:15]) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p[:, ::-1], "in the order x, y, z instead of z, y, x"),
        (lambda p: p[:, [0, 2, 1]], "in the order z, x, y instead of z, y, x"),
        (lambda p: p[:, [1, 2, 0]], "in the order y, x, z instead of z, y, x"),
        (lambda p: p[:, [2, 0, 1]], "in the order x, z, y instead of z, y, x"),
        (lambda p: p * VOXEL, "in µm instead of voxels"),
        (lambda p: (p * VOXEL)[:, ::-1], "in µm and in the order x, y, z"),
        (lambda p: p * VOXEL / 25, "in voxels of 25 µm"),
        (lambda p: p * VOXEL / 1000, "in mm instead of voxels"),
        (lambda p: (p * VOXEL / 1000)[:, ::-1], "in mm instead of voxels and in the order x, y, z"),
        (lambda p: p / [1, 4, 4], "in pixels 4 times as wide"),
        (lambda p: p * 2, "in voxels 2 times as narrow along every axis"),
        (lambda p: [0, 199, 0] + p * [1, -1, 1], "counted from the other end along y"),
        (lambda p: [59, 0, 149] + p * [-1, 1, -1], "counted from the other end along z, x"),
    ],
)
def test_another_order_unit_or_end_is_named(candidates, cells, change, said):
    (doubt,) = told(candidates, change(cells))
    assert said in doubt
    assert "a candidate where they are annotated, but" in doubt
    count = int(doubt.split(", but ")[1].split()[0])
    assert 95 <= count <= 120


def test_another_order_is_named_where_detection_misses_most_cells(candidates, cells):
    """Too high a threshold must not hide that the annotation lies elsewhere."""
    distance = np.linalg.norm((candidates[:, None] - cells) * VOXEL, axis=2).min(axis=1)
    found = np.flatnonzero(distance <= 10)
    few = np.delete(candidates, found[len(found) // 3 :], axis=0)
    assert told(few, cells) == []
    (doubt,) = told(few, cells[:, ::-1])
    assert "in the order x, y, z instead of z, y, x" in doubt
    count = int(doubt.split(", but ")[1].split()[0])
    assert 0.2 * len(cells) < count < 0.4 * len(cells)


def test_positions_that_would_shrink_into_one_candidate_do_not_fit():
    """Forty cells without a candidate fit into the reach of a single one if drawn together."""
    random = np.random.default_rng(1)
    cells = random.uniform((20, 80, 80), (32, 110, 110), (40, 3))
    far = random.uniform((50, 150, 0), (59, 199, 149), (30, 3))
    assert told(np.concatenate([cells.mean(axis=0)[None] / 8, far]), cells) == []


@pytest.mark.parametrize("shift", [(4, 0, 0), (0, 15, -12)])
def test_a_shift_is_named_in_voxels(candidates, cells, shift):
    (doubt,) = told(candidates, cells + shift)
    found = [float(part) for part in doubt.split("moved by (")[1].split(")")[0].split(",")]
    np.testing.assert_allclose(found, np.negative(shift), atol=0.4)


def test_planes_that_were_counted_from_1_are_told(candidates, cells):
    (doubt,) = told(candidates, cells + 1)
    assert "+1.0 voxels along z" in doubt
    # Half a voxel is what people and programs disagree about.
    assert told(candidates, cells + 0.5) == []


def test_the_detections_own_output_is_told(candidates):
    (doubt,) = told(candidates, candidates.round(3))
    assert "detection's own output" in doubt
    # Candidates of which people have chosen the cells are an annotation.
    assert told(candidates, candidates[:400]) == []


def test_a_whole_brain_takes_seconds():
    random = np.random.default_rng(0)
    shape = (2000, 4000, 3000)
    candidates = random.uniform(0, 1, (1_000_000, 3)) * shape
    begun = time.monotonic()
    doubts = doubts_of_placement(candidates, candidates[:100_000, ::-1], VOXEL, 10, shape)
    assert "2000 would have one" in doubts[0]
    assert time.monotonic() - begun < 60


@pytest.fixture
def rows_of_cells():
    """Cells on a grid, 10 µm apart along each axis."""
    return np.stack(np.meshgrid(*[np.arange(4)] * 3), axis=-1).reshape(-1, 3) * 10 / VOXEL


def test_a_matching_distance_that_reaches_the_next_cell_is_told_with_one_that_fits(rows_of_cells):
    (doubt,) = doubts_of_distance(rows_of_cells, VOXEL, 12)
    assert "12 µm" in doubt
    assert "another one within 10 µm" in doubt
    assert doubt.endswith("5.")


def test_a_matching_distance_is_not_doubted_where_cells_lie_further_apart(rows_of_cells):
    assert doubts_of_distance(rows_of_cells, VOXEL, 10) == []
    assert doubts_of_distance(rows_of_cells * 2, VOXEL, 12) == []


def test_of_few_cells_and_of_cells_listed_twice_no_distance_is_told(rows_of_cells):
    assert doubts_of_distance(rows_of_cells[:9], VOXEL, 12) == []
    assert doubts_of_distance(rows_of_cells[:0], VOXEL, 12) == []
    assert doubts_of_distance(np.repeat(rows_of_cells, 2, axis=0), VOXEL, 12) == []
