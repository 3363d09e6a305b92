"""A brain's channels, opened as its settings say."""

from typing import Literal

from cellsift.io.volumes import Volume, open_volume
from cellsift.settings.brains import Brain


def open_channel(brain: Brain, column: Literal["signal", "background"]) -> Volume | None:
    """Return a channel of a brain, opened lazily; None if it has none.

    Raises InputError as `open_volume` does.
    """
    path = getattr(brain, column)
    return None if path is None else open_volume(path, **brain.reading)


def open_signal(brain: Brain) -> Volume:
    """Return the signal, which every brain has; errors as `open_channel`'s."""
    return open_volume(brain.signal, **brain.reading)
