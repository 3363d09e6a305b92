"""Random variation of training cuboids, made for voxels that are longer in z than in y and x.

All operations take float32 tensors (n, channel, z, y, x) of standardised log intensities, where
one unit is that of the normalisation, such as the robust spread of the brain, and a gain of the
microscope is an added constant.
Every cuboid of a batch is varied on its own; all randomness comes from the generator given,
which lies on the tensors' device.
"""

import math

import torch
import torch.nn.functional as F

from cellsift.io.axes import Size
from cellsift.settings.recipe import Augmentation

# How far each operation goes at strength 1, and which share of the cuboids it touches.
AFFINE_SHARE = 0.5
TURN_IN_PLANE = math.pi
TILT = math.radians(10)
ZOOM = math.log(1.15)
SHIFT = 0.06  # of the cuboid's extent
GAIN_SHARE = 0.5
GAIN = 0.3  # units, added: a factor on the intensities
CONTRAST = 0.2  # log factor on the standardised log intensities
BLUR_SHARE = 0.3
BLUR = 0.25  # largest weight of each neighbour in y and x
NOISE_SHARE = 0.5
NOISE = 0.2  # largest standard deviation, units


def flip(batch: torch.Tensor, voxel_size: Size, strength: float, generator: torch.Generator):
    """Mirror along z, y and x, each for half of the cuboids."""
    flipped = batch.clone()
    for axis in (2, 3, 4):
        chosen = _uniform(generator, 0, 1, len(batch)) < 0.5
        flipped[chosen] = flipped[chosen].flip(axis)
    return flipped


def quarter_turn(
    batch: torch.Tensor, voxel_size: Size, strength: float, generator: torch.Generator
):
    """Turn by 0, 90, 180 or 270 degrees in the plane, where voxels and planes are square."""
    if batch.shape[3] != batch.shape[4] or not math.isclose(voxel_size[1], voxel_size[2]):
        return batch
    turns = torch.randint(0, 4, (len(batch),), generator=generator, device=generator.device)
    turned = batch.clone()
    for turn in (1, 2, 3):
        chosen = turns == turn
        turned[chosen] = batch[chosen].rot90(turn, (3, 4))
    return turned


def affine(batch: torch.Tensor, voxel_size: Size, strength: float, generator: torch.Generator):
    """Turn by any angle about z, tilt slightly about y and x, zoom and shift, in µm.

    Trilinear; beyond the border the outermost voxels are repeated.
    """
    chosen = _uniform(generator, 0, 1, len(batch)) < AFFINE_SHARE
    count = int(chosen.sum())
    if count == 0:
        return batch
    _, _, z, y, x = batch.shape
    matrix = _random_matrix((z, y, x), voxel_size, count, strength, generator)
    grid = F.affine_grid(matrix, [count, *batch.shape[1:]], align_corners=False)
    moved = F.grid_sample(batch[chosen], grid, padding_mode="border", align_corners=False)
    return _replaced(batch, chosen, moved)


def gain(batch: torch.Tensor, voxel_size: Size, strength: float, generator: torch.Generator):
    """Change brightness and contrast of each channel: gain and gamma of the raw intensities."""
    shape = batch.shape[:2]
    chosen = (_uniform(generator, 0, 1, len(batch)) < GAIN_SHARE)[:, None]
    added = chosen * _uniform(generator, -GAIN * strength, GAIN * strength, *shape)
    factor = torch.exp(
        chosen * _uniform(generator, -CONTRAST * strength, CONTRAST * strength, *shape)
    )
    return batch * factor[..., None, None, None] + added[..., None, None, None]


def blur(batch: torch.Tensor, voxel_size: Size, strength: float, generator: torch.Generator):
    """Mix every voxel with its neighbours in y and x: a slightly worse focus."""
    chosen = _uniform(generator, 0, 1, len(batch)) < BLUR_SHARE
    weight = _per_cuboid(_uniform(generator, 0, BLUR * strength, len(batch))[chosen])
    blurred = batch[chosen]
    for axis in (3, 4):
        first, last = blurred.narrow(axis, 0, 1), blurred.narrow(axis, -1, 1)
        inner = blurred.shape[axis] - 1
        before = torch.cat([first, blurred.narrow(axis, 0, inner)], axis)
        after = torch.cat([blurred.narrow(axis, 1, inner), last], axis)
        blurred = blurred + weight * (before + after - 2 * blurred)
    return _replaced(batch, chosen, blurred)


def noise(batch: torch.Tensor, voxel_size: Size, strength: float, generator: torch.Generator):
    """Add Gaussian noise, a different amount to every cuboid."""
    chosen = _uniform(generator, 0, 1, len(batch)) < NOISE_SHARE
    deviation = _per_cuboid(_uniform(generator, 0, NOISE * strength, len(batch))[chosen])
    clean = batch[chosen]
    drawn = torch.randn(clean.shape, generator=generator, device=generator.device)
    return _replaced(batch, chosen, clean + deviation * drawn)


def augment(
    batch: torch.Tensor,
    voxel_size: Size,
    augmentation: Augmentation,
    generator: torch.Generator,
    photometric: torch.Generator | None = None,
) -> torch.Tensor:
    """Return a batch (n, channel, z, y, x) in which every cuboid is varied at random.

    Args:
        voxel_size: µm along z, y, x.
        augmentation: of a recipe: `strength`, from 0 (nothing happens) to 1, scales
            angles, zoom, shift, gain, blur and noise, while flips and quarter turns are whole;
            `operations` names those that are used.
        generator: on the device of the batch; the same state gives the same result.
        photometric: another one for gain, blur and noise; default: the same.
    """
    if augmentation.strength == 0:
        return batch
    for operations, random in (
        ((flip, quarter_turn, affine), generator),
        ((gain, blur, noise), photometric or generator),
    ):
        for operation in operations:
            if operation.__name__ in augmentation.operations:
                batch = operation(batch, voxel_size, augmentation.strength, random)
    return batch


def _random_matrix(
    shape: tuple[int, int, int],
    voxel_size: Size,
    count: int,
    strength: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Affine matrices (count, 3, 4) as torch's affine_grid takes them: axes x, y, z, from -1 to 1.

    They are composed in µm, where a turn keeps shapes, and then scaled to the cuboid.
    """

    def angle(largest: float) -> torch.Tensor:
        return _uniform(generator, -largest * strength, largest * strength, count)

    turn = _rotation(angle(TURN_IN_PLANE), 0, 1)
    tilt = _rotation(angle(TILT), 1, 2) @ _rotation(angle(TILT), 0, 2)
    zoom = torch.exp(_uniform(generator, -ZOOM * strength, ZOOM * strength, count))
    half = torch.tensor(
        [n * size / 2 for n, size in zip(shape, voxel_size, strict=True)][::-1],
        device=generator.device,
    )
    matrix = (turn @ tilt) * zoom[:, None, None] * half / half[:, None]
    shift = _uniform(generator, -2 * SHIFT * strength, 2 * SHIFT * strength, count, 3, 1)
    return torch.cat([matrix, shift], dim=2)


def _rotation(angles: torch.Tensor, first: int, second: int) -> torch.Tensor:
    """Rotation matrices (n, 3, 3) in the plane of two axes."""
    matrix = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = torch.cos(angles)
    matrix[:, first, second] = -torch.sin(angles)
    matrix[:, second, first] = torch.sin(angles)
    return matrix


def _uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> torch.Tensor:
    drawn = torch.rand(shape, generator=generator, device=generator.device)
    return low + (high - low) * drawn


def _per_cuboid(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1, 1)


def _replaced(batch: torch.Tensor, chosen: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    result = batch.clone()
    result[chosen] = values
    return result
