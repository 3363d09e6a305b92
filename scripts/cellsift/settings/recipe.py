"""The recipe by which a model is trained: its keys, their defaults and what they may be."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BeforeValidator, Field, ValidationError, field_validator

from cellsift.errors import InputError
from cellsift.settings.values import AS_WRITTEN, Settings

# Names of the functions in `training.augmentation`, in the order in which they are applied.
Operation = Literal["flip", "quarter_turn", "affine", "gain", "blur", "noise"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
Normalisation = Literal["brain", "dataset", "local", "linear"]

# Numbers up to 1, with and without their limits.
Share = Annotated[float, Field(ge=0, le=1), AS_WRITTEN]
PositiveShare = Annotated[float, Field(gt=0, le=1), AS_WRITTEN]
ShareBelowOne = Annotated[float, Field(ge=0, lt=1), AS_WRITTEN]


class Augmentation(Settings):
    """How training cuboids are varied."""

    strength: float = Field(
        1.0, ge=0, le=1, description="How far every operation goes: 0 (not at all) to 1."
    )
    operations: tuple[Operation, ...] = Field(
        OPERATIONS, description="Which operations, in whatever order."
    )

    @field_validator("operations", mode="before")
    @classmethod
    def _in_order(cls, given: Any) -> Any:
        if not isinstance(given, list | tuple) or any(name not in OPERATIONS for name in given):
            return given
        return tuple(name for name in OPERATIONS if name in given)


def _augmentation_by_name(given: Any) -> Any:
    if given == "default":
        return Augmentation()
    return Augmentation(strength=0.0, operations=()) if given == "none" else given


BY_NAME = BeforeValidator(
    _augmentation_by_name, json_schema_input_type=Literal["default", "none"] | Augmentation
)


class Recipe(Settings):
    """How a model is trained. `Recipe()` has all defaults; `Recipe.from_dict` checks what is given.

    Neither needs torch.
    """

    epochs: int = Field(40, ge=1, description="Passes through the training cuboids, at most.")
    batch_size: int = Field(
        64,
        ge=3,
        description="Cuboids per step; the batches of an epoch are evened out, none is tiny.",
    )
    learning_rate: PositiveShare = Field(
        0.001,
        description="AdamW's (Loshchilov & Hutter 2019) at its highest; it rises over the first "
        "twentieth of the steps and falls to zero along a cosine.",
    )
    weight_decay: Share = Field(
        0.05, description="AdamW's, on weights but not on biases and normalisation."
    )
    patience: int = Field(
        10,
        ge=1,
        description="Epochs without a better average precision of the held-out fold until training "
        "stops, counted from the end of frozen_epochs.",
    )
    class_weights: Literal["balanced", "none"] = Field(
        "balanced", description="balanced gives cells and artefacts the same weight in total."
    )
    normalisation: Normalisation = Field(
        "brain",
        description="Log intensities by the statistics of the brain or the dataset, local: their "
        "contrast to the cuboid's median, or linear (raw).",
    )
    augmentation: Annotated[Augmentation, BY_NAME] = Field(
        Augmentation(), description="default, none, or the keys strength and operations."
    )
    test_time_augmentation: Literal["none", "flips"] = Field(
        "none", description="flips: the mean logit over all mirror images."
    )
    label_smoothing: ShareBelowOne = Field(
        0.0, description="Share of every target that goes to both classes alike."
    )
    mixup: Share = Field(
        0.0, description="How strongly pairs of cuboids are mixed into each other, 0: not at all."
    )
    moving_average: ShareBelowOne = Field(
        0.0,
        description="Decay of the average of the weights over the steps that is used in place of "
        "the last weights; 0: none.",
    )
    label_share: PositiveShare = Field(
        1.0,
        description="Share of the labels to train on that is used: what fewer would give; odds, "
        "temperature and threshold still come from all labels.",
    )
    teacher: str = Field(
        "", description="Name of another arm, from whose model of the same fold deit3d learns."
    )
    pretraining: str = Field(
        "", description="Name of a pre-training, from whose backbone every fold starts."
    )
    init_from: str = Field(
        "", description="File or folder of a model from which every fold starts."
    )
    init_parts: Literal["all", "backbone"] = Field(
        "all", description="All of that model, or its backbone with a new head."
    )
    frozen_epochs: int = Field(
        0,
        ge=0,
        description="Epochs at the beginning in which only the head learns; batch normalisation "
        "takes its statistics from the new cuboids all the same.",
    )

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """The recipe with these keys, and defaults for the others.

        Raises InputError for an unknown key or a value that cannot be used.
        """
        if unknown := sorted(set(given) - set(cls.model_fields)):
            raise InputError(
                f"the recipe has no key {', '.join(map(repr, unknown))}; its keys are: "
                + ", ".join(cls.model_fields)
            )
        try:
            recipe = cls.model_validate(dict(given))
        except ValidationError as refusal:
            where = refusal.errors()[0]["loc"]
            raise InputError(_problem(given, [str(part) for part in where])) from None
        recipe._refuse_two_starts()
        return recipe

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """The recipe with these values in place of its own; InputError as `from_dict`."""
        return self.from_dict(self.to_dict() | dict(changes))

    def _refuse_two_starts(self) -> None:
        if self.pretraining and self.init_from:
            raise InputError(
                f"a training starts either from pretraining ({self.pretraining!r}) or from "
                f"init_from ({self.init_from!r}); leave one of them out"
            )


# What is asked for where a text is wanted.
NAMES = {
    "teacher": "name of another arm",
    "pretraining": "name of a file in config/pretraining",
    "init_from": "path of a model",
}


def _problem(given: Mapping[str, Any], where: list[str]) -> str:
    """What is wrong at this place of a recipe, and what to write there."""
    key, value = where[0], given[where[0]]
    if key == "augmentation":
        return _augmentation_problem(value, where[1:])
    if key in NAMES:
        return f"{key} is {value!r}; give the {NAMES[key]}"
    field = Recipe.model_fields[key]
    if get_args(field.annotation):
        return f"{key} is {value!r}; choose one of {', '.join(get_args(field.annotation))}"
    limits = {name: limit for part in field.metadata for name, limit in _limits(part)}
    if field.annotation is int:
        return f"{key} is {value!r}; give a whole number of at least {limits['ge']}"
    return _number_problem(key, value, limits)


def _augmentation_problem(value: Any, where: list[str]) -> str:
    if where[:1] == ["strength"]:
        return _number_problem("augmentation strength", value["strength"], {"ge": 0, "le": 1})
    if where[:1] == ["operations"]:
        return (
            f"augmentation operations is {value['operations']!r}; give a list out of "
            + ", ".join(OPERATIONS)
        )
    return (
        f"augmentation is {value!r}; write default, none, or the keys strength (0 to 1) "
        f"and operations (a list out of {', '.join(OPERATIONS)})"
    )


def _number_problem(key: str, value: Any, limits: Mapping[str, float]) -> str:
    lower = "above 0" if "gt" in limits else "of at least 0"
    upper = "below 1" if "lt" in limits else "at most 1"
    # YAML reads 1e-3 as text: it wants 1.0e-3 or 0.001.
    written = " (written like 0.001)" if isinstance(value, str) else ""
    return f"{key} is {value!r}; give a number{written} {lower} and {upper}"


def _limits(part: Any) -> list[tuple[str, float]]:
    return [(name, getattr(part, name)) for name in ("ge", "gt", "le", "lt") if hasattr(part, name)]
