"""Whether a recipe and a network go together."""

from cellsift.errors import InputError
from cellsift.models.contract import Network
from cellsift.settings.recipe import Recipe


def check_fits(recipe: Recipe, network: Network) -> None:
    """Raise InputError if a recipe and a network do not go together.

    Args:
        network: says what it is trained by.
    """
    softened = [key for key in ("label_smoothing", "mixup") if getattr(recipe, key)]
    if softened and (network.has_own_loss or network.fitted_at_once):
        raise InputError(
            f"{' and '.join(softened)} mean nothing to this architecture, which is not trained by "
            "cross entropy alone; set them to 0 in this arm's training"
        )
    if recipe.frozen_epochs and network.fitted_at_once:
        raise InputError(
            f"frozen_epochs is {recipe.frozen_epochs}, but this architecture is fitted at once; "
            "set it to 0 in this arm's training"
        )
    learns = network.learns_from_teacher
    if learns and not recipe.teacher:
        raise InputError(
            "this architecture learns from another arm; name that arm as `teacher` in the recipe "
            "(training: {teacher: NAME}), best a convolutional network"
        )
    if recipe.teacher and not learns:
        raise InputError(
            f"teacher is {recipe.teacher!r}, but this architecture learns from the labels "
            "alone; leave it out, or choose deit3d"
        )
