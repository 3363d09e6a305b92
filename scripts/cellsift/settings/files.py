"""Settings in YAML files: read, checked against the schemas, and completed with defaults."""

import copy
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from textwrap import shorten

import jsonschema
import yaml

from cellsift.errors import InputError
from cellsift.io.paths import hint
from cellsift.io.text_files import read_text

REPOSITORY = Path(__file__).resolve().parents[3]
SCHEMAS = REPOSITORY / "workflow" / "schemas"
# Characters of what was found that a message repeats.
LONGEST_QUOTE = 500
# Values in settings, which have some hundred, and levels of them, of which there are five.
MOST_VALUES = 100_000
MOST_LEVELS = 50


def validated(content: object, schema: str, what: str) -> dict:
    """A copy of `content`, checked against a schema of workflow/schemas, defaults filled in.

    `what` names the content in the message. Raises InputError with the first problem.
    """
    rules = _schema(schema)
    content = copy.deepcopy(content)
    _refuse_other_keys(content, what)
    _fill_defaults(content, rules)
    problems = list(_validator(rules).iter_errors(content))
    if problems:
        raise InputError(f"{what}: {_explain(jsonschema.exceptions.best_match(problems))}")
    return content


def _refuse_other_keys(content: object, what: str) -> None:
    """Refuse keys that are not text, such as 1 or true, which YAML allows."""
    if isinstance(content, dict):
        for key, value in content.items():
            if not isinstance(key, str):
                raise InputError(
                    f"{what}: the key {shorten(repr(key), LONGEST_QUOTE)} is not text; remove it "
                    "or correct its name"
                )
            _refuse_other_keys(value, f"{what}, {shorten(key, LONGEST_QUOTE)}")
    elif isinstance(content, list):
        for value in content:
            _refuse_other_keys(value, what)


@cache
def _schema(name: str) -> dict:
    return read_yaml(SCHEMAS / name)


def _validator(rules: dict) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(rules)


def _fill_defaults(content: object, rules: dict) -> None:
    if not isinstance(content, dict):
        return
    for key, rule in rules.get("properties", {}).items():
        if isinstance(rule, dict):
            if "default" in rule:
                content.setdefault(key, copy.deepcopy(rule["default"]))
            if key in content:
                _fill_defaults(content[key], rule)


def _explain(problem: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in problem.absolute_path)
    prefix = f"{where}: " if where else ""
    if problem.validator == "additionalProperties" and isinstance(problem.schema, dict):
        known = sorted(problem.schema.get("properties", {}))
        unknown = ", ".join(sorted(repr(key) for key in problem.instance if key not in known))
        return (
            f"{prefix}unknown key {shorten(unknown, LONGEST_QUOTE)}; remove it or correct its "
            f"name (known here: {', '.join(known)})"
        )
    if problem.validator == "required":
        missing = sorted(set(problem.validator_value) - set(problem.instance))
        return f"{prefix}{', '.join(map(repr, missing))} is missing; add it"
    if problem.validator == "enum":
        found = "nothing" if problem.instance is None else repr(problem.instance)
        known = ", ".join(map(str, problem.validator_value))
        said = f"{shorten(found, LONGEST_QUOTE)} found; give one of {known}"
    elif problem.instance is None:
        said = "nothing found; fill it in"
    else:
        said = f"{shorten(problem.message, LONGEST_QUOTE)}; correct it"
    hint = problem.schema.get("description", "") if isinstance(problem.schema, dict) else ""
    return prefix + said + (f" ({hint})" if hint else "")


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
    refuse_bomb(content, str(path))
    return content


def refuse_bomb(content: object, what: str) -> None:
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
