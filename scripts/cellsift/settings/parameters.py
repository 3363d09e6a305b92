"""What a detector can be told: the name, default, unit and limits of each parameter."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellsift.errors import InputError

Value = float | int | bool | None


@dataclass(frozen=True)
class Parameter:
    """One parameter of a detector.

    `minimum` is the smallest allowed value; `exclusive` refuses the minimum itself. A parameter
    whose default is True or False takes only these; `optional` allows None.
    """

    default: Value
    description: str
    minimum: float = 0.0
    exclusive: bool = False
    integer: bool = False
    optional: bool = False

    def problem(self, value: object) -> str | None:
        """What is wrong with `value`, or None if it can be used."""
        if value is None:
            return None if self.optional else "it is empty"
        if isinstance(self.default, bool):
            return None if isinstance(value, bool) else "it must be true or false"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return "it must be a number"
        if not math.isfinite(value):
            return "it must be finite"
        if self.integer and value != int(value):
            return "it must be a whole number"
        if value < self.minimum or (self.exclusive and value == self.minimum):
            return f"it must be {'above' if self.exclusive else 'at least'} {self.minimum:g}"
        return None


@dataclass(frozen=True)
class Range:
    """Values from `low` to `high` of a parameter that a search tries.

    With `log` small values are tried as often as large ones.
    """

    low: float
    high: float
    log: bool = False


def complete(
    method: str, known: Mapping[str, Parameter], given: Mapping[str, Any]
) -> dict[str, Value]:
    """The given parameters of detector `method`, checked, with defaults for the others.

    Raises InputError for an unknown name or a value that cannot be used.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise InputError(
            f"detector {method!r} has no parameter {', '.join(map(repr, unknown))}; "
            f"it knows {', '.join(sorted(known))}"
        )
    for name, value in given.items():
        problem = known[name].problem(value)
        if problem:
            raise InputError(f"detector {method!r}: parameter {name!r} is {value!r}; {problem}")
    return {name: given.get(name, parameter.default) for name, parameter in known.items()}
