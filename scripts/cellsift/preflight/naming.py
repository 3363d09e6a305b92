"""Whose file a message is about."""

from collections.abc import Iterator
from contextlib import contextmanager

from cellsift.errors import InputError
from cellsift.settings.brains import Brain


@contextmanager
def naming(brain: Brain, column: str) -> Iterator[None]:
    """Within, an InputError's message begins with the brain and its column of the table."""
    try:
        yield
    except InputError as error:
        raise InputError(f"brain {brain.name}, {column}: {error}") from error
