"""Labelled cells: somata of varying size, shape and brightness, with processes, some touching."""

import numpy as np
import pandas as pd

from cellsift.io.axes import AXES
from cellsift.phantom.anatomy import Anatomy
from cellsift.phantom.grid import Grid
from cellsift.phantom.layer import Layer
from cellsift.phantom.placement import draw_positions
from cellsift.phantom.settings import BrainSettings
from cellsift.phantom.shapes import (
    draw_lump,
    draw_strand,
    random_direction,
    random_lump,
    random_path,
)

TOUCHING_SHARE = 0.08
WITH_PROCESSES_SHARE = 0.6
HOLLOW_SHARE = 0.25


def draw_somata(
    rng: np.random.Generator, grid: Grid, anatomy: Anatomy, settings: BrainSettings
) -> Layer:
    """The labelled cells; table: z, y, x in voxels, diameter_um, brightness (above tissue)."""
    positions, diameters = _place(rng, grid, anatomy, settings)
    brightness = _brightness(rng, len(positions), settings)
    layer = Layer(grid.zeros(), grid.zeros(), _table(grid, positions, diameters, brightness))
    bleeding = settings.bleed_through * np.exp(rng.normal(0, 0.6, len(positions)))
    for cell in zip(positions, diameters, brightness, bleeding, strict=True):
        _draw_cell(rng, grid, layer, *cell)
    return layer


def _place(
    rng: np.random.Generator, grid: Grid, anatomy: Anatomy, settings: BrainSettings
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (n, 3) in µm and diameters (n,) in µm of all cells; the last ones touch another."""
    touching = int(settings.cells * TOUCHING_SHARE)
    largest = 1.6 * settings.diameter_um
    alone = draw_positions(
        rng, grid, anatomy.density, settings.cells - touching, largest, margin_um=8
    )
    diameters = settings.diameter_um * np.exp(rng.normal(0, 0.2, settings.cells))
    diameters = np.clip(diameters, 0.6 * settings.diameter_um, largest)[: len(alone) + touching]
    hosts = rng.permutation(len(alone))[:touching]
    partners = [
        alone[host]
        + 0.55 * (diameters[host] + diameters[len(alone) + k]) * _flattened(random_direction(rng))
        for k, host in enumerate(hosts)
    ]
    positions = np.concatenate([alone, np.reshape(partners, (-1, 3))])
    inside = ((positions >= 0) & (positions <= grid.extent)).all(1)
    return positions[inside], diameters[: len(positions)][inside]


def _flattened(direction: np.ndarray) -> np.ndarray:
    """The direction, turned towards the plane: doublets along z are one spot to any observer."""
    flat = direction * (0.6, 1, 1)
    return flat / np.linalg.norm(flat)


def _brightness(rng: np.random.Generator, count: int, settings: BrainSettings) -> np.ndarray:
    median = settings.tissue * settings.contrast
    return median * np.exp(np.clip(rng.normal(0, settings.spread, count), -0.65, 1.2))


def _draw_cell(
    rng: np.random.Generator,
    grid: Grid,
    layer: Layer,
    centre: np.ndarray,
    diameter: float,
    brightness: float,
    bleeding: float,
) -> None:
    hollow = rng.uniform(0.2, 0.6) * (rng.random() < HOLLOW_SHARE)
    lump = random_lump(rng, centre, diameter, 0.16, 0.25, edge=1.2, hollow=hollow)
    draw_lump(layer.signal, grid, lump, brightness)
    draw_lump(layer.background, grid, lump, brightness * bleeding)
    if rng.random() < WITH_PROCESSES_SHARE:
        for _ in range(rng.integers(1, 5)):
            _draw_process(rng, grid, layer.signal, centre, diameter, brightness)


def _draw_process(
    rng: np.random.Generator,
    grid: Grid,
    signal: np.ndarray,
    centre: np.ndarray,
    diameter: float,
    brightness: float,
) -> None:
    """A dendrite that leaves the soma, tapers and fades."""
    direction = random_direction(rng)
    start = centre + 0.4 * diameter * direction
    path = random_path(rng, start, direction, rng.uniform(15, 60), 4.0, 0.2)
    along = np.linspace(0, 1, len(path))
    radii = rng.uniform(1.2, 2.2) * (1 - 0.6 * along)
    fading = brightness * rng.uniform(0.2, 0.55) * (1 - 0.7 * along)
    draw_strand(signal, grid, path, radii, fading)


def _table(
    grid: Grid, positions: np.ndarray, diameters: np.ndarray, brightness: np.ndarray
) -> pd.DataFrame:
    table = pd.DataFrame(positions / grid.voxel_size, columns=AXES)
    return table.assign(diameter_um=diameters, brightness=brightness)
