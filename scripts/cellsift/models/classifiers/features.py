"""Hand-made features with boosted trees: the baseline that every network has to beat.

Some twenty numbers that a person would look at (brightness of the centre, contrast to the
surroundings, size, shape, focus, ratio of the channels; `FEATURES` says what each means) and
gradient boosting on them (`models.layers.boosted_trees`). Nothing here is learned by steps: the
features are fixed and the trees are fitted at once.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.io.axes import Shape
from cellsift.models.contract import Network
from cellsift.models.layers.boosted_trees import BoostedTrees
from cellsift.models.option_checks import check_whole_number
from cellsift.models.registry import architecture

# Standard deviations of the Gaussians that features are measured with, as shares of half the
# shorter side in y and x: 2, 4, 8 and 17 µm where a cuboid is 50 µm wide.
RADII = {"narrow": 1 / 12, "medium": 1 / 6, "wide": 1 / 3, "widest": 2 / 3}
CENTRAL = 0.5  # radius of the ball around the centre that shapes are measured in, likewise
TINY = 1e-12

# Intensities are as the network gets them, so normally standardised logarithms: differences are
# ratios of raw intensities. "Smoothed" is the mean of 3 x 3 voxels within a plane. Lengths are
# in steps of y and x, the centre is that of the cuboid.
FEATURES = {
    "signal_centre": "mean signal at the centre, weighted by the medium Gaussian",
    "signal_peak": "highest smoothed signal in the central ball",
    "signal_surroundings": "mean signal outside the central ball",
    "signal_deviation": "standard deviation of the signal",
    "signal_skewness": "skewness of the signal: above 0 where a few voxels are bright",
    "signal_grain": "standard deviation of the signal against the smoothed one: fine noise",
    "contrast_narrow": "mean signal under the narrow Gaussian less that under the medium one",
    "contrast_medium": "mean signal under the medium Gaussian less that under the wide one",
    "contrast_wide": "mean signal under the wide Gaussian less that under the widest one",
    "size_above_half": "share of the central ball brighter than half way from its surroundings "
    "to its peak",
    "extent_z": "standard deviation along z of what is above half",
    "extent_plane": "standard deviation along y and x, their root mean square, of what is above "
    "half",
    "elongation": "fractional anisotropy of what is above half: 0 for a ball, 1 for a line",
    "sphericity": "product of the three variances of what is above half over the cube of their "
    "mean: 1 for a ball, 0 for a sheet or a line",
    "offset": "distance from the centre to the centre of mass of what is above half",
    "peak_distance": "distance from the centre to the brightest smoothed voxel of the cuboid",
    "edge_mean": "mean gradient of the smoothed signal in the central ball",
    "edge_highest": "highest gradient of the smoothed signal in the central ball",
    "planes_in_focus": "share of the planes whose contrast at the centre is above half of that "
    "of the best plane",
}
FEATURES_OF_TWO_CHANNELS = {
    "background_centre": "mean background at the centre, weighted by the medium Gaussian",
    "background_deviation": "standard deviation of the background",
    "background_contrast_medium": "as contrast_medium, of the background",
    "background_contrast_wide": "as contrast_wide, of the background",
    "ratio_centre": "signal_centre less background_centre: the ratio of the channels",
    "ratio_contrast": "contrast_wide of the signal less that of the background",
    "correlation": "correlation of the channels, weighted by the widest Gaussian",
}


@architecture("features")
def features(
    in_channels: int,
    cuboid_shape: Shape,
    *,
    trees: int = 200,
    depth: int = 3,
    shrinkage: float = 0.05,
    subsample: float = 0.5,
    z_step: float = 4.0,
) -> Network:
    """Return boosted trees on hand-made features; `fit` takes the place of training by steps.

    A cuboid of a single plane works as well.

    Args:
        in_channels: 1 (signal) or 2 (signal, background).
        cuboid_shape: voxels along z, y, x; at least 3 along y and x.
        trees: number of trees.
        depth: splits from the root of a tree to its leaves, at most 10.
        shrinkage: by which the values of every tree are multiplied, above 0 to 1.
        subsample: share of the training cuboids that each tree sees, above 0 to 1.
        z_step: size of a voxel along z over its size along y and x.
    """
    check_whole_number("features trees", trees)
    check_whole_number("features depth", depth, most=10)
    _check_number("shrinkage", shrinkage, most=1)
    _check_number("subsample", subsample, most=1)
    _check_number("z_step", z_step, most=100)
    if in_channels not in (1, 2) or min(cuboid_shape[1:]) < 3:
        raise InputError(
            f"features need 1 or 2 channels and 3 voxels along y and x; there are {in_channels} "
            f"channels of {list(cuboid_shape)} (z, y, x)"
        )
    return FeatureTrees(
        CuboidFeatures(in_channels, cuboid_shape, z_step),
        BoostedTrees(len(feature_names(in_channels)), trees, depth),
        shrinkage,
        subsample,
    )


def feature_names(in_channels: int) -> list[str]:
    """Return the names of the features in their order; `FEATURES` explains them."""
    return list(FEATURES) + (list(FEATURES_OF_TWO_CHANNELS) if in_channels == 2 else [])


class FeatureTrees(Network):
    """Features and trees for cuboids (n, channel, z, y, x); gives logits (n, 2).

    It has no parameters. Fit it by `model.fit(model.cuboid_features(cuboids), ...)`.
    """

    fitted_at_once = True

    def __init__(
        self,
        feature_extractor: "CuboidFeatures",
        forest: BoostedTrees,
        shrinkage: float,
        subsample: float,
    ):
        super().__init__()
        self.feature_extractor = feature_extractor
        self.forest = forest
        self.shrinkage = shrinkage
        self.subsample = subsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forest(self.cuboid_features(x))

    def cuboid_features(self, x: torch.Tensor) -> torch.Tensor:
        """Return the features (n, f) of cuboids, in the order of `feature_names`."""
        return self.feature_extractor(x)

    def fit(
        self, features: np.ndarray, is_cell: np.ndarray, weights: tuple[float, float], seed: int
    ) -> None:
        """Fit the trees to the features (n, f) of cuboids, as `cuboid_features` gives them."""
        self.forest.fit(features, is_cell, weights, seed, self.shrinkage, self.subsample)

    def feature_importance(self) -> dict[str, float]:
        """Return how much each feature lowered the impurity; together 1, or all 0 before `fit`."""
        importance = self.forest.importance.tolist()
        return dict(zip(self.feature_extractor.names, importance, strict=True))


class CuboidFeatures(nn.Module):
    """The features (n, f) of cuboids (n, channel, z, y, x), in the order of `feature_names`."""

    places: torch.Tensor
    distance: torch.Tensor
    central: torch.Tensor
    central_share: torch.Tensor
    outside_share: torch.Tensor
    variance_of_voxel: torch.Tensor
    gaussians: torch.Tensor
    gaussians_in_plane: torch.Tensor

    def __init__(self, in_channels: int, cuboid_shape: Shape, z_step: float):
        super().__init__()
        self.names = feature_names(in_channels)
        self.z_step = z_step
        steps = (z_step, 1.0, 1.0)
        lines = [
            (torch.arange(n) - (n - 1) / 2) * step
            for n, step in zip(cuboid_shape, steps, strict=True)
        ]
        places = torch.stack(torch.meshgrid(*lines, indexing="ij"))
        distance = places.square().sum(dim=0).sqrt()
        half = min(cuboid_shape[1:]) / 2
        in_plane = (lines[1].square()[:, None] + lines[2].square()).sqrt()
        central = distance <= (CENTRAL * half + z_step / 2)
        geometry = {
            "places": places,
            "distance": distance,
            "central": central.float(),
            "central_share": central.float() / central.sum(),
            "outside_share": (~central).float() / (~central).sum().clamp(min=1),
            # A voxel is not a point: its own variance also keeps flat shapes from dividing by 0.
            "variance_of_voxel": torch.diag(torch.tensor(steps).square() / 12),
            "gaussians": torch.stack([_gaussian(distance, r * half) for r in RADII.values()]),
            "gaussians_in_plane": torch.stack(
                [_gaussian(in_plane, r * half) for r in RADII.values()]
            ),
        }
        # They follow from the shape; a stored model need not hold them.
        for name, tensor in geometry.items():
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        signal = x[:, 0].float()
        levels = self._levels(signal)
        values = self._brightness(signal) | self._shape(signal) | self._focus(signal)
        values["signal_centre"] = levels["medium"]
        for finer, coarser in (("narrow", "medium"), ("medium", "wide"), ("wide", "widest")):
            values[f"contrast_{finer}"] = levels[finer] - levels[coarser]
        if x.shape[1] == 2:
            values |= self._channels(signal, x[:, 1].float(), values)
        return torch.stack([values[name] for name in self.names], dim=1)

    def _levels(self, channel: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the means under the Gaussians."""
        means = [(channel * gaussian).sum(dim=(1, 2, 3)) for gaussian in self.gaussians]
        return dict(zip(RADII, means, strict=True))

    def _brightness(self, signal: torch.Tensor) -> dict[str, torch.Tensor]:
        deviation = signal - signal.mean(dim=(1, 2, 3), keepdim=True)
        spread = deviation.square().mean(dim=(1, 2, 3)).sqrt()
        grain = signal - _smoothed(signal)
        return {
            "signal_surroundings": (signal * self.outside_share).sum(dim=(1, 2, 3)),
            "signal_deviation": spread,
            "signal_skewness": deviation.pow(3).mean(dim=(1, 2, 3)) / (spread.pow(3) + TINY),
            "signal_grain": grain.square().mean(dim=(1, 2, 3)).sqrt(),
        }

    def _shape(self, signal: torch.Tensor) -> dict[str, torch.Tensor]:
        smooth = _smoothed(signal)
        low = (signal * self.outside_share).sum(dim=(1, 2, 3))
        peak = smooth.masked_fill(self.central == 0, -torch.inf).amax(dim=(1, 2, 3))
        half = ((low + peak) / 2)[:, None, None, None]
        above = (smooth - half).clamp(min=0) * self.central
        weight = above / (above.sum(dim=(1, 2, 3), keepdim=True) + TINY)
        middle, spread = self._moments(weight)
        trace = spread.diagonal(dim1=1, dim2=2).sum(dim=1)
        squares = spread.square().sum(dim=(1, 2))
        brightest = smooth.flatten(1).argmax(dim=1)
        return {
            "signal_peak": peak,
            "size_above_half": ((smooth > half) * self.central_share).sum(dim=(1, 2, 3)),
            "extent_z": spread[:, 0, 0].sqrt(),
            "extent_plane": ((spread[:, 1, 1] + spread[:, 2, 2]) / 2).sqrt(),
            "elongation": (1.5 * (1 - trace.square() / (3 * squares)).clamp(min=0)).sqrt(),
            "sphericity": 27 * _determinant(spread) / trace.pow(3),
            "offset": middle.square().sum(dim=1).sqrt(),
            "peak_distance": self.distance.flatten()[brightest],
        }

    def _moments(self, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean place (n, 3) and covariance (n, 3, 3) of weights that sum to 1."""
        middle = torch.stack([(weight * line).sum(dim=(1, 2, 3)) for line in self.places], dim=1)
        rows = []
        for i in range(3):
            away = [self.places[j] - middle[:, j, None, None, None] for j in range(3)]
            rows.append(
                torch.stack([(weight * away[i] * other).sum(dim=(1, 2, 3)) for other in away], 1)
            )
        return middle, torch.stack(rows, dim=1) + self.variance_of_voxel

    def _focus(self, signal: torch.Tensor) -> dict[str, torch.Tensor]:
        smooth = _smoothed(signal)
        slopes = [
            _slope(smooth, axis, step) for axis, step in ((1, self.z_step), (2, 1.0), (3, 1.0))
        ]
        edge = torch.stack(slopes).square().sum(dim=0).sqrt()
        _, medium, wide, _ = [
            (signal * gaussian).sum(dim=(2, 3)) for gaussian in self.gaussians_in_plane
        ]
        contrast = medium - wide
        best = contrast.amax(dim=1, keepdim=True)
        return {
            "edge_mean": (edge * self.central_share).sum(dim=(1, 2, 3)),
            "edge_highest": (edge * self.central).amax(dim=(1, 2, 3)),
            "planes_in_focus": (contrast > best / 2).float().mean(dim=1),
        }

    def _channels(
        self, signal: torch.Tensor, background: torch.Tensor, of_signal: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        levels = self._levels(background)
        widest = self.gaussians[-1]
        centred = [
            channel - (channel * widest).sum(dim=(1, 2, 3), keepdim=True)
            for channel in (signal, background)
        ]
        common = (centred[0] * centred[1] * widest).sum(dim=(1, 2, 3))
        own = [(channel.square() * widest).sum(dim=(1, 2, 3)).sqrt() for channel in centred]
        deviation = background - background.mean(dim=(1, 2, 3), keepdim=True)
        contrast = levels["wide"] - levels["widest"]
        return {
            "background_centre": levels["medium"],
            "background_deviation": deviation.square().mean(dim=(1, 2, 3)).sqrt(),
            "background_contrast_medium": levels["medium"] - levels["wide"],
            "background_contrast_wide": contrast,
            "ratio_centre": of_signal["signal_centre"] - levels["medium"],
            "ratio_contrast": of_signal["contrast_wide"] - contrast,
            "correlation": common / (own[0] * own[1] + TINY),
        }


def _gaussian(distance: torch.Tensor, deviation: float) -> torch.Tensor:
    weight = torch.exp(-(distance.square()) / (2 * deviation**2))
    return weight / weight.sum()


def _smoothed(channel: torch.Tensor) -> torch.Tensor:
    """Return the means of 3 x 3 voxels within the planes of (n, z, y, x)."""
    return F.avg_pool2d(channel, 3, stride=1, padding=1, count_include_pad=False)


def _slope(channel: torch.Tensor, axis: int, step: float) -> torch.Tensor:
    """Return the change per step along an axis; beyond the border the last voxels are repeated."""
    size = channel.shape[axis]
    before = torch.cat([channel.narrow(axis, 0, 1), channel.narrow(axis, 0, size - 1)], axis)
    after = torch.cat([channel.narrow(axis, 1, size - 1), channel.narrow(axis, size - 1, 1)], axis)
    return (after - before) / (2 * step)


def _determinant(matrix: torch.Tensor) -> torch.Tensor:
    """Return the determinants of symmetric matrices (n, 3, 3)."""
    zz, zy, zx = matrix[:, 0].unbind(dim=1)
    yy, yx, xx = matrix[:, 1, 1], matrix[:, 1, 2], matrix[:, 2, 2]
    return zz * (yy * xx - yx * yx) - zy * (zy * xx - yx * zx) + zx * (zy * yx - yy * zx)


def _check_number(what: str, value: float, most: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < value <= most:
        raise InputError(f"features {what} is {value!r}; give a number above 0 and up to {most}")
