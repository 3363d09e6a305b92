import numpy as np
import pytest

from cellsift.io.axes import per_axis


@pytest.mark.parametrize("numbers", [[5.0, 2.0, 1.5], np.array([5.0, 2.0, 1.5])])
def test_three_numbers_become_a_tuple(numbers):
    assert per_axis(numbers) == (5.0, 2.0, 1.5)


@pytest.mark.parametrize("numbers", [[], [5.0, 2.0], [1, 5, 2, 2]])
def test_other_counts_are_refused(numbers):
    with pytest.raises(ValueError, match="values to unpack"):
        per_axis(numbers)
