"""The measured page on the search for a detector."""

from types import SimpleNamespace

import numpy as np
import pytest

from cellsift.benchmarks.detection.lengths import BLURS, MULTIPLES, describe_lengths, try_lengths
from cellsift.benchmarks.detection.page import describe
from cellsift.benchmarks.detection.splits import Outcome, try_split
from cellsift.benchmarks.detection.volumes import halves, phantoms, tiled


@pytest.mark.slow
def test_a_row_says_what_was_chosen_and_what_it_gives_on_what_was_left_out():
    brains = phantoms([11, 12])
    one, other = ({name: brain} for name, brain in brains.items())
    outcome = try_split(one, other, trials=4)
    page = describe([outcome], {}, 4, "a machine")
    row = next(line for line in page.splitlines() if line.startswith("| phantom 11 |"))
    assert f"{outcome.left_out['phantom 12']['recall']:.3f}" in row
    assert outcome.trial.method in row


@pytest.mark.slow
def test_the_default_lengths_are_compared_with_wider_and_narrower_ones():
    tried = list(try_lengths(phantoms([11, 12])))
    assert len(tried) == len(MULTIPLES) * len(BLURS)
    marks = {(one.multiple, one.blur): one.judgement.loss for one in tried}
    assert marks[1.0, 0.1] == min(loss for (_, blur), loss in marks.items() if blur == 0.1)
    assert describe_lengths(tried).count("\n| ") == 1 + len(tried)


def outcome(**left_out: float) -> Outcome:
    """What a search gives whose left out volumes have so many candidates per cell."""
    found = {
        name: {"recall": 0.96, "annotated": 200, "doubles": 50, "candidates_per_cell": per_cell}
        for name, per_cell in left_out.items()
    }
    trial = SimpleNamespace(method="dog", values={"soma_diameter": 9.0})
    large = {"large": {"recall": 0.95, "annotated": 54_880, "candidates_per_cell": 3.0}}
    return Outcome(trial, 200.0, 100.0, large, found, 1_036_000_000)


def test_the_page_names_what_has_more_candidates_than_wished_and_second_ones():
    page = describe([outcome(a=3.9, b=4.45)], {}, 40, "a machine")
    assert "| a, b | 0.960, 0.960 | 3.90, 4.45 | 0.25, 0.25 | 200 |" in page
    assert "among what was left out: b (4.45)." in page
    assert "among what was left out" not in describe([outcome(a=3.9)], {}, 40, "a machine")


def test_the_page_tells_how_large_large_brains_are():
    page = describe([], {"c-Fos 1008": outcome()}, 40, "a machine")
    assert "c-Fos 1008, repeated until it has 1.04·10^9 voxels and 54,880 cells" in page
    assert "2.00 times as long a search as a detection" in page


def test_a_large_brain_has_at_least_as_many_voxels_as_asked_for():
    (brain,) = phantoms([11]).values()
    size = brain.volume.data.size
    assert 10 * size <= tiled(brain, 10 * size).volume.data.size <= 15 * size


def test_halves_are_all_of_a_brain():
    (brain,) = phantoms([11]).values()
    upper, lower = halves(brain)
    assert len(upper.cells) + len(lower.cells) == len(brain.cells)
    for half in (upper, lower):
        assert (half.cells >= -0.5).all()
        assert (half.cells <= np.array(half.volume.shape) - 0.5).all()
    rows = upper.volume.shape[1]
    at = np.rint(lower.cells[0]).astype(int)
    whole = brain.volume.data[at[0], at[1] + rows, at[2]]
    assert lower.volume.data[tuple(at)].compute() == whole.compute()


def test_a_brain_is_repeated_with_its_cells():
    (brain,) = phantoms([11]).values()
    large = tiled(brain, 8 * brain.volume.data.size)
    assert large.volume.data.size == 8 * brain.volume.data.size
    assert len(large.cells) == 8 * len(brain.cells)
    z, y, x = brain.volume.shape
    again = large.volume.data[z:, y:, x:].compute()
    assert (again == brain.volume.data.compute()).all()
    assert large.cells.max() > max(y, x)
