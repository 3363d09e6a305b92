"""The measured page on the search for a detector."""

import pytest

from cellsift.benchmarks.detection.lengths import BLURS, MULTIPLES, describe_lengths, try_lengths
from cellsift.benchmarks.detection.page import describe
from cellsift.benchmarks.detection.splits import try_split
from cellsift.benchmarks.detection.volumes import phantoms, tiled


@pytest.mark.slow
def test_a_row_says_what_was_chosen_and_what_it_gives_on_what_was_left_out():
    brains = phantoms([11, 12])
    one, other = ({name: brain} for name, brain in brains.items())
    outcome = try_split(one, other, trials=4)
    page = describe([outcome], None, 4, "a machine")
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


def test_a_brain_is_repeated_with_its_cells():
    (brain,) = phantoms([11]).values()
    large = tiled(brain, 8 * brain.volume.data.size)
    assert large.volume.data.size == 8 * brain.volume.data.size
    assert len(large.cells) == 8 * len(brain.cells)
    z, y, x = brain.volume.shape
    again = large.volume.data[z:, y:, x:].compute()
    assert (again == brain.volume.data.compute()).all()
    assert large.cells.max() > max(y, x)
