"""Settings in YAML files: read as plain data."""

from collections.abc import Iterable
from pathlib import Path

import yaml

from cellsift.errors import InputError
from cellsift.io.paths import hint
from cellsift.io.text_files import read_text

# In a checkout the workflow lies beside the package's folder, in an installed package inside it.
SHIPPED = Path(__file__).resolve().parents[1] / "shipped"
REPOSITORY = SHIPPED if SHIPPED.is_dir() else Path(__file__).resolve().parents[3]
SCHEMAS = REPOSITORY / "workflow" / "schemas"
# Notebooks, styles and scripts of pages.
REPORTS = REPOSITORY / "reports"
# Characters of what was found that a message repeats.
LONGEST_QUOTE = 500
# Values in settings, which have some hundred, and levels of them, of which there are five.
MOST_VALUES = 100_000
MOST_LEVELS = 50


def read_yaml(path: Path) -> dict:
    """The mapping in a YAML file; InputError for anything else."""
    try:
        content = yaml.safe_load(read_text(path, "YAML"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; correct the path{hint(path)}") from error
    except InputError:
        raise
    # For values that contradict their type PyYAML lets through what Python raises.
    except (
        yaml.YAMLError,
        OSError,
        ValueError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise InputError(f"{path}: not readable as YAML ({error}); correct the file") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected keys with values, found {type(content).__name__}")
    refuse_too_many_values(content, str(path))
    return content


def refuse_too_many_values(content: object, what: str) -> None:
    """Refuse aliases (*name) that refer to themselves, or to each other until they fill memory.

    To be called before anything else walks through `content`; `what` names it in the message.
    Raises InputError for more values than any settings have, or more levels of them.
    """
    left, count = [(content, 1)], 0
    while left:
        value, level = left.pop()
        count += 1
        if level > MOST_LEVELS:
            raise InputError(
                f"{what}: there are values within values, more than {MOST_LEVELS} levels deep; "
                "take out the alias (*name) that stands for what it is part of, or the brackets"
            )
        if count > MOST_VALUES:
            raise InputError(
                f"{what}: its aliases (*name) stand for more than {MOST_VALUES} values; write them "
                "out"
            )
        left.extend((inner, level + 1) for inner in _inner(value))


def _inner(value: object) -> Iterable:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, (list, tuple, set)) else ()
