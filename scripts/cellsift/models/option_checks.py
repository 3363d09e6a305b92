"""Checks of the options that a user gives to an architecture."""

from collections.abc import Collection, Sequence
from typing import Any

from cellsift.errors import InputError
from cellsift.io.axes import AXES


def check_whole_number(what: str, value: Any, least: int = 1, most: int = 4096) -> None:
    """Raise InputError unless the value is a whole number from `least` to `most`."""
    # Every integer type has __index__, and so has bool, which is never meant as a number here.
    if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value <= most:
        raise InputError(f"{what} is {value!r}; give a whole number from {least} to {most}")


def check_choice(what: str, value: Any, choices: Collection[str]) -> None:
    """Raise InputError unless the value is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{what} is {value!r}; choose one of {', '.join(map(str, choices))}")


def check_factor(what: str, value: Any, least: float = 0.1, most: float = 4) -> None:
    """Raise InputError unless the value is a number from `least` to `most`."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise InputError(f"{what} is {value!r}; give a number from {least:g} to {most:g}")


def check_three(what: str, values: Sequence[int]) -> None:
    """Raise InputError unless the values are three whole numbers from 1, along z, y, x."""
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise InputError(f"{what} is {values!r}; give three numbers: z, y, x")
    for axis, value in zip(AXES, values, strict=True):
        check_whole_number(f"{what} along {axis}", value)


def check_share(what: str, value: float) -> None:
    """Raise InputError unless the value is a number from 0 to below 1."""
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not numeric or not 0 <= value < 1:
        raise InputError(f"{what} is {value!r}; give a number from 0 to below 1")
