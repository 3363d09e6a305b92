"""A made-up brain, put together from its parts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cellsift.io.axes import AXES
from cellsift.phantom.anatomy import make_anatomy
from cellsift.phantom.distractors import KINDS, draw_distractors
from cellsift.phantom.grid import Grid
from cellsift.phantom.optics import take_picture
from cellsift.phantom.settings import BrainSettings
from cellsift.phantom.somata import draw_somata

# The order is part of the seed's meaning: new streams are added at the end.
STREAMS = ("anatomy", "somata", "signal picture", "background picture", *KINDS)


@dataclass(frozen=True)
class PhantomBrain:
    """Two channels of uint16 (z, y, x) and what truly is in them.

    cells: z, y, x in voxels, diameter_um, brightness (counts above the tissue, before the blur);
    distractors: kind, z, y, x in voxels; regions: the layer of each voxel (`anatomy.LAYERS`).
    """

    signal: np.ndarray
    background: np.ndarray
    cells: pd.DataFrame
    distractors: pd.DataFrame
    regions: np.ndarray
    settings: BrainSettings


def make_brain(seed: int, settings: BrainSettings | None = None) -> PhantomBrain:
    """A made-up brain; the same seed and settings give the same voxels.

    Each part draws from its own random stream, so a change to one leaves the others as they are.
    """
    settings = settings or BrainSettings()
    grid = Grid(settings.shape, settings.voxel_size)
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    streams = {n: np.random.default_rng(c) for n, c in zip(STREAMS, children, strict=True)}
    anatomy = make_anatomy(streams["anatomy"], grid, settings.tissue)
    somata = draw_somata(streams["somata"], grid, anatomy, settings)
    signal, background, tables = somata.signal, somata.background, []
    for kind in KINDS:
        layer = draw_distractors(kind, streams[kind], grid, anatomy, settings, somata.table)
        signal += layer.signal
        background += layer.background
        tables.append(layer.table)
    # Nothing lies in the ventricle or outside, though a thread or a vessel may lead there.
    signal = anatomy.signal + signal * (anatomy.depth_um > 0)
    background = anatomy.background + background * (anatomy.depth_um > 0)
    return PhantomBrain(
        take_picture(streams["signal picture"], grid, signal, settings),
        take_picture(streams["background picture"], grid, background, settings),
        somata.table.sort_values(AXES, ignore_index=True),
        pd.concat(tables, ignore_index=True),
        anatomy.regions,
        settings,
    )
