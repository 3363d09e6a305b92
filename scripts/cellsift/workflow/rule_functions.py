"""What functions and patterns of rules must be for Snakemake to plan thousands of jobs quickly."""

import inspect
import os
import re
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TypeVar

Function = TypeVar("Function", bound=Callable)


def of_wildcards(function: Function) -> Function:
    """Note on a function what parameters it takes, and return it.

    Snakemake asks for them three times for each job, and Python works them out anew each time.
    """
    # Python looks for it there.
    function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return function


def one_of(names: Iterable[str]) -> str:
    """Return a regular expression that matches just these names; nothing if there are none.

    Beginnings that names share are in it once: for each file that rules make Snakemake reads it
    from end to end.

    Example: one_of(["mouse_1", "mouse_2", "rat"]) is "(?:mouse_(?:1|2)|rat)"
    """
    distinct = sorted(set(names))
    return _pattern(distinct) if distinct else r"(?!)"


def _pattern(names: list[str]) -> str:
    """The same for sorted names, all different."""
    shared = os.path.commonprefix(names)
    rest = [name[len(shared) :] for name in names]
    if rest == [""]:
        return re.escape(shared)
    parts = [_pattern(list(same)) for first, same in groupby(rest, lambda name: name[:1]) if first]
    # The longest first, as the name may be looked for at the beginning of a text.
    ending = [""] if "" in rest else []
    return f"{re.escape(shared)}(?:{'|'.join(parts + ending)})"
