"""The network that a recipe names as teacher, which must not know the candidates held out."""

from pathlib import Path

import torch

from cellsift.errors import InputError
from cellsift.inference.device import move_to_device
from cellsift.inference.scoring import Scorer, read_scorer
from cellsift.settings.recipe import Recipe


def read_teacher(
    sidecar: Path | None, recipe: Recipe, fold: int | str, device: torch.device
) -> tuple[Scorer | None, str | None]:
    """Return the teacher, on the device, and the hash of its weights; two None without one.

    Raises InputError for a sidecar without a teacher in the recipe, or the other way round, and for
    a teacher that was trained with another fold held out. "all" as the fold is that of a network
    that has learnt from all folds, of which nothing is judged.
    """
    if (sidecar is None) != (not recipe.teacher):
        raise InputError(
            f"the recipe's teacher is {recipe.teacher or 'none'!r}, and the teacher's model "
            f"{sidecar}; give both or neither"
        )
    if sidecar is None:
        return None, None
    scorer, made = read_scorer(sidecar)
    without = made["provenance"].get("fold")
    if without != fold:
        held_out = "no fold" if without is None else f"fold-{without}"
        raise InputError(
            f"{sidecar} was trained with {held_out} held out, not fold-{fold}: it knows candidates "
            "that are to be judged; give that fold's model"
        )
    move_to_device(scorer.model, device)
    return scorer, made.get("weights_sha256")
