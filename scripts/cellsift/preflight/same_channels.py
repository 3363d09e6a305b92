"""Whether signal and background are one channel under two names."""

import hashlib
from pathlib import Path

import numpy as np

from cellsift.brains_table import Brain, whereabouts
from cellsift.errors import InputError

ADVICE = (
    "Give the channel of autofluorescence as background, or leave background empty for every brain "
    "of the run."
)


def refuse_same_path(brain: Brain) -> None:
    """Raise InputError for a background that is the signal's own file or folder."""
    if brain.background is None:
        return
    if whereabouts(str(brain.signal), Path()) == whereabouts(str(brain.background), Path()):
        raise InputError(f"{brain.background}: is the signal, {brain.signal}. {ADVICE}")


def content_of(planes: dict[int, np.ndarray]) -> str | None:
    """A hash of planes (y, x) by their number; None for planes of one grey value: all match."""
    if len({value for plane in planes.values() for value in (plane.min(), plane.max())}) == 1:
        return None
    found = hashlib.sha256()
    for number, plane in planes.items():
        found.update(f"{number} {plane.dtype.str} ".encode())
        found.update(np.ascontiguousarray(plane))
    return found.hexdigest()[:16]


def refuse_same_content(signal: dict, background: dict) -> None:
    """Raise InputError for channels of which all planes that were looked at are equal."""
    if signal["content"] is not None and signal["content"] == background["content"]:
        raise InputError(
            f"{background['path']}: is a copy of the signal, {signal['path']}: all planes that "
            f"were looked at are equal. {ADVICE}"
        )
