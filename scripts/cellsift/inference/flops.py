"""How many floating-point operations a network takes, counted as torch counts them."""

from collections.abc import Callable
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class FlopCounter(TorchDispatchMode):
    """Adds up in `total` the operations of all that torch computes within.

    A multiplication with an addition counts as two. That is what torch's FlopCounterMode counts,
    which loads torch's compiler for it, more than a second of a job.

    Example:
        with FlopCounter() as counter:
            model(cuboids)
        print(counter.total)
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would wrap the method below for its compiler, and load that for the wrapper.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Called by torch for each operation: do it, or what it consists of, and count it."""
        kwargs = kwargs or {}
        with self:
            result = func.decompose(*args, **kwargs)
        if result is not NotImplemented:
            return result
        result = func(*args, **kwargs)
        formula: Callable[..., int] | None = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **kwargs, out_val=result)
        return result
