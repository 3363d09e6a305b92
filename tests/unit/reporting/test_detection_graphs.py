"""Graphs and pictures of the page of detection show what the tables say."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from cellsift.reporting.detection_graphs import draw_contrasts, draw_curves, draw_trials
from cellsift.reporting.detection_pictures import LOOKS, draw_overview, draw_places
from cellsift.reporting.detection_views import DetectionViews
from cellsift.reporting.html import figure
from cellsift.reporting.projections import Projection
from cellsift.reporting.style import MARKERS

SHAPE, SIZE = (30, 90, 120), (5.0, 2.0, 2.0)
KINDS = ("most missed", "most without a cell", "typical", "typical")


@pytest.fixture
def shown() -> DetectionViews:
    generator = np.random.default_rng(0)
    annotated = generator.uniform(0, np.array(SHAPE) - 1, (80, 3))
    candidates = np.concatenate([annotated[:60] + 0.4, generator.uniform(0, 29, (50, 3))])
    corners = np.array([[0, 0, 0], [10, 40, 60], [20, 10, 10], [2, 30, 60]])
    return DetectionViews(
        shape=SHAPE,
        voxel_size=SIZE,
        soma_diameter=12.0,
        kinds=np.array(KINDS),
        corners=corners,
        size=(6, 45, 60),
        pictures=generator.integers(100, 4000, (4, 45, 60)).astype(np.uint16),
        annotated=annotated,
        found=np.arange(80) < 60,
        nearest_um=np.zeros(80),
        free_um=np.zeros(80),
        cell_contrast=np.where(np.arange(80) < 60, 0.5, 0.02),
        candidates=candidates,
        matched=np.arange(110) < 60,
        edges=np.geomspace(0.05, 2, 21),
        with_cell=np.full(20, 3),
        without_cell=np.arange(20, 0, -1),
    )


def texts(drawing: Figure) -> str:
    """All that is written in a figure."""
    drawing.draw_without_rendering()
    found = drawing.findobj(lambda part: hasattr(part, "get_text"))
    return "\n".join(part.get_text() for part in found)


def test_each_place_has_its_depth_its_kind_a_scale_bar_and_all_its_marks(shown):
    drawing = draw_places(shown)
    titles = [axis.get_title("left") for axis in drawing.axes]
    assert titles[1] == "2  z 10 to 15: most without a cell"
    for axis, place in zip(drawing.axes, shown.places, strict=True):
        assert "µm" in "".join(
            part.get_text() for part in axis.findobj(lambda p: hasattr(p, "get_text"))
        )
        drawn = sum(len(marks.get_offsets()) for marks in axis.collections)
        expected = place.holds(shown.annotated).sum() + place.holds(shown.candidates).sum()
        assert drawn == expected
        z, y, x = place.corner
        assert axis.get_xlim() == (x - 0.5, x + 59.5)
        assert axis.get_ylim() == (y + 44.5, y - 0.5)


def test_found_and_missed_differ_in_shape_and_in_colour():
    assert len({look[0] for look in LOOKS.values()}) == len(LOOKS)
    assert len({LOOKS["annotated cell, found"][1], LOOKS["annotated cell, missed"][1]}) == 2


def test_a_candidate_of_a_partly_annotated_brain_is_not_called_wrong(shown):
    assert "candidate without a cell" in texts(draw_places(shown))
    partial = texts(draw_places(shown, partial=True))
    assert "candidate without a cell" not in partial
    assert "nothing annotated there" in partial
    assert "without a cell" not in texts(draw_contrasts(shown, None, partial=True))


@pytest.mark.parametrize("shape", [(30, 90, 120), (200, 90, 40), (100, 5, 200)])
def test_places_are_framed_where_they_lie_in_the_overview(shown, shape):
    generator = np.random.default_rng(1)
    top = generator.integers(0, 999, (1, *shape[1:])).astype(np.uint16)
    front = generator.integers(0, 999, (1, shape[0], shape[2])).astype(np.uint16)
    drawing = draw_overview(Projection(top, front, shape, SIZE, (1, 1, 1)), shown)
    (axis,) = drawing.axes
    across, down = (axis.get_xlabel()[0], axis.get_ylabel()[0])
    which = ["zyx".index(down), "zyx".index(across)]
    frames = {tuple(patch.get_xy()[::-1]) for patch in axis.patches}
    assert frames == {tuple((corner * np.array(SIZE))[which]) for corner in shown.corners}
    found = axis.collections[0].get_offsets()
    np.testing.assert_allclose(
        found[:, ::-1], ((shown.annotated[:60] + 0.5) * SIZE)[:, which], rtol=1e-6
    )


def test_places_behind_each_other_share_a_frame_with_both_numbers(shown):
    top = np.ones((1, *SHAPE[1:]), np.uint16)
    front = np.ones((1, SHAPE[0], SHAPE[2]), np.uint16)
    same = np.array([[0, 0, 0], [10, 0, 0], [20, 40, 60], [2, 40, 60]])
    object.__setattr__(shown, "corners", same)
    drawing = draw_overview(Projection(top, front, SHAPE, SIZE, (1, 1, 1)), shown)
    assert len(drawing.axes[0].patches) == 2
    assert {"1, 2", "3, 4"} <= set(texts(drawing).splitlines())


def test_the_curve_marks_what_is_in_use():
    curves = pd.DataFrame(
        {
            "brain": ["a"] * 3 + ["b"] * 2,
            "contrast": [0.5, 0.2, 0.1, 0.4, 0.3],
            "candidates": [50, 200, 9000, 30, 60],
            "recall": [0.4, 0.8, 0.95, 0.5, 0.9],
        }
    )
    brains = [
        {"brain": "a", "partial": False, "annotated": 100, "candidates": 200, "recall": 0.8},
        {"brain": "b", "partial": True, "annotated": 50, "candidates": 60, "recall": 0.9},
        {"brain": "c", "partial": False, "annotated": 0, "candidates": 0, "recall": None},
    ]
    drawing = draw_curves(curves, brains)
    first, second, _ = drawing.axes
    assert [line.get_xydata().tolist() for line in first.lines][1] == [[2.0, 0.8]]
    assert first.get_xscale() == "log"
    # How many cells there are is not known, so candidates are counted.
    assert second.lines[1].get_xydata().tolist() == [[60.0, 0.9]]
    assert second.get_xlabel() == "candidates"
    figure(drawing, "caption", "curves")


@pytest.mark.parametrize("threshold", [None, 0.1])
def test_contrasts_show_all_cells_and_the_threshold_in_use(shown, threshold):
    drawing = draw_contrasts(shown, threshold, partial=False)
    above, below = drawing.axes
    assert sum(len(marks.get_offsets()) for marks in below.collections) == 80
    at = [
        line.get_xdata()[0] for axis in drawing.axes for line in axis.lines if len(line.get_xdata())
    ]
    assert at == ([] if threshold is None else [threshold] * 2)
    # The faint missed cells, too.
    assert above.get_xlim()[0] < 0.02
    figure(drawing, "caption", "contrasts")


def trials(**more) -> pd.DataFrame:
    table = {
        "trial": range(6),
        "method": ["dog", "dog", "cellfinder", "dog", "cellfinder", "cellfinder"],
        "recall": [0.5, 0.95, 0.4, 0.99, np.nan, 0.7],
        "candidates_per_cell": [0.6, 1.5, 0.5, 80.0, np.nan, 2.0],
        "loss": [1.0] * 6,
        "state": ["complete"] * 4 + ["fail", "complete"],
        "soma_diameter": [8.0] * 6,
    }
    return pd.DataFrame(table | more)


def test_trials_of_each_method_have_a_shape_and_the_chosen_one_is_ringed():
    drawing = draw_trials(trials(), chosen=1, wished_recall=0.95)
    (axis,) = drawing.axes
    cellfinder, dog, ring = axis.collections
    assert (len(cellfinder.get_offsets()), len(dog.get_offsets())) == (2, 3)
    assert ring.get_offsets().tolist() == [[1.5, 0.95]]
    assert MARKERS[0] != MARKERS[1]
    paths = [marks.get_paths()[0].vertices.tolist() for marks in (cellfinder, dog)]
    assert paths[0] != paths[1]
    assert axis.lines[0].get_ydata()[0] == 0.95
    written = texts(drawing)
    for word in ("dog", "cellfinder", "chosen", "recall wished for"):
        assert word in written.splitlines()
    figure(drawing, "caption", "trials")


def test_trials_are_drawn_where_none_was_chosen_or_none_succeeded():
    assert "chosen" not in texts(draw_trials(trials(), None)).splitlines()
    draw_trials(trials(recall=[np.nan] * 6, candidates_per_cell=[np.nan] * 6), 3)
