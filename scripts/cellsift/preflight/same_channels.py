"""Whether signal and background are one channel under two names."""

import hashlib
from pathlib import Path

import numpy as np

from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.settings.brains import Brain, resolved_path

ADVICE = (
    "Give the channel of autofluorescence as background, or leave background empty for every brain "
    "of the run."
)


def refuse_same_path(brain: Brain) -> None:
    """Raise InputError for a background that is the signal's own file or folder."""
    if brain.background is None:
        return
    if resolved_path(str(brain.signal), Path()) == resolved_path(str(brain.background), Path()):
        raise InputError(f"{brain.background}: is the signal, {brain.signal}. {ADVICE}")


def content_of(counts: np.ndarray) -> str | None:
    """A hash of how often each grey value occurs; None where there is only one: all match."""
    if np.count_nonzero(counts) < 2:
        return None
    return hashlib.sha256(np.ascontiguousarray(counts).data).hexdigest()[:16]


def refuse_same_content(
    signal: Volume, background: Volume, contents: tuple[str | None, str | None], planes: list[int]
) -> None:
    """Raise InputError for channels of which these planes are equal.

    They are read only where their `contents` are.
    """
    if contents[0] is None or contents[0] != contents[1]:
        return
    if all(np.array_equal(signal.planes(z, z + 1), background.planes(z, z + 1)) for z in planes):
        raise InputError(
            f"{background.source}: is a copy of the signal, {signal.source}: all planes that "
            f"were looked at are equal. {ADVICE}"
        )
