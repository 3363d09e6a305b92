"""The one exception that is meant for the user's eyes."""


class InputError(Exception):
    """Something the user gave cannot be used; the message says what was found and what to change.

    Adapters print the message alone, without a traceback, and exit with a code other than 0.
    """
