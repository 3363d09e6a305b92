"""All that preflight says of one brain, its volumes and its annotation."""

from cellsift.preflight.annotation import check_annotation
from cellsift.preflight.volumes import check_volumes
from cellsift.settings.brains import Brain


def check_brain(brain: Brain, slabs: int = 1) -> dict:
    """Return what was found in a brain's files, ready for JSON; the same on every run.

    `slabs` is the number of jobs that its detection is divided into. The headers of all TIFF planes
    are read, the voxels of a few planes, and all voxels of float data. Raises InputError with a
    message that names the brain, the file, what was found and what to change.
    """
    found = check_volumes(brain, slabs)
    annotation = check_annotation(brain, found["signal"]["shape"])
    return found | annotation | {"warnings": found["warnings"] + annotation["warnings"]}
