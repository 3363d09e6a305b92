"""What a search has found, as the file of a new arm."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from cellsift.io.atomic import atomic_file
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe
from cellsift.settings.search import recipe_with


def write_arm(arm: Arm, chosen: Mapping[str, Any], path: str | Path) -> None:
    """Write what a search has found as the file of a new arm, for config/arms."""
    content = {
        "description": f"{arm.name} with the best recipe of {chosen['trials']} that were tried.",
        "architecture": arm.architecture,
        "options": arm.options,
        # Whole, so that no config's own recipe takes the place of what was tried.
        "training": recipe_with(arm.recipe or Recipe(), chosen["values"]).to_dict(),
    }
    comment = (
        f"# Found by the search of {arm.name}: copy this file to config/arms to use it.\n"
        "# The recipe was chosen on all folds of the train brains, so that this arm's out-of-fold\n"
        f"# scores are slightly optimistic. Those of {arm.name} itself are not.\n"
    )
    with atomic_file(Path(path)) as beside:
        beside.write_text(comment + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
