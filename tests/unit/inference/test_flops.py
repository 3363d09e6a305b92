"""Floating-point operations are those that torch's own counter counts."""

import pytest
import torch
from smallest_networks import SMALLEST
from synthetic_cuboids import SHAPE
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from cellsift.inference.flops import FlopCounter
from cellsift.models import create_model


@pytest.mark.parametrize("name", SMALLEST)
def test_as_many_operations_are_counted_as_by_torch(name):
    model = create_model(name, 2, SHAPE, **SMALLEST[name]).eval()
    cuboids = torch.zeros(2, 2, *SHAPE)
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as expected:
            model(cuboids)
        with FlopCounter() as counter:
            model(cuboids)
    assert counter.total == expected.get_total_flops()
    assert counter.total > 0 or name == "features"


def test_steps_backwards_are_counted_too():
    layer = torch.nn.Linear(8, 4)
    cuboids = torch.zeros(2, 8, requires_grad=True)
    with FlopCounter() as counter:
        layer(cuboids).sum().backward()
    # Twice two cuboids by eight by four: once forwards, twice backwards.
    assert counter.total == 3 * 2 * 2 * 8 * 4
