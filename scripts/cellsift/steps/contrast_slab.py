"""Measure the contrast of a brain's candidates in a slab."""

from pathlib import Path

from cellsift import detection
from cellsift.detection.parts import write_parts
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.io.tables import read_table
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_signal


def contrast_slab(
    brain: Brain,
    centres: str | Path,
    slab: int,
    slabs: int,
    out: str | Path,
    resources: Resources = UNLIMITED,
) -> None:
    """Write the contrast of the `centres` in slab number `slab` of `slabs` to `out`, an .npz."""
    parts = detection.contrast_slab(
        open_signal(brain),
        centres=read_table(centres),
        slab=slab,
        slabs=slabs,
        resources=resources,
        **brain.detector,
    )
    write_parts(parts, out)
