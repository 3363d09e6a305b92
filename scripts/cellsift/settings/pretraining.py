"""Pre-trainings: what config/pretraining/NAME.yaml holds, and what becomes of it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, WithJsonSchema

from cellsift.settings.recipe import Augmentation, Normalisation
from cellsift.settings.values import AS_WRITTEN, WHOLE, Absent, Number, Settings

# The roles of the brains whose cuboids are used.
ROLES = {
    "train": ("train",),
    "train_and_predict": ("train", "predict"),
    "all": ("train", "predict", "test"),
}
# Keys that only one method knows.
OF_METHOD = {
    "mae": ("mask_ratio", "normalised_targets"),
    "dino": ("local_views", "prototypes", "teacher_momentum"),
}
# Noise and blur would become what an autoencoder has to draw.
AUGMENTATION_OF_MAE = {"strength": 1.0, "operations": ["flip", "quarter_turn", "affine"]}


class PretrainingFile(Settings):
    """The file of a pre-training as it is written, with defaults for the keys left out."""

    description: str = Field("", description="What this pre-training is, in a sentence.")
    method: Literal["mae", "dino"] = Field(
        description="mae, a masked autoencoder (vision transformers only), or dino, "
        "self-distillation."
    )
    architecture: str = Field(
        description="Name of a registered architecture, that of the arms that start from it."
    )
    options: dict[str, Any] = Field(
        {}, description="The architecture's own options, those of the arms that start from it."
    )
    brains: Literal["train", "train_and_predict", "all"] = Field(
        "train", description="Roles of the brains whose cuboids are used; labels are not."
    )
    epochs: Annotated[int, Field(ge=1, le=100000), WHOLE] = Field(
        50, description="Passes through the cuboids."
    )
    cuboids_per_epoch: Annotated[int, Field(ge=2, le=1000000000), WHOLE] = Field(
        100000, description="Cuboids of a pass, drawn anew for each, where there are more."
    )
    batch_size: Annotated[int, Field(ge=2, le=100000), WHOLE] = Field(
        64, description="Cuboids per step."
    )
    learning_rate: Annotated[float, Field(gt=0, le=1), AS_WRITTEN] = Field(
        0.0005, description="AdamW's at its highest; a number such as 0.0005."
    )
    weight_decay: Annotated[float, Field(ge=0, le=1), AS_WRITTEN] = Field(
        0.05, description="AdamW's, on weights but not on biases and normalisation."
    )
    normalisation: Normalisation | Absent = Field(
        None,
        description="How intensities are normalised; left out, as in the recipe of the arms.",
    )
    augmentation: Annotated[
        str | dict[str, Any], WithJsonSchema({"type": ["string", "object"]})
    ] = Field("default", description="How cuboids are varied, as in a recipe.")
    mask_ratio: Annotated[float, Field(gt=0, lt=1), AS_WRITTEN] = Field(
        0.75, description="mae, the share of the patches that are hidden."
    )
    normalised_targets: bool = Field(
        True,
        description="mae, whether the voxels of every hidden patch are standardised before "
        "comparison.",
    )
    local_views: Annotated[int, Field(ge=0, le=16), WHOLE] = Field(
        2, description="dino, enlarged crops of every cuboid beside its two whole views."
    )
    prototypes: Annotated[int, Field(ge=2, le=100000), WHOLE] = Field(
        1024, description="dino, answers among which the networks spread a view."
    )
    teacher_momentum: Annotated[float, Field(ge=0, lt=1), AS_WRITTEN] = Field(
        0.996,
        description="dino, share of the teacher that a step leaves at first; smaller for few "
        "steps.",
    )


class PretrainingRecipe(Settings):
    """How a backbone is pre-trained, completed; the keys mean what they do in the file."""

    epochs: int
    batch_size: int
    learning_rate: Number
    weight_decay: Number
    normalisation: Normalisation
    augmentation: Augmentation
    cuboids_per_epoch: int


@dataclass(frozen=True)
class Pretraining:
    """A method that teaches the backbone of an architecture by cuboids without labels.

    `of_method` has the settings that only the method knows.
    """

    name: str
    method: str
    architecture: str
    options: dict[str, Any]
    brains: str
    recipe: PretrainingRecipe
    of_method: dict[str, Any]

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of the brains whose cuboids are used."""
        return ROLES[self.brains]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which `Pretraining.from_dict` makes it again."""
        return vars(self) | {"recipe": self.recipe.to_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The pre-training that `to_dict` was called on."""
        return cls(**content | {"recipe": PretrainingRecipe.model_validate(content["recipe"])})
