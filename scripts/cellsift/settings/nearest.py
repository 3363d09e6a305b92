"""The known name that a misspelt one stands for, as part of a message."""

from collections.abc import Collection, Sequence

# Of more unknown names than this at once only the first are compared.
MOST_NAMES = 5


def nearest(unknown: Sequence[str], known: Collection[str]) -> list[str]:
    """The known names that are most like each of the unknown ones, as far as any is."""
    # Loaded for a refusal only, which ends a run.
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    found = [get_close_matches(name.lower(), lower, n=1) for name in unknown[:MOST_NAMES]]
    return list(dict.fromkeys(lower[name] for names in found for name in names))


def or_nearest(unknown: Sequence[str], known: Collection[str], remedy: str) -> str:
    """The end of a message about unknown names: which are nearest, if any, and the remedy.

    Example:
        >>> or_nearest(["epoch"], ["epochs", "folds"], "remove it")
        "; did you mean 'epochs'? If not: remove it"
        >>> or_nearest(["role"], ["epochs", "folds"], "remove it")
        '; remove it'
    """
    near = nearest(unknown, known)
    if not near:
        return f"; {remedy}"
    return f"; did you mean {' and '.join(map(repr, near))}? If not: {remedy}"
