"""The optimiser of all trainings takes the steps of torch's AdamW, bit for bit."""

import copy

import torch
from torch import nn

from cellsift.training.adamw import EagerAdamW


def trained(kind: type[torch.optim.AdamW]) -> tuple[dict, dict]:
    """What twenty steps leave of a network and its optimiser, resumed in the middle."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv3d(2, 4, 3), nn.BatchNorm3d(4), nn.Flatten(), nn.Linear(256, 2))
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    optimiser = kind([{"params": weights, "weight_decay": 0.1}, {"params": others}])
    cuboids = torch.randn(8, 2, 6, 6, 6)
    for number in range(20):
        for group in optimiser.param_groups:
            group["lr"] = 0.001 * (number + 1)
        optimiser.zero_grad(set_to_none=True)
        model(cuboids).square().mean().backward()
        optimiser.step()
        if number == 10:
            optimiser.load_state_dict(copy.deepcopy(optimiser.state_dict()))
    return model.state_dict(), optimiser.state_dict()


def test_weights_and_state_are_those_of_torch():
    (weights, state), (expected_weights, expected_state) = map(
        trained, (EagerAdamW, torch.optim.AdamW)
    )
    torch.testing.assert_close(weights, expected_weights, rtol=0, atol=0)
    torch.testing.assert_close(state["state"], expected_state["state"], rtol=0, atol=0)
    assert state["param_groups"] == expected_state["param_groups"]
