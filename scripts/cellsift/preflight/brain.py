"""All that preflight says of one brain: its volumes, annotation, candidates and regions."""

from cellsift.io.axes import per_axis
from cellsift.preflight.annotation import check_annotation
from cellsift.preflight.candidates import candidates_doubts
from cellsift.preflight.regions import check_regions
from cellsift.preflight.volumes import check_volumes
from cellsift.settings.brains import Brain


def check_brain(brain: Brain, slabs: int = 1) -> dict:
    """Return what was found in a brain's files, ready for JSON; the same on every run.

    `slabs` is the number of jobs that its detection is divided into. The headers of all TIFF planes
    are read, the voxels of a few planes, and all voxels of float data. Raises InputError with a
    message that names the brain, the file, what was found and what to change.
    """
    found = check_volumes(brain, slabs)
    shape = per_axis(found["signal"]["shape"])
    annotation = check_annotation(brain, shape)
    doubts = candidates_doubts(brain, shape) + check_regions(brain, shape)
    warnings = found["warnings"] + annotation["warnings"] + doubts
    return found | annotation | {"warnings": warnings}
