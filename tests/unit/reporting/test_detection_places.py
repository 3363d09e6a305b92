"""Which places the page of detection shows."""

import numpy as np
import pytest

from cellsift.reporting.detection_places import MISSES, NO_CELLS, PLACES, TYPICAL, choose_places

SHAPE, SIZE = (60, 200, 200), (4, 40, 40)


@pytest.fixture
def generator():
    return np.random.default_rng(3)


def spread(generator, count: int) -> np.ndarray:
    return generator.uniform(0, np.array(SHAPE) - 1, (count, 3))


def test_the_worst_place_comes_first(generator):
    """Where many cells are missed at one depth, not where many lie above each other."""
    cells, found = spread(generator, 300), np.ones(315, bool)
    worst = generator.uniform((30, 80, 80), (32, 110, 110), (15, 3))
    found[:8] = found[300:] = False
    first, *_ = choose_places(np.concatenate([cells, worst]), found, cells[:0], SIZE, SHAPE)
    assert first.kind == MISSES
    assert first.holds(worst).sum() >= 12


def test_places_of_all_kinds_are_shown_once_and_do_not_overlap(generator):
    cells = spread(generator, 400)
    found = generator.random(400) < 0.9
    places = choose_places(cells, found, spread(generator, 500), SIZE, SHAPE)
    assert [place.kind for place in places] == [MISSES] * 3 + [NO_CELLS] + [TYPICAL] * 2
    assert sum(place.holds(cells).astype(int) for place in places).max() == 1
    again = choose_places(cells, found, spread(np.random.default_rng(9), 500), SIZE, SHAPE)
    assert again[:3] == places[:3]


def test_a_place_lies_within_the_volume_however_small_it_is(generator):
    for shape in ((60, 200, 200), (2, 30, 300), (1, 1, 1)):
        cells = generator.uniform(-0.5, np.array(shape) - 0.5, (50, 3))
        places = choose_places(cells, np.zeros(50, bool), cells[:0], SIZE, shape)
        assert 0 < len(places) <= PLACES
        for place in places:
            assert all(a >= 0 for a in place.corner)
            assert all(a + n <= s for a, n, s in zip(place.corner, place.size, shape, strict=True))


def test_where_no_cell_is_missed_usual_places_are_shown(generator):
    dense = generator.uniform((30, 80, 80), (33, 110, 110), (90, 3))
    cells = np.concatenate([dense, spread(generator, 400)])
    places = choose_places(cells, np.ones(490, bool), cells[:0], SIZE, SHAPE)
    assert [place.kind for place in places] == [TYPICAL] * PLACES
    inside = [place.holds(cells).sum() for place in places]
    assert 0 < np.median(inside) < 20


def test_without_cells_and_candidates_there_is_no_place():
    nothing = np.empty((0, 3))
    assert choose_places(nothing, np.empty(0, bool), nothing, SIZE, SHAPE) == []
