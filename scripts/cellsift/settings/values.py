"""What typed settings are made of: a frozen base class, and the kinds of values in YAML files."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WrapValidator,
)
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema


class Settings(BaseModel):
    """Settings that are made once, complete: no other keys, no conversion, no change afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain data in the order of the keys, as it stands in YAML and JSON files."""
        return {key: plain(value) for key, value in self}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: Any, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        # What a docstring says is for who reads the code; keys have descriptions of their own.
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema.pop("description", None)
        return schema


def plain(value: Any) -> Any:
    """The value with dicts in place of its settings and lists in place of its tuples."""
    if isinstance(value, Settings):
        return value.to_dict()
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _refuse(value: Any) -> Any:
    raise ValueError("leave it out, or fill it in")


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unique(values: list[Any]) -> list[Any]:
    if len(set(values)) < len(values):
        raise ValueError("has non-unique elements")
    return values


# Marks, in a JSON schema, a key whose own keys stand beside it in the file.
BESIDE = "beside"
# Keeps a number as it is written: a whole 5 stays 5, where 5.0 would be another text.
AS_WRITTEN = WrapValidator(lambda value, check: (check(value), value)[1])
Number = Annotated[float, AS_WRITTEN]
# YAML writes a whole number as 3 or as 3.0.
WHOLE = BeforeValidator(_whole)
# A list whose elements differ.
UNIQUE = (AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True}))
# What a key holds that was left out; nobody can write it.
Absent = Annotated[SkipJsonSchema[None], BeforeValidator(_refuse)]
# What can be part of the names of files.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
