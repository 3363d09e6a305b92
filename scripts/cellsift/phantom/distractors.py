"""What fools a classifier: bright things that are no labelled cells."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from cellsift.io.axes import AXES
from cellsift.phantom.anatomy import Anatomy
from cellsift.phantom.grid import Grid
from cellsift.phantom.layer import Layer
from cellsift.phantom.placement import draw_positions
from cellsift.phantom.settings import BrainSettings
from cellsift.phantom.shapes import (
    draw_haze,
    draw_lump,
    draw_strand,
    draw_tube,
    random_direction,
    random_lump,
    random_path,
)

CLEARANCE_UM = 20.0


def draw_distractors(
    kind: str,
    rng: np.random.Generator,
    grid: Grid,
    anatomy: Anatomy,
    settings: BrainSettings,
    cells: pd.DataFrame,
) -> Layer:
    """All distractors of one kind (a key of `KINDS`); table: kind, z, y, x in voxels.

    They keep clear of `cells` (z, y, x in voxels), so that none can be taken for one in the truth.
    """
    count = round(settings.cells * getattr(settings.distractors, kind))
    centres = draw_positions(
        rng,
        grid,
        (anatomy.depth_um > 4).astype(np.float32),
        count,
        apart_um=16,
        taken=cells[AXES].to_numpy() * grid.voxel_size,
        clearance_um=CLEARANCE_UM,
    )
    layer = Layer(grid.zeros(), grid.zeros(), _table(kind, grid, centres))
    for centre in centres:
        KINDS[kind](rng, grid, layer, centre, settings)
    return layer


def _autofluorescent(
    rng: np.random.Generator, grid: Grid, layer: Layer, centre: np.ndarray, settings: BrainSettings
) -> None:
    """A blob of a soma's size that shines in both channels."""
    lump = random_lump(rng, centre, _diameter(rng, settings, 0.85), 0.2, 0.3, edge=1.2)
    brightness = _brightness(rng, settings, 0.9)
    ratio = np.exp(rng.normal(np.log(0.9 - 0.4 * settings.likeness), 0.3))
    draw_lump(layer.signal, grid, lump, brightness)
    draw_lump(layer.background, grid, lump, brightness * ratio)


def _debris(
    rng: np.random.Generator, grid: Grid, layer: Layer, centre: np.ndarray, settings: BrainSettings
) -> None:
    """A few small sharp crumbs close together, mostly in the signal alone."""
    in_both = 0.8 * (rng.random() < 0.25)
    for _ in range(rng.integers(1, 5)):
        position = centre + rng.normal(0, (3, 4, 4))
        lump = random_lump(rng, position, rng.uniform(3, 6), 0.45, 0.3, edge=0.5)
        brightness = _brightness(rng, settings, 1.4)
        draw_lump(layer.signal, grid, lump, brightness)
        draw_lump(layer.background, grid, lump, in_both * brightness)


def _glia(
    rng: np.random.Generator, grid: Grid, layer: Layer, centre: np.ndarray, settings: BrainSettings
) -> None:
    """A small labelled body with many thin processes, in the signal alone."""
    diameter = _diameter(rng, settings, 0.36 + 0.24 * settings.likeness)
    lump = random_lump(rng, centre, diameter, 0.2, 0.3, edge=1.0)
    brightness = _brightness(rng, settings, 0.9)
    draw_lump(layer.signal, grid, lump, brightness)
    draw_lump(layer.background, grid, lump, brightness * settings.bleed_through)
    for _ in range(rng.integers(5, 10)):
        path = random_path(rng, centre, random_direction(rng), rng.uniform(10, 22), 3.0, 0.4)
        fading = brightness * 0.7 * np.linspace(1, 0.3, len(path))
        draw_strand(layer.signal, grid, path, np.full(len(path), 0.8), fading)


def _processes(
    rng: np.random.Generator, grid: Grid, layer: Layer, centre: np.ndarray, settings: BrainSettings
) -> None:
    """A thread without a soma, with swellings along it."""
    path = random_path(rng, centre, random_direction(rng), rng.uniform(40, 120), 4.0, 0.2)
    path -= path[len(path) // 2] - centre
    swelling = np.clip(rng.normal(0, 1, len(path)), 0, None) ** 2
    radii = rng.uniform(1.0, 1.8) + 0.5 * swelling
    brightness = np.full(len(path), _brightness(rng, settings, 0.8))
    draw_strand(layer.signal, grid, path, radii, brightness)


def _haze(
    rng: np.random.Generator, grid: Grid, layer: Layer, centre: np.ndarray, settings: BrainSettings
) -> None:
    """A cell's light from out of focus: wide and without an edge."""
    width = rng.uniform(8, 12) - 2.5 * settings.likeness
    sigma = width * np.array([rng.uniform(1.2, 2), 1, 1])
    draw_haze(layer.signal, grid, centre, sigma, _brightness(rng, settings, 0.8))


def _vessels(
    rng: np.random.Generator, grid: Grid, layer: Layer, centre: np.ndarray, settings: BrainSettings
) -> None:
    """A tube with a bright, patchy wall and a lumen darker than the tissue, in both channels."""
    radius = rng.uniform(3, 9)
    path = random_path(rng, centre, random_direction(rng), rng.uniform(200, 500), 5.0, 0.12)
    path -= path[len(path) // 2] - centre
    wall = settings.tissue * settings.contrast * rng.uniform(0.3, 1.1)
    patches = 1 + 1.2 * gaussian_filter1d(rng.normal(size=len(path)), 2)
    bright = wall * np.clip(patches, 0.2, 2.5)
    draw_tube(layer.signal, grid, path, radius, bright, -0.7 * settings.tissue)
    in_both = bright * rng.uniform(0.4, 0.9)
    draw_tube(layer.background, grid, path, radius, in_both, -0.7 * settings.tissue)


KINDS: dict[str, Callable] = {
    "autofluorescent": _autofluorescent,
    "debris": _debris,
    "glia": _glia,
    "processes": _processes,
    "haze": _haze,
    "vessels": _vessels,
}


def _brightness(rng: np.random.Generator, settings: BrainSettings, multiple: float) -> float:
    """A peak brightness spread as that of cells, with `multiple` times their median."""
    median = settings.tissue * settings.contrast * multiple
    return float(median * np.exp(np.clip(rng.normal(0, settings.spread), -0.65, 1.2)))


def _diameter(rng: np.random.Generator, settings: BrainSettings, multiple: float) -> float:
    return float(settings.diameter_um * multiple * np.exp(rng.normal(0, 0.2)))


def _table(kind: str, grid: Grid, centres: np.ndarray) -> pd.DataFrame:
    table = pd.DataFrame(centres / grid.voxel_size, columns=AXES)
    table.insert(0, "kind", kind)
    return table
