"""Settings of detection suggested by a volume alone, by its bright spots; nothing checks them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cellsift.detection import detect
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.detection.somata import Somata, measure_somata
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.volumes import Volume
from cellsift.settings.choice import rounded
from cellsift.training.detection.crops import Crop, cut_crops

VOXELS = 8e6
# Diameters that are looked for, in voxels of the plane, each so many times the one before.
SMALLEST, LARGEST, STEP = 3.0, 40.0, 1.5
DIAMETERS = SMALLEST * STEP ** np.arange(int(np.log(LARGEST / SMALLEST) / np.log(STEP)) + 1)
# Of each diameter so many spots of a crop, those of the highest contrast, are more than noise.
BRIGHTEST = 25


@dataclass(frozen=True)
class Suggestion:
    """What the bright spots of a volume look like, and how many of them that was measured at."""

    somata: Somata
    spots: int

    @property
    def detection(self) -> dict[str, str | float]:
        """Settings of detection for such spots, as they stand in a config."""
        return {
            "method": "dog",
            "soma_diameter": rounded(self.somata.diameter),
            "axial_blur": rounded(self.somata.axial_blur),
        }


def suggest_detection(
    volume: Volume,
    seed: int = 1,
    resources: Resources = UNLIMITED,
    told: Callable[[str], object] = lambda doing: None,
) -> Suggestion:
    """The settings that fit the bright spots of a volume, in a few places of it.

    Of filters for spots of several sizes the one that answers most strongly to its brightest spots
    finds the spots, and their profiles tell the size: the ratio of the filter's two Gaussians is
    always the same, so its answer is normalised over scales (Lindeberg 1998). Whether they are the
    cells that a lab looks for, nobody has said.

    `told` is called with what is being done, as it is begun: on a large volume each takes a while.

    Raises InputError for a volume without bright spots.

    Example:
        suggestion = suggest_detection(open_volume("signal", (5, 2, 2)))
        suggestion.detection  # {"method": "dog", "soma_diameter": 12.4, "axial_blur": 3.1}
    """
    told(f"Reading a few places of {volume.source}.")
    crops = cut_crops(volume, np.empty((0, 3)), VOXELS, 0.0, seed)
    in_plane = (volume.voxel_size[1] * volume.voxel_size[2]) ** 0.5
    strongest: tuple[float, list[np.ndarray]] = (-np.inf, [])
    for number, diameter in enumerate(DIAMETERS, 1):
        told(f"Looking for spots {diameter:.3g} voxels wide: {number} of {len(DIAMETERS)} sizes.")
        found = _brightest_spots(crops, diameter * in_plane, resources)
        strongest = max(strongest, found, key=lambda pair: pair[0])
    spots = strongest[1]
    arrays = [(c.volume.data.compute(), at) for c, at in zip(crops, spots, strict=True)]
    somata = measure_somata(arrays, volume.voxel_size)
    if somata is None:
        raise InputError(
            f"{volume.source}: no bright spots stand out of what is around them, so nothing can be "
            "suggested; look at the volume, or give soma_diameter yourself"
        )
    return Suggestion(somata, sum(map(len, spots)))


def _brightest_spots(
    crops: Sequence[Crop], diameter: float, resources: Resources
) -> tuple[float, list[np.ndarray]]:
    """The median contrast of the spots of highest contrast, and their positions in each crop."""
    contrasts, spots = [], []
    for crop in crops:
        found = detect(
            crop.volume, "dog", resources, soma_diameter=diameter, axial_blur=0.0
        ).nlargest(BRIGHTEST, "contrast")
        contrasts.append(found["contrast"].to_numpy())
        spots.append(found[AXES].to_numpy(float))
    together = np.concatenate(contrasts)
    return (float(np.median(together)) if len(together) else 0.0), spots
