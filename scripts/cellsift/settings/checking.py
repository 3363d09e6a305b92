"""Settings made of what a user wrote: checked, completed, or refused with the key and a remedy."""

from textwrap import shorten
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from cellsift.errors import InputError
from cellsift.settings.files import LONGEST_QUOTE
from cellsift.settings.nearest import or_nearest
from cellsift.settings.values import Settings

if TYPE_CHECKING:
    import jsonschema

Made = TypeVar("Made", bound=Settings)


def completed(settings: type[Made], content: object, what: str) -> Made:
    """These settings with the values of `content`, and defaults for the keys left out.

    `what` names the content in the message. Raises InputError with the first problem.
    """
    _refuse_other_keys(content, what)
    try:
        return settings.model_validate(content)
    except ValidationError as refusal:
        raise InputError(f"{what}: {_problem(settings, content, refusal)}") from None


def _problem(settings: type[Made], content: object, refusal: ValidationError) -> str:
    """What is wrong; the JSON schema of the settings words it."""
    # Loaded for the first refusal only, which ends a run.
    import jsonschema

    from cellsift.settings.json_schema import schema_of

    validator = jsonschema.Draft202012Validator(schema_of(settings))
    problem = jsonschema.exceptions.best_match(validator.iter_errors(content))
    if problem is not None:
        return _explain(problem)
    first = refusal.errors()[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {shorten(repr(first['input']), LONGEST_QUOTE)} found; {first['msg']}"


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


def _explain(problem: "jsonschema.ValidationError") -> str:
    where = ".".join(str(part) for part in problem.absolute_path)
    prefix = f"{where}: " if where else ""
    if problem.validator == "additionalProperties" and isinstance(problem.schema, dict):
        keys = sorted(problem.schema.get("properties", {}))
        unknown = sorted(key for key in problem.instance if key not in keys)
        quoted = shorten(", ".join(map(repr, unknown)), LONGEST_QUOTE)
        remedy = f"remove it or correct its name (known here: {', '.join(keys)})"
        return f"{prefix}unknown key {quoted}{or_nearest(unknown, keys, remedy)}"
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
