"""A transformer whose attention stays within windows, on maps that get coarser stage by stage.

`swin3d` is Liu et al., "Swin transformer: hierarchical vision transformer using shifted windows"
(ICCV 2021, arXiv 2103.14030, section 3): patches become tokens; in four stages pairs of blocks
attend within windows, the second of each pair with the windows shifted by half; between stages
two by two tokens are merged. Small cuboids have fewer stages. The mean over the last map goes to
one linear layer.

The paper is about images. Blocks, patches and merging in three dimensions are MONAI's (Hatamizadeh
et al. 2022, Swin UNETR, arXiv 2201.01266). The stages are put together here, because MONAI's
encoder merges once more behind the last stage, and because in its maps smaller than a window
tokens look up the position codes of other distances than theirs: here a window is never larger
than the map.
"""

from collections.abc import Sequence

import torch
from monai.networks.blocks.patchembedding import PatchEmbed
from monai.networks.nets.swin_unetr import PatchMergingV2, SwinTransformerBlock, compute_mask
from torch import nn

from cellsift.errors import InputError
from cellsift.models.contract import Network
from cellsift.models.layers.localising import deepest_that_localises
from cellsift.models.layers.planes import PlanesAsChannels, is_flat
from cellsift.models.layers.strides import LEAST_MAP
from cellsift.models.option_checks import check_three, check_whole_number
from cellsift.models.registry import architecture

Size = tuple[int, ...]  # along z, y, x, or along y, x

# Of the paper's Swin-T, but for the third stage, which has six blocks there.
DEPTHS = (2, 2, 2, 2)
HEADS = (3, 6, 12, 24)
STOCHASTIC_DEPTH = 0.1


@architecture("swin3d")
def swin3d(
    in_channels: int,
    cuboid_shape: tuple[int, int, int],
    *,
    width: int = 24,
    patch_size: Sequence[int] = (1, 2, 2),
    window: Sequence[int] = (4, 5, 5),
    planes_as_channels: bool = False,
) -> Network:
    """Return a Swin transformer; a cuboid of one plane always gets the two-dimensional one.

    Args:
        in_channels: channels of the cuboid.
        cuboid_shape: voxels along z, y, x; with patches of 2 at least 5 along y and x.
        width: features of a token in the first stage, a multiple of 3; they double with every
            stage.
        patch_size: voxels along z, y, x that become one token. Up to three mergings follow, each
            of which halves the map along all axes.
        window: tokens along z, y, x among which attention is paid; less where a map is smaller.
        planes_as_channels: whether the planes become channels of a two-dimensional network, which
            takes from patch_size and window what they say of y and x.
    """
    check_options(width, patch_size, window)
    patch_size, window = tuple(map(int, patch_size)), tuple(map(int, window))
    check_shape(cuboid_shape, patch_size)
    if is_flat(cuboid_shape, planes_as_channels):
        channels = in_channels * cuboid_shape[0]
        network = Swin(channels, cuboid_shape[1:], width, patch_size[1:], window[1:])
        return PlanesAsChannels(network)
    return Swin(in_channels, cuboid_shape, width, patch_size, window)


class Swin(Network):
    """A network for maps (n, channel, z, y, x), or (n, channel, y, x), that gives logits (n, 2).

    Args:
        size: of the map, along as many axes as `patch_size` and `window`.
    """

    heads = ("fully_connected",)

    def __init__(self, in_channels: int, size: Size, width: int, patch_size: Size, window: Size):
        super().__init__()
        dims = len(size)
        sizes = map_sizes(size, patch_size)
        self.patches = PatchEmbed(patch_size, in_channels, width, nn.LayerNorm, dims)
        self.stages, self.mergings = nn.ModuleList(), nn.ModuleList()
        for index, map_size in enumerate(sizes):
            features, blocks = width * 2**index, sum(DEPTHS[:index])
            if index:
                self.mergings.append(PatchMergingV2(features // 2, nn.LayerNorm, dims))
            shares = [
                STOCHASTIC_DEPTH * (blocks + number) / (sum(DEPTHS) - 1)
                for number in range(DEPTHS[index])
            ]
            self.stages.append(Stage(features, HEADS[index], map_size, window, shares))
        self.norm = nn.LayerNorm(features)
        self.fully_connected = nn.Linear(features, 2)
        self.gradcam_stage = deepest_that_localises(sizes)

    @property
    def gradcam_layer(self) -> nn.Module:
        """The deepest stage whose map still says where a cell lies."""
        return self.stages[self.gradcam_stage]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stages[0](self.patches(x))
        for merging, stage in zip(self.mergings, self.stages[1:], strict=True):
            x = stage(merging(x.movedim(1, -1)).movedim(-1, 1))
        return self.fully_connected(self.norm(x.flatten(2).transpose(1, 2)).mean(dim=1))


class Stage(nn.Module):
    """Blocks on a map (n, feature, z, y, x) of one size, every other one with shifted windows.

    Args:
        stochastic_depth: per block, the share of the cuboids that skip it while training.
    """

    def __init__(
        self,
        features: int,
        heads: int,
        size: Size,
        window: Size,
        stochastic_depth: Sequence[float],
    ):
        super().__init__()
        window = tuple(min(pair) for pair in zip(window, size, strict=True))
        # Along an axis that one window fills there is nowhere to shift to.
        shift = tuple(w // 2 if w < n else 0 for w, n in zip(window, size, strict=True))
        self.blocks = nn.ModuleList(
            SwinTransformerBlock(
                features,
                heads,
                window,
                shift if number % 2 else (0,) * len(size),
                drop_path=share,
            )
            for number, share in enumerate(stochastic_depth)
        )
        padded = [-(-n // w) * w for n, w in zip(size, window, strict=True)]
        mask = compute_mask(padded, window, shift, None) if any(shift) else None
        # Follows from the options, hence not stored with the weights.
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.movedim(1, -1)
        for block in self.blocks:
            x = block(x, self.mask)
        return x.movedim(-1, 1)


def map_sizes(size: Size, patch_size: Size) -> list[Size]:
    """Return the sizes of the stages' maps: patches first, then halved and rounded up.

    There are up to four; a map of a single token along y or x would have little to attend to.
    """
    sizes = [tuple(-(-n // p) for n, p in zip(size, patch_size, strict=True))]
    while len(sizes) < len(DEPTHS) and min(sizes[-1][-2:]) > 2:
        sizes.append(tuple((n + 1) // 2 for n in sizes[-1]))
    return sizes


def check_shape(shape: tuple[int, int, int], patch_size: Size) -> None:
    """Raise InputError for a cuboid of fewer than three patches along y or x."""
    least = [1, *((LEAST_MAP - 1) * p + 1 for p in patch_size[1:])]
    if any(n < of_axis for n, of_axis in zip(shape, least, strict=True)):
        raise InputError(
            f"cuboid shape {list(shape)} (z, y, x) is too small for swin3d with patches of "
            f"{list(patch_size)}; the least is {least}"
        )


def check_options(width: int, patch_size: Sequence[int], window: Sequence[int]) -> None:
    """Raise InputError for options that cannot be built."""
    check_whole_number("swin3d width", width, most=1024)
    if width % HEADS[0]:
        raise InputError(f"swin3d width is {width}; give a multiple of {HEADS[0]}")
    check_three("swin3d patch_size", patch_size)
    check_three("swin3d window", window)
