"""Whether a brain's image of regions can be read and fits its volume."""

from cellsift.atlas.regions import open_regions, read_names, stretched_unevenly
from cellsift.io.axes import Shape
from cellsift.preflight.naming import naming
from cellsift.settings.brains import Brain


def check_regions(brain: Brain, shape: Shape) -> list[str]:
    """What may be wrong with the image of regions of a brain of this shape (z, y, x), in sentences.

    Raises InputError for an image or a table of names that cannot be read.
    """
    if brain.regions is None:
        return []
    if brain.region_names is not None:
        # So that a refusal names the column that it is about.
        with naming(brain, "region_names"):
            read_names(brain.region_names)
    with naming(brain, "regions"):
        image = open_regions(brain.regions, brain.region_names)
    doubt = stretched_unevenly(image.shape, shape, brain.voxel_size)
    return [f"brain {brain.name}, regions: {brain.regions}: {doubt}"] if doubt else []
