"""An ensemble of arms: how the logits of its members become one; needs no torch."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from cellsift.errors import InputError
from cellsift.io.names import MODEL_FILE

# As the config's schema has the names of arms.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Combination:
    """An ensemble's logit: intercept + sum over members of weight * logit / temperature.

    Attributes:
        method: how the weights came about.
        weights, temperatures: by member; a temperature is the one that calibrates the member alone.
    """

    method: str
    weights: Mapping[str, float]
    temperatures: Mapping[str, float]
    intercept: float = 0.0

    def logits(self, of_members: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the ensemble's logits, float64 (n,), from those of each member, (n,) by name."""
        # Summed in one order, however the members are listed: the same to the last bit.
        total = sum(
            self.weights[name] / self.temperatures[name] * np.asarray(of_members[name], float)
            for name in sorted(self.weights)
        )
        # There is a member at least, or it were 0.
        return self.intercept + cast(np.ndarray, total)

    def to_dict(self) -> dict[str, Any]:
        """What model.json says of it."""
        return {
            "method": self.method,
            "members": dict(self.weights),
            "member_temperatures": dict(self.temperatures),
            "intercept": self.intercept,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], path: str | Path) -> "Combination":
        """What `to_dict` gave, checked; `path` is named in the InputError for what cannot be."""
        weights = _numbers(content, "members", path)
        temperatures = _numbers(content, "member_temperatures", path)
        if set(temperatures) != set(weights) or min(temperatures.values()) <= 0:
            raise InputError(
                f"{path}: 'member_temperatures' has to give a number above 0 for each of the "
                f"members {', '.join(weights)}; combine them anew"
            )
        intercept = content.get("intercept", 0.0)
        if not _is_number(intercept):
            raise InputError(f"{path}: 'intercept' is {intercept!r}; combine the members anew")
        return cls(str(content.get("method")), weights, temperatures, float(intercept))


def member_folder(folder: str | Path, name: str) -> Path:
    """Return the folder of an ensemble's member, which lies beside the ensemble's.

    Raises InputError for what is no plain name: it could lead anywhere.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(
            f"{Path(folder) / MODEL_FILE}: the member {name!r} is no name of a folder beside it; "
            "give letters, digits, dots, dashes and underscores, the first a letter or digit"
        )
    return Path(folder).absolute().parent / name


def _numbers(content: Mapping[str, Any], key: str, path: str | Path) -> dict[str, float]:
    found = content.get(key)
    if not isinstance(found, Mapping) or not found or not all(map(_is_number, found.values())):
        raise InputError(
            f"{path}: {key!r} is {found!r}; it has to give a number for each member of the "
            "ensemble: combine them anew"
        )
    for name in found:
        member_folder(Path(path).parent, name)
    return {name: float(value) for name, value in found.items()}


def _is_number(value: object) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return abs(value) <= sys.float_info.max
