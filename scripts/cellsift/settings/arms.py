"""The arms of a comparison: what config/arms/NAME.yaml holds, and what becomes of it."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from cellsift.settings.recipe import Recipe
from cellsift.settings.search import Search
from cellsift.settings.values import AS_WRITTEN, UNIQUE, Absent, Settings

# The architecture of arms that are made of other arms.
ENSEMBLE = "ensemble"


class ArmFile(Settings):
    """The file of an arm as it is written: its recipe and its search are parts of whole ones."""

    description: str = Field(
        "", description="What this arm is, in a sentence; shown in the report."
    )
    architecture: str | Absent = Field(None, description="Name of a registered architecture.")
    model: Annotated[str, Field(min_length=1)] | Absent = Field(
        None,
        description="In place of all that is below: a finished model that is used as it is, a "
        "folder of models/ in the results of a run, or cellfinder's weights (.keras, .h5).",
    )
    threshold: Annotated[float, Field(ge=0, le=1), AS_WRITTEN] | Absent = Field(
        None, description="Of a finished model: the p_cell from which a candidate is a cell."
    )
    options: dict[str, Any] = Field({}, description="The architecture's own options.")
    training: dict[str, Any] = Field(
        {}, description="Parts of the training recipe that differ from the shared one."
    )
    search: dict[str, Any] | Absent = Field(
        None, description="Which recipes are tried to find a better one."
    )


class EnsembleOptions(Settings):
    """The options of an arm that is made of other arms."""

    members: Annotated[list[str], Field(min_length=2), *UNIQUE] = Field(
        description="Names of two or more trained arms of the config, each once."
    )
    method: Literal["mean", "simplex", "stacking"] = Field(
        "mean",
        description="How the members' calibrated logits are weighted: mean (equally), simplex "
        "(shares of the smallest log loss), or stacking (logistic regression).",
    )


@dataclass(frozen=True)
class Arm:
    """One classifier of the comparison: an architecture, its options and its training recipe.

    An ensemble is not trained: it has no recipe. Nor has a finished model, whose path is `model`;
    its `threshold`, where one is given, stands in place of its own. `search` says among which
    recipes a better one is looked for; None: none is.
    """

    name: str
    architecture: str
    options: dict[str, Any]
    recipe: Recipe | None
    description: str = ""
    search: Search | None = None
    model: str | None = None
    threshold: float | None = None

    @property
    def members(self) -> list[str]:
        """Names of the arms that an ensemble is made of; none for an arm that is trained."""
        return list(self.options["members"]) if self.architecture == ENSEMBLE else []

    def to_dict(self) -> dict[str, Any]:
        """Plain data, from which `Arm.from_dict` makes the arm again."""
        return vars(self) | {
            "recipe": self.recipe.to_dict() if self.recipe else {},
            "search": self.search.to_dict() if self.search else {},
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """The arm that `to_dict` was called on."""
        recipe, search = content["recipe"], content["search"]
        made = {
            "recipe": Recipe.model_validate(recipe) if recipe else None,
            "search": Search.model_validate(search) if search else None,
        }
        return cls(**content | made)
