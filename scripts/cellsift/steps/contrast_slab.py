"""Measure the contrast of a brain's candidates in a slab."""

from pathlib import Path

from cellsift import detection
from cellsift.detection.parts import StoredParts, write_parts
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
    *,
    found: str | Path | None = None,
    resources: Resources = UNLIMITED,
) -> None:
    """Write the contrast of the `centres` in slab number `slab` of `slabs` to `out`, an .npz.

    `found` is what `detect_slab` wrote of the slab: of a detector that measures no contrast apart
    this is all there is, and `out` becomes the same. It is the same with any `resources`. Raises
    InputError as `detection.contrast_slab` does.
    """
    if found is not None and not detection.measures_contrast_apart(brain.detector["method"]):
        write_parts(StoredParts([found]), out)
        return
    parts = detection.contrast_slab(
        open_signal(brain),
        centres=read_table(centres),
        slab=slab,
        slabs=slabs,
        resources=resources,
        **brain.detector,
    )
    write_parts(parts, out)
