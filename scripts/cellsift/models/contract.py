"""What every network fulfils: what training, inference and explanations use of it.

A family derives its networks from `Network`, gives `heads` and `forward`, and overrides of the rest
what is special about them. Nobody asks a network whether it has a member: all have all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

if TYPE_CHECKING:
    from cellsift.models.layers.patch_encoder import PatchEncoder

Task = Literal["classify", "segment"]


@dataclass(frozen=True)
class Batch:
    """Varied cuboids and what is known of them; `loss(batch)` of a network may use any of it.

    Attributes:
        inputs: float32 (n, channel, z, y, x), normalised.
        targets: int64 (n,), 1 for a cell.
        weights: float32 (2,), of no cell and cell.
        progress: share of the training that is done, 0 to below 1.
        view: gives the same cuboids, moved alike, with other gain, blur and noise.
        teacher: logits (n, 2) of the recipe's teacher on the same varied cuboids, or None.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    progress: float
    view: Callable[[], torch.Tensor]
    teacher: torch.Tensor | None = None


class Network(nn.Module):
    """A network for float32 cuboids (n, channel, z, y, x), normalised, that gives logits (n, 2).

    The logits are of no cell and cell. All but `heads` and `forward` has a default: that of a
    network that learns by steps down the cross entropy and is explained by occlusion.

    Attributes:
        task: what the network is for; "classify": one pair of logits for each cuboid.
        heads: names, as in `named_modules` and `named_parameters`, of the modules and parameters
            that make logits of features; the first is the module that takes the features. Empty
            where there is nothing that learns by steps.
        gradients_in_place: whether the mean of the gradients over the map of `gradcam_layer` leads
            astray, as with squeeze and excitation and with attention, by which every place acts
            on all: HiResCAM then takes the place of Grad-CAM.
        learns_from_teacher: whether `loss` needs `Batch.teacher`; the recipe has to name one.
        share_without_labels: share of the training, from its start, 0 to below 1, in which nothing
            is learnt from labels yet; no epoch of it is kept as the best.
        fitted_at_once: whether `fit` on `cuboid_features` takes the place of steps down a loss.
        own_map_names: what each of the maps is called that `own_maps` gives; empty: it has none.
        own_maps_file: name of the TIFF file for them, `NAME.tif`.
        has_prototypes: whether there are `prototype_maps` and a `scoring_sheet`.
        least_presence: presence of a prototype below which it counts as absent.
    """

    task: ClassVar[Task] = "classify"
    heads: tuple[str, ...] = ()
    gradients_in_place: bool = False
    learns_from_teacher: bool = False
    share_without_labels: float = 0.0
    fitted_at_once: bool = False
    own_map_names: tuple[str, ...] = ()
    own_maps_file: str = ""
    has_prototypes: bool = False
    least_presence: float = 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (n, 2), no cell and cell, of cuboids (n, channel, z, y, x)."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    @property
    def gradcam_layer(self) -> nn.Module | None:
        """The module whose map Grad-CAM weighs, (n, feature, z, y, x), or (n, feature, y, x).

        None for a network without one, which is explained by occlusion. By default the submodule
        of this name, if there is one.
        """
        return self._modules.get("gradcam_layer")

    @property
    def patch_encoder(self) -> PatchEncoder | None:
        """The encoder of patches that a masked autoencoder can teach; None without one."""
        return None

    @property
    def has_own_loss(self) -> bool:
        """Whether the network overrides `loss`; then softened targets mean nothing to it."""
        return type(self).loss is not Network.loss

    def loss(self, batch: Batch) -> torch.Tensor:
        """Return the loss of a batch, a scalar; by default the weighted cross entropy on labels."""
        return F.cross_entropy(self(batch.inputs).float(), batch.targets, weight=batch.weights)

    def after_step(self) -> None:
        """Follow a step of the optimiser, to keep parameters within bounds, say."""

    def cuboid_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features (n, f) of cuboids that `fit` takes, if `fitted_at_once`."""
        raise NotImplementedError(f"{type(self).__name__} is not fitted at once")

    def fit(
        self, features: np.ndarray, is_cell: np.ndarray, weights: tuple[float, float], seed: int
    ) -> None:
        """Fit the network to features (n, f) and labels (n,), bool, if `fitted_at_once`.

        Args:
            features: as `cuboid_features` gives them.
            is_cell: (n,) bool.
            weights: of the classes (no cell, cell).
            seed: the same seed gives the same fit.
        """
        raise NotImplementedError(f"{type(self).__name__} is not fitted at once")

    def own_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return where the network itself says that it looked, one map for each of its names.

        Each on a grid of its own: (n, z, y, x), (n, y, x) for all planes alike, or (n, z) for all
        of a plane alike.
        """
        return []

    def prototype_maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the prototypes' probabilities (n, prototype, z, y, x), if it `has_prototypes`.

        The map may be coarser than the cuboid.
        """
        raise NotImplementedError(f"{type(self).__name__} has no prototypes")

    def scoring_sheet(self) -> torch.Tensor:
        """Return the points (prototype, 2) that each gives no cell and cell, likewise."""
        raise NotImplementedError(f"{type(self).__name__} has no prototypes")


def check_network(architecture: str, network: object) -> None:
    """Raise TypeError, for the author of a family, unless a builder gave a whole `Network`."""
    made = f"the builder of architecture '{architecture}' gives a {type(network).__name__}"
    if not isinstance(network, Network):
        raise TypeError(f"{made}; derive it from cellsift.models.contract.Network")
    known = {*dict(network.named_modules()), *dict(network.named_parameters())}
    if unknown := [name for name in network.heads if name not in known]:
        raise TypeError(f"{made}, whose heads name what it does not have: {', '.join(unknown)}")
    if not network.heads and any(True for _ in network.parameters()):
        raise TypeError(f"{made} without heads; name in them the modules that make the logits")
