"""Prototypes: a verdict that is a short sum over parts that were seen.

PIP-Net (Nauta, Schlötterer, van Keulen and Seifert, CVPR 2023) in three dimensions as PIPNet3D
(De Santi et al. 2024, arXiv 2403.18328). A residual network gives every place of a coarse map
probabilities over prototypes (softmax); a prototype's presence is its highest probability
anywhere; a class's score is the sum of presences times the non-negative points of a scoring
sheet. Prototypes are learned without labels: two views of a cuboid have to agree place by place
(alignment), and every prototype has to be present in some cuboid of a batch (tanh).

Neither class has a bias. In the paper's two-class setting a bias lets one class stand for the
absence of the other; here artefacts (vessels, autofluorescence, edges) have parts of their own to
be recognised by, and as every place has to choose a prototype, plain tissue gets one too, whose
points act as a bias that can be seen and checked. So a cuboid in which nothing known is present
scores exactly 0 for both classes, "never seen", and not "no cell".

Ours: the stem and the strides for anisotropic cuboids, the points' own rate of learning, the
two-dimensional form on planes as channels (the paper's networks are two-dimensional on images),
and that a place sees no farther than a part. In a cuboid, each place of a whole residual network
sees everything, and prototypes become names of the two classes, present anywhere (where such
prototypes fire: Sacha et al., AAAI 2024). So the units' convolutions look at neighbours only along
axes that they halve, and once before, as in BagNets (Brendel and Bethge, ICLR 2019).
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Batch, Network
from cellsift.models.layers.initialisation import initialise_by_fan_in
from cellsift.models.layers.plane_encoder import PlaneEncoder, check_depth_and_width, check_size
from cellsift.models.layers.planes import is_flat
from cellsift.models.layers.residual import BLOCKS, BOTTLENECK_DEPTHS, Unit, feature_norm
from cellsift.models.layers.strides import halvings
from cellsift.models.option_checks import check_whole_number
from cellsift.models.registry import architecture

DEPTHS = {10: (1, 1, 1, 1)} | BLOCKS
# Steps that the map keeps along z, y and x: prototypes are parts, so places have to stay apart.
KEPT_MAP = (3, 6, 6)
# Presence below this counts as absent when the network is used.
LEAST_PRESENCE = 0.1
# Weights of the losses (alignment, tanh, classification) while prototypes are formed and after.
# The first alignment's weight rises from 0 to its value.
FORMING = (1.0, 5.0, 0.0)
CLASSIFYING = (5.0, 2.0, 2.0)
# What every point of the sheet loses with each step of the optimiser: unused ones end at 0.
SHRINKAGE = 1e-3
# The paper trains the sheet at 100 times the backbone's rate (0.05 against 0.0005). Adam moves
# all weights by about its rate, so a sheet stored in hundredths moves its points as fast.
POINTS = 100.0
TINY = 1e-8


@architecture("pipnet3d")
def pipnet3d(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    depth: int = 18,
    width: int = 32,
    prototypes: int = 128,
    forming: float = 0.3,
    planes_as_channels: bool = False,
) -> Network:
    """Return a network that scores cuboids by the prototypes present in them.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 3 along y and x. A single plane makes the
            network two-dimensional.
        depth: 10, 18, 34, 50, 101 or 152 layers; 10, 18 or 34 in two dimensions.
        width: features after the stem; they double with every unit. 8 trains on a laptop.
        prototypes: number of prototypes to start from; most end without points.
        forming: share of the training, 0 to below 1, that forms prototypes without labels.
        planes_as_channels: whether to look at all planes at once as channels of one image.
    """
    check_whole_number("pipnet3d prototypes", prototypes, least=2)
    number = isinstance(forming, int | float) and not isinstance(forming, bool)
    if not number or not 0 <= forming < 1:
        raise InputError(f"pipnet3d forming is {forming!r}; give a number from 0 to 0.99")
    flat = is_flat(cuboid_shape, planes_as_channels)
    backbone = (FlatBackbone if flat else VolumeBackbone)(in_channels, cuboid_shape, depth, width)
    return PIPNet(backbone, prototypes, float(forming))


class PIPNet(Network):
    """A network for cuboids (n, channel, z, y, x) that gives logits (n, 2), both at least 0.

    The logits are log(1 + score²) of the two scores, whose cross entropy is the paper's
    classification loss; the scores themselves, sums of the lines of the sheet, are
    `class_scores`. With `loss` the backbone learns from the start and the sheet once
    `share_without_labels` is over.
    """

    heads = ("prototypes", "sheet")
    has_prototypes = True
    least_presence = LEAST_PRESENCE

    def __init__(self, backbone: "VolumeBackbone | FlatBackbone", prototypes: int, forming: float):
        super().__init__()
        self.share_without_labels = forming
        self.backbone = backbone
        self.prototypes = nn.Conv3d(backbone.out_features, prototypes, 1)
        self.maps = nn.Identity()
        self.sheet = nn.Parameter((1 + 0.1 * torch.randn(2, prototypes)) / POINTS)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The prototypes' maps: Grad-CAM weighs them by the points for cell less no cell."""
        return self.maps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log1p(self.class_scores(x).square())

    def class_scores(self, x: torch.Tensor) -> torch.Tensor:
        """Return the scores (n, 2): for each class the sum of presence times points."""
        return self._scores(self.prototype_presence(x))

    def prototype_presence(self, x: torch.Tensor) -> torch.Tensor:
        """Return how far each prototype is present, (n, prototype), 0 to 1.

        Outside training, less than `LEAST_PRESENCE` is 0.
        """
        presence = self.prototype_maps(x).amax(dim=(2, 3, 4))
        if self.training:
            return presence
        return torch.where(presence < LEAST_PRESENCE, torch.zeros_like(presence), presence)

    def prototype_maps(self, x: torch.Tensor) -> torch.Tensor:
        """Return the prototypes' probabilities (n, prototype, z, y, x), 1 in all at each place.

        The map is coarser than the cuboid; in two dimensions it has one plane.
        """
        return self.maps(torch.softmax(self.prototypes(self.backbone(x)).float(), dim=1))

    def scoring_sheet(self) -> torch.Tensor:
        """Return the points (prototype, 2) that each prototype gives no cell and cell."""
        return self._points().detach().T

    def loss(self, batch: Batch) -> torch.Tensor:
        """Return the loss of a batch: alignment and tanh, later classification of both views too.

        Args:
            batch: has `inputs`, `targets`, `weights` of the classes, `progress` (0 to 1) and
                `view()`, the same cuboids with other photometric changes.
        """
        maps = self.prototype_maps(torch.cat([batch.inputs, batch.view()]))
        presence = maps.amax(dim=(2, 3, 4))
        first, second = maps.chunk(2)
        agreement = alignment_loss(first, second.detach()) + alignment_loss(second, first.detach())
        agreement = agreement / 2
        use = sum(map(tanh_loss, presence.chunk(2))) / 2
        if batch.progress < self.share_without_labels:
            rise = batch.progress / self.share_without_labels
            return FORMING[0] * rise * agreement + FORMING[1] * use
        logits = torch.log1p(self._scores(presence).square())
        verdict = F.cross_entropy(logits, batch.targets.repeat(2), weight=batch.weights)
        return CLASSIFYING[0] * agreement + CLASSIFYING[1] * use + CLASSIFYING[2] * verdict

    @torch.no_grad()
    def after_step(self) -> None:
        """Take a little from all points and keep them at 0 or above; nothing while they rest."""
        if self.sheet.grad is not None:
            self.sheet.sub_(SHRINKAGE / POINTS).clamp_(min=0)

    def _points(self) -> torch.Tensor:
        return torch.relu(self.sheet) * POINTS

    def _scores(self, presence: torch.Tensor) -> torch.Tensor:
        # Not a matrix product: in the bfloat16 of mixed precision sums would miss their lines.
        return (presence[:, None] * self._points()).sum(dim=2)


class VolumeBackbone(nn.Module):
    """Residual units that keep their map fine: (n, channel, z, y, x) to (n, feature, z, y, x).

    y and x are halved by the stem, its maximum and the second unit, z by the last two of these,
    as far as `KEPT_MAP` steps are left; the last two units have stride 1.
    """

    def __init__(self, in_channels: int, cuboid_shape: Shape, depth: int, width: int):
        super().__init__()
        check_depth_and_width(depth, width, DEPTHS)
        check_size(cuboid_shape[1:])
        z, y, x = (halvings(n, 3, least) for n, least in zip(cuboid_shape, KEPT_MAP, strict=True))
        stem, pool, unit = zip([1, *z[:2]], y, x, strict=True)
        self.stem = nn.Sequential(
            nn.Conv3d(in_channels, width, (3, 7, 7), stem, padding=(1, 3, 3), bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
            nn.MaxPool3d(pool),
        )
        units, features = [], width
        for index, blocks in enumerate(DEPTHS[depth]):
            units.append(
                Unit(
                    features,
                    width * 2**index,
                    blocks,
                    stride=unit if index == 1 else 1,
                    bottleneck=depth in BOTTLENECK_DEPTHS,
                    norm=feature_norm,
                    # Of which only the number of axes counts for this normalisation.
                    size=cuboid_shape,
                )
            )
            features = units[-1].out_features
        self.units = see_parts(nn.Sequential(*units))
        self.out_features = features
        self.apply(initialise_by_fan_in)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.units(self.stem(x))


class FlatBackbone(nn.Module):
    """The same on planes as channels of one image; its map has a single plane."""

    def __init__(self, in_channels: int, cuboid_shape: Shape, depth: int, width: int):
        super().__init__()
        self.encoder = PlaneEncoder(
            in_channels * cuboid_shape[0], cuboid_shape[1:], depth, width, least_map=KEPT_MAP[1]
        )
        see_parts(self.encoder.blocks)
        self.out_features = self.encoder.out_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x.flatten(1, 2)).unsqueeze(2)


def see_parts(units: nn.Module) -> nn.Module:
    """Make convolutions, after the first that sees neighbours, see them along halved axes only."""
    wide = [
        (parent, name, child)
        for parent in units.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Conv2d | nn.Conv3d) and max(child.kernel_size) > 1
    ]
    for parent, name, conv in wide[1:]:
        kernel = tuple(3 if stride > 1 else 1 for stride in conv.stride)
        padding = tuple(size // 2 for size in kernel)
        kind: Callable[..., nn.Conv2d | nn.Conv3d] = type(conv)
        sizes = (conv.in_channels, conv.out_channels, kernel, conv.stride)
        narrow = kind(*sizes, padding=padding, bias=False)
        nn.init.kaiming_normal_(narrow.weight, mode="fan_out", nonlinearity="relu")
        setattr(parent, name, narrow)
    return units


def alignment_loss(maps: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Return how little two maps (n, prototype, ...) agree: 0 for the same one-hots everywhere."""
    return -torch.log((maps * wanted).sum(dim=1) + TINY).mean()


def tanh_loss(presence: torch.Tensor) -> torch.Tensor:
    """Return a loss that is low where each prototype of (n, prototype) is present somewhere."""
    return -torch.log(torch.tanh(presence.sum(dim=0)) + TINY).mean()
