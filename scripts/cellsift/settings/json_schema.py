"""The JSON schema of typed settings, as it stands in workflow/schemas."""

from typing import Any

from cellsift.settings.values import BESIDE, Settings

# Those that a reader looks for come first and last.
FIRST = ("$schema", "title", "description", "type", "additionalProperties", "required")
LIMITS = ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "minItems", "maxItems")
LAST = (*LIMITS, "default", "properties")


def schema_of(settings: type[Settings], title: str = "") -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of settings, without references."""
    generated = settings.model_json_schema()
    schema = _simple(generated, generated.get("$defs", {}))
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return _in_order(head | schema)


def _simple(part: Any, models: dict[str, Any]) -> Any:
    """The part with models in place of references to them, and without generated titles."""
    if isinstance(part, list):
        return [_simple(inner, models) for inner in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = models[part["$ref"].rpartition("/")[2]] | part
    left_out = {"$ref", "$defs", "title"} | ({"default"} if _never_empty(part) else set())
    if {"enum", "const"} & set(part):
        left_out.add("type")
    simple: dict[str, Any] = {}
    for key, value in part.items():
        if key in left_out:
            continue
        if key == "properties":
            simple[key] = _properties(value, models)
        elif key == "default":
            # Of a model the keys have defaults of their own.
            simple[key] = {} if "properties" in part else value
        else:
            simple[key] = _simple(value, models)
    choices = simple.get("anyOf", [])
    if choices and all(list(choice) == ["type"] for choice in choices):
        del simple["anyOf"]
        simple["type"] = [choice["type"] for choice in choices]
    return _in_order(simple)


def _properties(keys: dict[str, Any], models: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for key, rule in keys.items():
        simple = _simple(rule, models)
        beside = isinstance(simple, dict) and BESIDE in simple
        properties |= simple["properties"] if beside else {key: simple}
    return properties


def _never_empty(part: dict[str, Any]) -> bool:
    """Whether the default only says that the key was left out."""
    choices = part.get("anyOf", [part])
    return "default" in part and part["default"] is None and {"type": "null"} not in choices


def _in_order(part: dict[str, Any]) -> dict[str, Any]:
    between = [key for key in part if key not in FIRST + LAST]
    return {key: part[key] for key in (*FIRST, *between, *LAST) if key in part}
