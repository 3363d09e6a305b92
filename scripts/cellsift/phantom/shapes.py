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
    """A lump as large as a sphere of `diameter_um`, stretched, turned and bulging at random."""
    stretch = np.exp(rng.normal(0, elongation, 3))
    radii = diameter_um / 2 * stretch / stretch.prod() ** (1 / 3)
    turn = Rotation.random(rng=rng).as_matrix()
    bumps = rng.normal(0, unevenness / np.sqrt(3), (5, 3))
    return Lump(np.asarray(centre, float), radii, turn, bumps, edge, hollow)


def draw_lump(volume: np.ndarray, grid: Grid, lump: Lump, brightness: float) -> None:
    """Draw a lump; where something is there already, the brighter of the two stays."""
    box = grid.box(lump.centre, lump.reach)
    if box is not None:
        _keep_brighter(volume, box, brightness * _lump_profile(lump, grid, box))


def _lump_profile(lump: Lump, grid: Grid, box: Box) -> np.ndarray:
    """Brightness of each voxel in the box, 0 outside the lump to 1 within."""
    along = (lump.turn / lump.radii).astype(np.float32)
    inside = sum(
        offset[..., None] * row
        for offset, row in zip(grid.offsets(box, lump.centre), along, strict=True)
    )
    depth = np.linalg.norm(inside, axis=-1)
    # A bulge is a lobe around its direction; it neither tears nor folds the surface.
    lengths = np.linalg.norm(lump.bumps, axis=1)
    lobes = inside @ (lump.bumps / lengths[:, None]).T.astype(np.float32)
    lobes /= np.maximum(depth, 1e-6)[..., None]
    surface = 1 + np.maximum(lobes, 0) ** 3 @ lengths.astype(np.float32)
    profile = expit((surface - depth) * np.float32(lump.radii.mean() / (lump.edge / 2)))
    if lump.hollow:
        profile *= 1 - lump.hollow * np.exp(-((depth / 0.45) ** 2))
    return profile.mean(axis=0)


def draw_haze(
    volume: np.ndarray, grid: Grid, centre: np.ndarray, sigma_um: np.ndarray, brightness: float
) -> None:
    """Add a Gaussian spot of the given width (z, y, x) in µm."""
    box = grid.box(centre, 3 * float(np.max(sigma_um)))
    if box is None:
        return
    offsets = grid.offsets(box, centre)
    distance = sum((d / np.float32(s)) ** 2 for d, s in zip(offsets, sigma_um, strict=True))
    volume[box] += brightness * np.exp(-0.5 * distance).mean(axis=0)


def draw_strand(
    volume: np.ndarray, grid: Grid, path: np.ndarray, radii: np.ndarray, brightness: np.ndarray
) -> None:
    """Draw a thread through points `path` (n, 3) in µm, with a radius and brightness at each."""
    for k in range(len(path) - 1):
        piece = _distance_to_piece(grid, path[k], path[k + 1], 2 * radii[k] + 2)
        if piece is None:
            continue
        box, distance = piece
        profile = expit((np.float32(radii[k]) - distance) / np.float32(0.4)).mean(axis=0)
        _keep_brighter(volume, box, brightness[k] * profile)


def draw_tube(
    volume: np.ndarray,
    grid: Grid,
    path: np.ndarray,
    radius: float,
    wall: np.ndarray,
    lumen: float,
) -> None:
    """Add a tube around `path` (n, 3) in µm: light `wall` (n,) at its rim and `lumen` inside."""
    from_axis = np.full(grid.shape, np.inf, np.float32)
    light = grid.zeros()
    for k in range(len(path) - 1):
        piece = _distance_to_piece(grid, path[k], path[k + 1], radius + 6)
        if piece is None:
            continue
        box, distance = piece
        distance = distance.mean(axis=0)
        nearer = distance < from_axis[box]
        np.copyto(from_axis[box], distance, where=nearer)
        np.copyto(light[box], np.float32(wall[k]), where=nearer)
    near = np.isfinite(from_axis)
    from_rim = from_axis[near] - radius
    volume[near] += light[near] * np.exp(-((from_rim / 1.8) ** 2))
    volume[near] += lumen * expit(-(from_rim + 1.5) / 0.7)


def _distance_to_piece(
    grid: Grid, start: np.ndarray, end: np.ndarray, reach_um: float
) -> tuple[Box, np.ndarray] | None:
    """Distance in µm (depth in the plane, z, y, x) of the voxels around a straight piece to it."""
    box = grid.box((start + end) / 2, reach_um + float(np.linalg.norm(end - start)) / 2)
    if box is None:
        return None
    offsets, piece = grid.offsets(box, start), (end - start).astype(np.float32)
    share = sum(d * p for d, p in zip(offsets, piece, strict=True)) / np.float32(piece @ piece)
    share = np.clip(share, 0, 1)
    squared = sum((d - share * p) ** 2 for d, p in zip(offsets, piece, strict=True))
    return box, np.sqrt(squared)


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
