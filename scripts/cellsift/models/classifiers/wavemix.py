"""WaveMix: tokens are mixed by a wavelet transform instead of attention or wide convolutions.

Jeevan, Viswanathan, Anandu and Sethi, "WaveMix: a resource-efficient neural network for image
analysis" (arXiv 2205.14375, version 5). A block decomposes its map with a Haar transform of
several levels, lets a small network of 1 x 1 convolutions mix the subbands of every level, from
the coarsest to the finest, and adds the result to its input.

The paper is about images. Ours are the third dimension (eight subbands instead of four), levels
that act on y and x only because the voxels are longer along z, and two changes in detail:
linear upsampling to the exact size and a 1 x 1 x 1 convolution replace the deconvolution, which
cannot give back odd sizes; the stem has one wide convolution, not two, before its patches.
"""

import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.models.contract import Network
from cellsift.models.layers.dimensions import CONVOLUTIONS, NORMALISATIONS
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.strides import LEAST_MAP
from cellsift.models.option_checks import check_share, check_whole_number
from cellsift.models.registry import architecture

Size = tuple[int, ...]  # along z, y, x, or along y, x
# For every axis of a map, whether a level of the transform halves it.
Axes = tuple[bool, ...]

FEATURE_EXPANSION = 2
STEM_PATCH = (1, 2, 2)


@architecture("wavemix3d")
def wavemix3d(
    in_channels: int,
    cuboid_shape: tuple[int, int, int],
    *,
    width: int = 64,
    depth: int = 6,
    levels: int = 3,
    planar_levels: int = 1,
    dropout: float = 0.5,
    planes_as_channels: bool = False,
) -> Network:
    """Return a WaveMix network; a cuboid of one plane always gets the two-dimensional one.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; at least 9 along y and x for three levels.
        width: features of the map, a multiple of 8. 16 trains on a laptop.
        depth: number of blocks.
        levels: levels of the wavelet transform, 1 to 4.
        planar_levels: how many of these, the finest first, act on y and x only. 1 suits voxels
            that are two to five times as long along z; 0 suits cubic ones.
        dropout: share of the features left out within the blocks while training.
        planes_as_channels: whether the planes become channels of a two-dimensional network.
    """
    check_options(width, depth, levels, planar_levels, dropout)
    check_shape(cuboid_shape, levels)
    if is_flat(cuboid_shape, planes_as_channels):
        channels = in_channels * cuboid_shape[0]
        in_plane: list[Axes] = [(True, True)] * levels
        return PlanesAsChannels(WaveMix(channels, width, depth, in_plane, dropout))
    axes = level_axes(cuboid_shape[0], levels, planar_levels)
    return WaveMix(in_channels, width, depth, axes, dropout)


class WaveMix(Network):
    """A network for maps (n, channel, z, y, x), or (n, channel, y, x), that gives logits (n, 2).

    Args:
        axes: for every level of the transform, the axes on which it acts.
    """

    heads = ("fully_connected",)

    def __init__(self, in_channels: int, width: int, depth: int, axes: list[Axes], dropout: float):
        super().__init__()
        self.stem = Stem(in_channels, width, dims=len(axes[0]))
        self.blocks = nn.Sequential(*(WaveMixBlock(width, axes, dropout) for _ in range(depth)))
        self.fully_connected = nn.Linear(width, 2)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The last block; its map is half as large along y and x as the cuboid."""
        return self.blocks[-1]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fully_connected(self.blocks(self.stem(x)).flatten(2).mean(dim=2))


class Stem(nn.Module):
    """A convolution of three steps per axis, then one that makes a feature of every patch."""

    def __init__(self, in_channels: int, width: int, dims: int):
        super().__init__()
        convolution, self.patch = CONVOLUTIONS[dims], STEM_PATCH[-dims:]
        self.wide = convolution(in_channels, width // 4, 3, padding=1)
        self.patches = convolution(width // 4, width, self.patch, self.patch)
        self.gelu = nn.GELU()
        self.norm = NORMALISATIONS[dims](width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.gelu(self.patches(pad_to_multiple(self.wide(x), self.patch))))


class WaveMixBlock(nn.Module):
    """Wavelet transform of a reduced map, mixing of its subbands, and the sum with the map.

    Every level decomposes the low-pass subband of the level above it. As each axis halves the
    map and doubles the subbands, the map is reduced to a quarter of its features (image) or an
    eighth, so that a level has as many as the map again.
    """

    def __init__(self, width: int, axes: list[Axes], dropout: float):
        super().__init__()
        dims = len(axes[0])
        reduced = width // 2**dims
        self.reduce = CONVOLUTIONS[dims](width, reduced, 1)
        self.transforms = nn.ModuleList(HaarTransform(level) for level in axes)
        self.mixers = nn.ModuleList()
        for index, transform in enumerate(self.transforms):
            from_coarser = width // 2 if index < len(axes) - 1 else 0
            self.mixers.append(
                Mixer(
                    reduced * transform.subbands + from_coarser,
                    width,
                    width // 2 if index else width,
                    dropout,
                    dims,
                )
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low, subbands, sizes = self.reduce(x), [], []
        for transform in self.transforms:
            sizes.append(low.shape[2:])
            bands = transform(low)
            low = bands[:, :, 0]
            subbands.append(bands.flatten(1, 2))
        mixed = self.mixers[-1](subbands[-1], sizes[-1])
        for index in reversed(range(len(sizes) - 1)):
            mixed = self.mixers[index](torch.cat([subbands[index], mixed], dim=1), sizes[index])
        return x + mixed


class Mixer(nn.Module):
    """Two 1 x 1 x 1 convolutions with a GELU between them, then the way up to a larger map."""

    def __init__(self, in_features: int, width: int, out_features: int, dropout: float, dims: int):
        super().__init__()
        convolution = CONVOLUTIONS[dims]
        self.expand = convolution(in_features, width * FEATURE_EXPANSION, 1)
        self.gelu = nn.GELU()
        self.dropout = nn.Dropout(dropout)
        self.project = convolution(width * FEATURE_EXPANSION, width, 1)
        self.up = convolution(width, out_features, 1)
        self.norm = NORMALISATIONS[dims](out_features)

    def forward(self, x: torch.Tensor, size: Size) -> torch.Tensor:
        x = self.project(self.dropout(self.gelu(self.expand(x))))
        # Before the upsampling this convolution gives the same numbers for an eighth of the work.
        return self.norm(upsample(self.up(x), size))


class HaarTransform(nn.Module):
    """One level of the orthonormal Haar transform, as a grouped convolution with fixed filters.

    Args:
        axes: for every axis (z, y, x or y, x), whether the level acts on it.
    """

    filters: torch.Tensor

    def __init__(self, axes: Axes):
        super().__init__()
        self.register_buffer("filters", haar_filters(axes))

    @property
    def subbands(self) -> int:
        """How many there are: two for every axis on which the level acts, multiplied."""
        return self.filters.shape[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the subbands (n, channel, subband, ...) of a map (n, channel, ...).

        The order is that of the axes, the last fastest, low-pass before high-pass: subband 0 is
        the low-pass one. An odd size is padded by one zero voxel at the end, as PyWavelets does
        with mode "zero".
        """
        channels, step = x.shape[1], tuple(self.filters.shape[2:])
        filters = self.filters.repeat(channels, *[1] * (len(step) + 1))
        convolve = F.conv3d if len(step) == 3 else F.conv2d
        subbands = convolve(pad_to_multiple(x, step), filters, stride=step, groups=channels)
        return subbands.unflatten(1, (channels, self.subbands))

    def inverse(self, subbands: torch.Tensor, size: Size) -> torch.Tensor:
        """Return the map (n, channel, ...) of this size that has these subbands."""
        channels, step = subbands.shape[1], tuple(self.filters.shape[2:])
        filters = self.filters.repeat(channels, *[1] * (len(step) + 1))
        convolve = F.conv_transpose3d if len(step) == 3 else F.conv_transpose2d
        x = convolve(subbands.flatten(1, 2), filters, stride=step, groups=channels)
        for axis, n in enumerate(size, start=2):
            x = x.narrow(axis, 0, n)
        return x


def haar_filters(axes: Axes) -> torch.Tensor:
    """Return the filters (subband, 1, ...) of a transform; each is 2 long where it acts, else 1."""
    pair = torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64) / 2**0.5
    single = torch.ones(1, 1, dtype=torch.float64)
    filters = torch.ones(1, dtype=torch.float64)
    for acts in axes:
        of_axis = pair if acts else single
        # An outer product, subband by subband: the new axis varies fastest.
        filters = torch.einsum("s...,tk->st...k", filters, of_axis).flatten(0, 1)
    return filters[:, None].to(torch.float32)


def upsample(x: torch.Tensor, size: Size) -> torch.Tensor:
    """Return a map (n, feature, ...) brought to a size by linear interpolation along every axis.

    The same numbers as `torch.nn.functional.interpolate`; products of small matrices are several
    times as fast on a CPU, and repeatable on a GPU.
    """
    for axis, target in enumerate(size, start=2):
        source = x.shape[axis]
        if source != target:
            places = torch.arange(target, device=x.device) + 0.5
            places = (places * (source / target) - 0.5).clamp(0, source - 1)
            steps = torch.arange(source, device=x.device)
            weights = (1 - (places[:, None] - steps).abs()).clamp(min=0)
            x = (x.movedim(axis, -1) @ weights.T).movedim(-1, axis)
    return x


def pad_to_multiple(x: torch.Tensor, step: Size) -> torch.Tensor:
    """Return a map with zeros behind it, so that every axis is a multiple of its step."""
    padding = []
    for size, of_axis in zip(reversed(x.shape[2:]), reversed(step), strict=True):
        padding += [0, -size % of_axis]
    return F.pad(x, padding) if any(padding) else x


def level_axes(planes: int, levels: int, planar_levels: int) -> list[Axes]:
    """Return on which of z, y, x every level acts: on z once it is due and while it has planes."""
    axes: list[Axes] = []
    for level in range(levels):
        along_z = level >= planar_levels and planes > 1
        axes.append((along_z, True, True))
        planes = (planes + 1) // 2 if along_z else planes
    return axes


def check_shape(shape: tuple[int, int, int], levels: int) -> None:
    """Raise InputError for a cuboid whose map has nothing left to halve at the last level."""
    least_map = max(LEAST_MAP, 2 ** (levels - 1) + 1)
    least = 2 * least_map - 1  # the stem halves y and x, rounding up
    if min(shape[1:]) < least:
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for wavemix3d with {levels} "
            f"levels; the least is {[1, least, least]}"
        )


def check_options(width: int, depth: int, levels: int, planar_levels: int, dropout: float) -> None:
    """Raise InputError for options that cannot be built."""
    check_whole_number("wavemix3d width", width, least=8, most=1024)
    if width % 8:
        raise InputError(f"wavemix3d width is {width}; give a multiple of 8")
    check_whole_number("wavemix3d depth", depth, most=64)
    check_whole_number("wavemix3d levels", levels, most=4)
    check_whole_number("wavemix3d planar_levels", planar_levels, least=0, most=levels)
    check_share("wavemix3d dropout", dropout)
