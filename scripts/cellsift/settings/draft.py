"""What a draft is: a quick look at a project, told as such wherever its results are shown."""

from collections.abc import Mapping
from typing import Any

DRAFT = "draft"
# Of each network at most: about an eighth of the default, so that a draft takes minutes.
DRAFT_EPOCHS = 5
MEANING = (
    "Draft: a quick look, not for publication. Its networks were trained for at most "
    f"{DRAFT_EPOCHS} epochs, without searches for recipes and without pre-training, so that arms "
    "may come out in another order than they will. For the comparison write `mode: crossval` into "
    "the config, or leave mode out, and run again."
)


def is_draft(config: Mapping[str, Any]) -> bool:
    """Whether a config, as plain data, is that of a draft; an empty one is not."""
    return bool(config.get("mode") == DRAFT)


def networks_of(config: Mapping[str, Any], most: int) -> int:
    """How many networks a trained arm has by a config as plain data: one for each fold.

    In a draft that leaves whole brains out it is one. `most` is for a config without folds.

    Example:
        >>> networks_of({"mode": "draft", "training": {"folds": 3, "group_by": "brain"}}, 20)
        1
    """
    training = config.get("training", {})
    if is_draft(config) and training.get("group_by") == "brain":
        return 1
    return int(training.get("folds", most))
