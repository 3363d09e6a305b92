"""Look for candidates in a slab of a brain."""

from pathlib import Path

from cellsift import detection
from cellsift.detection.parts import write_parts
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_signal


def detect_slab(
    brain: Brain, slab: int, slabs: int, out: str | Path, resources: Resources = UNLIMITED
) -> None:
    """Write what slab number `slab`, from 0, of `slabs` holds to `out`, an .npz of parts."""
    volume = open_signal(brain)
    parts = detection.detect_slab(
        volume, slab=slab, slabs=slabs, resources=resources, **brain.detector
    )
    write_parts(parts, out)
