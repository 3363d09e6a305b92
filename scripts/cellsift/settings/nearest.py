"""The known name that a misspelt one stands for, as part of a message."""

from collections.abc import Collection, Iterable, Sequence

from cellsift.errors import InputError

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


def refuse_misspelt(names: Iterable[str], known: Collection[str], said: str) -> None:
    """Raise InputError where one of these names is not known, but nearly is.

    `said` is the message up to the name. Names that are like none of the known ones are left to
    those who can list these, such as modules of every training, which do not depend on this one:
    another wording here trains nothing anew.
    """
    unknown = sorted(set(names) - set(known))
    if near := nearest(unknown, known):
        raise InputError(
            f"{said} {', '.join(map(repr, unknown))}; did you mean "
            f"{' and '.join(map(repr, near))}? Correct its name, or remove it"
        )
