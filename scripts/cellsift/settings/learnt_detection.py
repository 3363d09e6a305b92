"""What a model learnt from was detected with: as model.json records it, and as it is used again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cellsift.errors import InputError

# The key of model.json.
KEY = "detection"
# What a detector may be told, as `settings.parameters` has it.
VALUES = (int, float, bool, type(None))


@dataclass(frozen=True)
class LearntDetection:
    """The detection that gave the candidates of a model's train brains.

    - method, parameters: the detector's, those that all brains had; lengths in µm;
    - least_contrast: fainter candidates were dropped; None: all were kept;
    - differing: parameters in which brains differed, with the value of each brain.
    """

    method: str
    parameters: dict[str, Any]
    least_contrast: float | None = None
    differing: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def of_brains(
        cls, detections: Mapping[str, Mapping[str, Any]], least_contrast: float | None = None
    ) -> "LearntDetection":
        """What the settings of detection of a model's train brains, by their names, say.

        Example:
            >>> shared = {"method": "dog", "minimum_contrast": 0.1}
            >>> brains = {"a": shared | {"soma_diameter": 14}, "b": shared | {"soma_diameter": 16}}
            >>> LearntDetection.of_brains(brains).differing
            {'soma_diameter': {'a': 14, 'b': 16}}
        """
        first = next(iter(detections.values()))
        names = [name for name in first if name not in ("method", "keep")]
        values = {name: {b: given[name] for b, given in detections.items()} for name in names}
        common = {name: first[name] for name in names if _are_one(values[name].values())}
        differing = {name: values[name] for name in names if name not in common}
        return cls(first["method"], common, least_contrast, differing)

    @classmethod
    def in_description(
        cls, content: Mapping[str, Any], path: str | Path
    ) -> "LearntDetection | None":
        """What the content of a model.json says; None where it records none.

        Raises InputError, which names `path`, for a record that cannot be used.
        """
        found = content.get(KEY)
        if found is None:
            return None
        try:
            learnt = cls(**found)
            _check(learnt)
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{path}: its record of detection cannot be used ({error}); copy the model again, "
                f"or remove {KEY!r} from it and say by which detection it is to be used"
            ) from None
        return learnt

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as it stands in model.json."""
        return {
            "method": self.method,
            "parameters": dict(self.parameters),
            "least_contrast": self.least_contrast,
            "differing": {name: dict(values) for name, values in self.differing.items()},
        }

    def in_config(self) -> dict[str, Any]:
        """The same as `detection` stands in a config, without what differed."""
        kept = None if self.least_contrast is None else {"contrast": self.least_contrast}
        return {"method": self.method, **self.parameters, "keep": kept}

    def told_differences(self) -> str:
        """In which parameters brains differed, in words."""
        return "; ".join(
            f"{name}: " + ", ".join(f"{value} in {brain}" for brain, value in values.items())
            for name, values in self.differing.items()
        )


def _are_one(values: Collection[Any]) -> bool:
    first = next(iter(values))
    return all(value == first for value in values)


def _check(learnt: LearntDetection) -> None:
    if not isinstance(learnt.method, str):
        raise ValueError(f"method is {learnt.method!r}")
    least = learnt.least_contrast
    if least is not None and (isinstance(least, bool) or not isinstance(least, int | float)):
        raise ValueError(f"least_contrast is {least!r}")
    values = [*learnt.parameters.values()]
    values += [value for of_brains in learnt.differing.values() for value in of_brains.values()]
    for value in values:
        if not isinstance(value, VALUES):
            raise ValueError(f"{value!r} is no value of a parameter")
