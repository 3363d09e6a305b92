"""What a search for a detector has chosen, and the settings of a brain that follow from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cellsift.io.axes import Size
from cellsift.io.json_files import read_json
from cellsift.settings.brains import Brain
from cellsift.settings.parameters import Parameter

# The method that stands for the one that is searched for.
AUTO = "auto"
# What a search can be told.
SEARCH_PARAMETERS = {
    "trials": Parameter(
        40, "how many settings are tried, of all detectors together", minimum=4, integer=True
    ),
    "soma_diameter": Parameter(
        None,
        "diameter of a typical soma in the plane, µm, around which is searched; empty: measured at "
        "the annotated cells",
        exclusive=True,
        optional=True,
    ),
}
# What is to be reached where `keep` does not say it.
WISHED_RECALL, WISHED_CANDIDATES = 0.95, 4.0
# Where the config leaves the cuboid out, it is so many voxels (z, y, x) of such a share of a soma:
# five somata wide and deep. What follows from the shares alone is known before the soma is.
CUBOID_SHAPE = (12, 25, 25)
SHARE_OF_SOMA = (0.4, 0.2, 0.2)
# A cuboid is at least so many voxels of a volume along each axis.
LEAST_VOXELS = 3
# Where it leaves the matching distance out, it is this share of a soma, or so many voxels along the
# axis that has the largest.
DISTANCE_OF_SOMA, DISTANCE_OF_VOXEL = 0.75, 1.5


@dataclass(frozen=True)
class DetectionChoice:
    """The detector with its parameters, and what the config left to be chosen with it.

    - detection: the method and its parameters;
    - distance_um: of matching;
    - cuboid_voxel_size: of the cuboids, µm, z, y, x.
    """

    detection: dict[str, Any]
    distance_um: float
    cuboid_voxel_size: Size

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "DetectionChoice":
        """The choice in the content of chosen.json."""
        return cls(
            content["detection"],
            content["matching"]["distance_um"],
            tuple(content["cuboid"]["voxel_size"]),
        )

    def applied_to(self, brain: Brain) -> Brain:
        """The brain with the chosen settings in the place of those that it has left open."""
        settings: dict[str, Any] = dict(brain.settings)
        if "detection" in settings:
            settings["detection"] = self.detection | {"keep": settings["detection"].get("keep")}
        if settings.get("matching", {}).get("distance_um", 0) is None:
            settings["matching"] = {"distance_um": self.distance_um}
        if settings.get("cuboid", {}).get("voxel_size", 0) is None:
            settings["cuboid"] = settings["cuboid"] | {"voxel_size": list(self.cuboid_voxel_size)}
        return replace(brain, settings=settings)  # type: ignore[arg-type]


def brain_of(
    content: Mapping[str, Any], choice: Sequence[str | Path] = (), role: str = "predict"
) -> Brain:
    """The brain that a rule has as plain data (`Brain.to_dict`), with this role.

    `choice` is the chosen.json of `tune_detection`, or nothing where the config names a detector:
    then the brain's settings are whole already.
    """
    brain = Brain.from_dict(dict(content), role)
    for path in choice:
        brain = DetectionChoice.from_dict(read_json(path)).applied_to(brain)
    return brain


def matching_distance(soma_diameter: float, voxel_size: Size) -> float:
    """The matching distance, µm, for somata of a diameter where a config names none."""
    return rounded(max(DISTANCE_OF_SOMA * soma_diameter, DISTANCE_OF_VOXEL * max(voxel_size)))


def cuboid_voxel_size(
    soma_diameter: float, shape: Sequence[int], voxel_sizes: Iterable[Size]
) -> Size:
    """The voxels of cuboids, µm, z, y, x, for somata of a diameter where a config names none.

    Larger where cuboids of this shape would be thinner than a few voxels of the coarsest volume.
    """
    coarsest = [max(sizes) for sizes in zip(*voxel_sizes, strict=True)]
    z, y, x = (
        rounded(max(share * soma_diameter, LEAST_VOXELS * size / count))
        for share, size, count in zip(SHARE_OF_SOMA, coarsest, shape, strict=True)
    )
    return z, y, x


def rounded(value: float) -> float:
    """A length with three digits, as it is told and pasted."""
    return float(f"{value:.3g}")
