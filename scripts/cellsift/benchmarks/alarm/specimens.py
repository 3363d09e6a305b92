"""The brains that the alarm is tried on: made-up cohorts, and real volumes where there are any."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pandas as pd

from cellsift.io.axes import AXES, Shape, Size
from cellsift.io.cells import read_points
from cellsift.io.volumes import Volume, open_volume
from cellsift.phantom.brain import make_brain
from cellsift.phantom.settings import BrainSettings, Distractors

CFOS, FRAMES = ("695", "1147", "1008"), ("062", "090", "110", "125", "145", "165", "175")


@dataclass(frozen=True)
class Specimen:
    """A brain: its channels, and its annotated cells (z, y, x in voxels) if there are any."""

    name: str
    signal: Volume
    background: Volume | None = None
    cells: pd.DataFrame | None = None


@dataclass(frozen=True)
class Method:
    """How a lab would look for cells in a tissue: detection, cuboids, and how near a match is.

    `recall`, `candidates_per_cell` and `carry` are what `keep` says in a config.
    """

    detection: Mapping[str, Any]
    cuboid_shape: Shape
    cuboid_voxel_size: Size
    distance_um: float
    recall: float = 0.9
    candidates_per_cell: float = 6
    carry: bool = False


@dataclass(frozen=True)
class Cohort:
    """Brains of one kind, and how they are worked on."""

    name: str
    method: Method
    specimens: list[Specimen] = field(default_factory=list)


PHANTOM = Method({"method": "dog", "soma_diameter": 14}, (12, 17, 17), (5, 3, 3), 10, 0.85)
OF_CFOS = Method({"method": "dog", "soma_diameter": 8}, (8, 25, 25), (6, 1.62, 1.62), 10)
MICROGLIA = Method({"method": "dog", "soma_diameter": 10}, (10, 25, 25), (3, 1.5, 1.5), 8)
EMBRYO = Method(
    {"method": "dog", "soma_diameter": 3, "axial_blur": 0.7}, (8, 21, 21), (1, 0.3, 0.3), 2, 0.5
)
# What a search chose on frames 110 and 145, whose nuclei are smaller than those of earlier frames:
# that of reports/detection.md, where voxels are taken to be 0.9 times as large.
EMBRYO_SEARCHED = Method(
    {"method": "dog", "soma_diameter": 2.49, "axial_blur": 0.166, "minimum_distance": 1.01},
    (12, 25, 25),
    (1.39, 0.695, 0.695),
    2.61,
    0.95,
    4,
    carry=True,
)


def phantom_cohort(count: int, channels: int, seed: int = 1) -> Cohort:
    """Made-up animals that differ moderately.

    Of their settings, contrast differs by a fifth to either side, brightness, noise and artefacts
    by a quarter, and the number of cells by two fifths.
    """
    random = np.random.default_rng(seed)
    made = [_phantom(f"phantom_{n}", 1000 * seed + n, random, channels) for n in range(count)]
    return Cohort("phantom", PHANTOM, made)


def real_cohorts(folder: Path) -> dict[str, Cohort]:
    """The real volumes in a folder laid out as CONTRIBUTING says, by the name of their tissue."""
    cfos = [_annotated(n, folder / "cfos" / n / "signal.tif", (6, 1.62, 1.62)) for n in CFOS]
    frames = [
        _annotated(n, folder / "celegans_embryo" / f"frame_{n}.tif", (1, 0.22, 0.22), f"frame_{n}_")
        for n in FRAMES
    ]
    # Their size is not stated; the somata are 8 to 15 voxels wide.
    microglia = _annotated("microglia", folder / "microglia" / "signal.tif", (3, 1, 1))
    cortex = open_volume(folder / "cortex_two_channel" / "signal", (5, 2, 2))
    return {
        "cfos": Cohort("cfos", OF_CFOS, cfos),
        "embryo": Cohort("embryo", EMBRYO, frames),
        "microglia": Cohort("microglia", MICROGLIA, [microglia]),
        "cortex": Cohort("cortex", PHANTOM, [Specimen("cortex", cortex)]),
    }


def _annotated(name: str, path: Path, voxel_size: Size, before: str = "") -> Specimen:
    cells = read_points(path.parent / f"{before}cells.csv", "cell")
    return Specimen(name, open_volume(path, voxel_size), None, cells)


def _phantom(name: str, seed: int, random: np.random.Generator, channels: int) -> Specimen:
    def about(value: float, share: float) -> float:
        return value * random.uniform(1 - share, 1 + share)

    usual, things = BrainSettings(), Distractors()
    settings = replace(
        usual,
        shape=(48, 150, 200),
        cells=round(about(90, 0.4)),
        contrast=about(usual.contrast, 0.2),
        tissue=about(usual.tissue, 0.25),
        noise=about(usual.noise, 0.25),
        distractors=replace(
            things,
            **{kind: about(getattr(things, kind), 0.25) for kind in ("autofluorescent", "debris")},
        ),
    )
    brain = make_brain(seed, settings)
    signal, background = (
        Volume(da.from_array(channel, chunks=(8, -1, -1)), settings.voxel_size, name)
        for channel in (brain.signal, brain.background)
    )
    cells = brain.cells[AXES]
    return Specimen(name, signal, background if channels == 2 else None, cells)
