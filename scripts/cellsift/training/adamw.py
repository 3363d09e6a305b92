"""AdamW as torch has it, without torch's compiler, which takes more than a second to load."""

import inspect

import torch
from torch.optim import AdamW, Optimizer


class EagerAdamW(AdamW):
    """AdamW for networks that are not compiled: the same steps, bit for bit.

    torch wraps the methods of its optimisers for its compiler's sake, and the wrappers load it even
    where nothing is compiled. Here are the methods themselves.
    """

    step = torch.no_grad()(inspect.unwrap(AdamW.step))
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
