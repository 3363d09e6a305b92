"""Gather the candidates of all slabs of a brain."""

from collections.abc import Sequence
from pathlib import Path

from cellsift import detection
from cellsift.detection.parts import StoredParts
from cellsift.io.tables import write_table
from cellsift.settings.brains import Brain


def detect(brain: Brain, slabs: Sequence[str | Path], out: str | Path) -> None:
    """Write the candidates, z, y, x in voxels and contrast, to `out`, a CSV.

    `slabs` are the files of `contrast_slab` where the detector measures contrast apart, else those
    of `detect_slab`.
    """
    candidates = detection.gather(StoredParts(slabs), **brain.detector)
    write_table(candidates, out)
    print(f"{len(candidates)} candidates in {brain.name}")
