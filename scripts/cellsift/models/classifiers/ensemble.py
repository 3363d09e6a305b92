"""An ensemble: no network of its own, but arms that were trained and are used as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellsift.errors import InputError
from cellsift.models.registry import architecture

if TYPE_CHECKING:
    from cellsift.models.contract import Network


@architecture("ensemble")
def ensemble(
    in_channels: int,
    cuboid_shape: tuple[int, int, int],
    *,
    members: Sequence[str] = (),
    method: str = "mean",
) -> Network:
    """Refuse: an ensemble is made of the models of its members, not from random weights.

    Args:
        members: names of the arms that it is made of.
        method: how they are weighted: mean, simplex or stacking.
    """
    raise InputError(
        "architecture 'ensemble' has no network of its own, it is made of trained arms: list it "
        "beside them in the config's arms, or call cellsift.calibration.ensemble.combine_members"
    )
