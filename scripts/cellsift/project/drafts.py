"""A project as a draft of it is run: fewer networks and epochs, and nothing that takes trials."""

from collections.abc import Mapping
from dataclasses import replace

from cellsift.settings.arms import Arm
from cellsift.settings.brains import Brain
from cellsift.settings.config import Config
from cellsift.settings.draft import DRAFT_EPOCHS

# A single brain is divided into as few parts as can take turns.
FEWEST_FOLDS = 2


def with_folds_of_draft(config: Config, brains: Mapping[str, Brain]) -> Config:
    """The config of a draft, with folds by brain where there is more than one to learn from.

    Then one network is enough for an honest figure: whole train brains are left out of it, and
    they alone are judged. Of a single train brain, or where the config asks for blocks, there are
    two folds of blocks, each with its network: all candidates are judged by the one that has not
    seen them.

    Example:
        with_folds_of_draft(config, {"a": train_brain, "b": train_brain}).networks  # 1
    """
    known = [b for b in brains.values() if b.role == "train" and b.annotated]
    training = config.training
    if training.group_by == "block" or (training.group_by == "auto" and len(known) < 2):
        of_draft = {"folds": FEWEST_FOLDS, "group_by": "block"}
    else:
        folds = max(FEWEST_FOLDS, min(training.folds, len(known)))
        of_draft = {"folds": folds, "group_by": "brain"}
    recipe = training.recipe
    of_draft["recipe"] = recipe.model_copy(update={"epochs": min(recipe.epochs, DRAFT_EPOCHS)})
    return config.model_copy(update={"training": training.model_copy(update=of_draft)})


def arms_of_draft(arms: Mapping[str, Arm]) -> dict[str, Arm]:
    """The arms of a draft: few epochs, no search, no pre-training, members weighted equally."""
    return {name: _arm_of_draft(arm) for name, arm in arms.items()}


def _arm_of_draft(arm: Arm) -> Arm:
    if arm.members:
        # Other weights are fitted on the scores of other folds, which there may be none of.
        return replace(arm, options=arm.options | {"method": "mean"})
    if arm.recipe is None:
        return arm
    epochs = min(arm.recipe.epochs, DRAFT_EPOCHS)
    # The head alone learns for no larger a part than it was to.
    frozen = arm.recipe.frozen_epochs * epochs // arm.recipe.epochs
    fewer = {"epochs": epochs, "frozen_epochs": frozen, "pretraining": ""}
    return replace(arm, recipe=arm.recipe.model_copy(update=fewer), search=None)
