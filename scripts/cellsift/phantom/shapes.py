"""Soft-edged shapes that everything in a made-up brain is drawn with: lumps and strands."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.special import expit

from cellsift.phantom.grid import Box, Grid


@dataclass(frozen=True)
class Lump:
    """An ellipsoid with an uneven surface.

    centre (z, y, x) and radii (3,) in µm, `turn` a 3 x 3 rotation, `bumps` (k, 3) directions that
    bulge (their length is how far, as a share of the radius), `edge` the width of the rim in µm,
    `hollow` how much darker the middle is, 0 to 1.
    """

    centre: np.ndarray
    radii: np.ndarray
    turn: np.ndarray
    bumps: np.ndarray
    edge: float = 1.0
    hollow: float = 0.0

    @property
    def reach(self) -> float:
        """Distance from the centre in µm beyond which nothing is drawn."""
        swelling = 1 + np.linalg.norm(self.bumps, axis=1).sum()
        return float(self.radii.max() * swelling + 5 * self.edge)


def random_lump(
    rng: np.random.Generator,
    centre: np.ndarray,
    diameter_um: float,
    elongation: float = 0.15,
    unevenness: float = 0.12,
    edge: float = 1.0,
    hollow: float = 0.0,
) -> Lump:
    """A lump of the volume of a sphere of `diameter_um`, stretched, turned and bulging at random."""
    stretch = np.exp(rng.normal(0, elongation, 3))
    radii = diameter_um / 2 * stretch / stretch.prod() ** (1 / 3)
    turn = Rotation.random(rng=rng).as_matrix()
    bumps = rng.normal(0, unevenness / np.sqrt(3), (5, 3))
    return Lump(np.asarray(centre, float), radii, turn, bumps, edge, hollow)


def draw_lump(volume: np.ndarray, grid: Grid, lump: Lump, brightness: float) -> None:
    """Draw a lump; where something is there already, the brighter of the two stays."""
    box = grid.box(lump.centre, lump.reach)
    if box is None:
        return
    layers = [_lump_profile(lump, offsets) for offsets in grid.offsets(box, lump.centre)]
    _keep_brighter(volume, box, brightness * np.mean(layers, axis=0))


def _lump_profile(lump: Lump, offsets: np.ndarray) -> np.ndarray:
    inside = (offsets @ lump.turn) / lump.radii
    depth = np.linalg.norm(inside, axis=-1)
    direction = inside / np.maximum(depth, 1e-6)[..., None]
    surface = np.ones_like(depth)
    for bump in lump.bumps:
        length = np.linalg.norm(bump)
        # A bulge is a lobe around its direction; it neither tears nor folds the surface.
        surface += length * np.maximum(direction @ (bump / length), 0) ** 3
    from_rim_um = (surface - depth) * lump.radii.mean()
    profile = expit(from_rim_um / (lump.edge / 2))
    if lump.hollow:
        profile = profile * (1 - lump.hollow * np.exp(-((depth / 0.45) ** 2)))
    return profile


def draw_haze(
    volume: np.ndarray, grid: Grid, centre: np.ndarray, sigma_um: np.ndarray, brightness: float
) -> None:
    """Add a Gaussian spot of the given width (z, y, x) in µm."""
    box = grid.box(centre, 3 * float(np.max(sigma_um)))
    if box is None:
        return
    layers = [np.exp(-0.5 * ((d / sigma_um) ** 2).sum(-1)) for d in grid.offsets(box, centre)]
    volume[box] += (brightness * np.mean(layers, axis=0)).astype(np.float32)


def draw_strand(
    volume: np.ndarray, grid: Grid, path: np.ndarray, radii: np.ndarray, brightness: np.ndarray
) -> None:
    """Draw a thread through the points `path` (n, 3) in µm, with a radius and brightness at each.

    The points should lie closer together than their radii.
    """
    for point, radius, bright in zip(path, radii, brightness, strict=True):
        box = grid.box(point, 2.5 * radius + 1)
        if box is None:
            continue
        layers = [
            expit((radius - np.linalg.norm(d, axis=-1)) / 0.4) for d in grid.offsets(box, point)
        ]
        _keep_brighter(volume, box, bright * np.mean(layers, axis=0))


def random_path(
    rng: np.random.Generator,
    start: np.ndarray,
    direction: np.ndarray,
    length_um: float,
    step_um: float,
    winding: float,
) -> np.ndarray:
    """Points (n, 3) of a random walk in µm whose direction turns by about `winding` a step."""
    steps = max(int(length_um / step_um), 2)
    turns = rng.normal(0, winding, (steps, 3))
    points = np.empty((steps + 1, 3))
    points[0], heading = start, unit(direction)
    for i, turn in enumerate(turns):
        heading = unit(heading + turn)
        points[i + 1] = points[i] + step_um * heading
    return points


def random_direction(rng: np.random.Generator) -> np.ndarray:
    """A unit vector, uniform over all directions."""
    return unit(rng.normal(size=3))


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector brought to length 1."""
    return vector / np.linalg.norm(vector)


def _keep_brighter(volume: np.ndarray, box: Box, stamp: np.ndarray) -> None:
    np.maximum(volume[box], stamp.astype(np.float32), out=volume[box])
