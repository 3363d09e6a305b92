"""The `dog` detector: local maxima of a difference of Gaussians on log intensities.

Made for small somata, where a missed candidate can never be classified: it proposes every bright
spot of about a soma's size, ranked by contrast, and a threshold on the contrast says how many stay.

A slab's maxima are measured where they lie; only the brain's typical brightness, by which contrasts
are scaled, needs all slabs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from cellsift.detection.contract import Detector
from cellsift.detection.registry import detector
from cellsift.detection.scale import (
    AXIAL_BLUR,
    MINIMUM_DISTANCE,
    SIGMA_LARGE,
    SIGMA_SMALL,
    Scale,
)
from cellsift.errors import InputError
from cellsift.settings.parameters import Parameter, Range

if TYPE_CHECKING:
    import pandas as pd

    from cellsift.detection.parts import Part, Parts
    from cellsift.detection.resources import Resources
    from cellsift.detection.somata import Somata
    from cellsift.io.volumes import Volume


PARAMETERS = {
    "soma_diameter": Parameter(
        8.0, "diameter of a typical soma, µm; the empty lengths follow it", exclusive=True
    ),
    "sigma_small": Parameter(
        None,
        f"width of the Gaussian that covers the soma, µm; empty: {SIGMA_SMALL} soma diameters",
        exclusive=True,
        optional=True,
    ),
    "sigma_large": Parameter(
        None,
        f"width of the Gaussian that covers its surroundings, µm; empty: {SIGMA_LARGE} soma "
        "diameters",
        exclusive=True,
        optional=True,
    ),
    "axial_blur": Parameter(
        None,
        "how much wider than in the plane the filters are along z, where a microscope blurs most: "
        f"sigma, µm; empty: {AXIAL_BLUR} soma diameters",
        optional=True,
    ),
    "minimum_distance": Parameter(
        None,
        "a candidate is the maximum within this distance along each axis, µm, and at least one "
        f"voxel; empty: {MINIMUM_DISTANCE} soma diameters",
        exclusive=True,
        optional=True,
    ),
    "minimum_contrast": Parameter(
        0.02,
        "candidates of less contrast are dropped; the contrast is a difference of log intensities, "
        "0.1 being 10 % brighter than the surroundings, weighted by the brightness there",
    ),
    "most_candidates": Parameter(
        5_000_000,
        "of more candidates than this in a brain only those of the highest contrast stay: bounds "
        "the memory for brains whose texture is full of maxima",
        minimum=1,
        integer=True,
    ),
    "slab_planes": Parameter(
        None,
        "planes read at a time: changes memory, never the result; empty: by plane size",
        minimum=1,
        integer=True,
        optional=True,
    ),
}


@detector("dog")
class DifferenceOfGaussians(Detector):
    """Every bright spot of about a soma's size, with its contrast."""

    known_parameters = PARAMETERS
    rehearsal_parameters = {"soma_diameter": 14.0}
    rehearsal_contrast = 0.5

    def detect_slab(
        self, volume: Volume, first: int, last: int, resources: Resources
    ) -> Iterator[Part]:
        """The local maxima of these planes, block by block; exact however the volume is cut."""
        from cellsift.detection.brightness import brightness
        from cellsift.detection.contrast import measured_blocks

        scale, planes = self.scale(volume.voxel_size), (first, last)
        given = self.parameters["slab_planes"]
        thickness = None if given is None else int(given)
        for found, _, _ in measured_blocks(
            volume, scale, None, planes, thickness, resources=resources
        ):
            yield {
                "positions": found.positions,
                "weighted": found.weighted,
                "brightness": brightness(found.surroundings),
            }

    def gather(self, parts: Parts) -> pd.DataFrame:
        """Candidates that reach `minimum_contrast`; of more than `most_candidates` the highest."""
        from cellsift.detection.candidates import candidate_table

        least, most = self.parameters["minimum_contrast"], self.parameters["most_candidates"]
        return candidate_table(parts, least, most)

    def scale(self, voxel_size: tuple[float, float, float]) -> Scale:
        """The filter's scale in voxels.

        Raises InputError if the Gaussian of the surroundings is no wider than that of the soma.
        """
        given, soma = self.parameters, self.parameters["soma_diameter"]
        sigma_small = given["sigma_small"] or SIGMA_SMALL * soma
        sigma_large = given["sigma_large"] or SIGMA_LARGE * soma
        if sigma_large <= sigma_small:
            raise InputError(
                f"detector 'dog': sigma_large is {sigma_large:g} µm and sigma_small "
                f"{sigma_small:g} µm; sigma_large must be larger"
            )
        distance = given["minimum_distance"] or MINIMUM_DISTANCE * soma
        blur = AXIAL_BLUR * soma if given["axial_blur"] is None else given["axial_blur"]
        return Scale.from_micrometres(voxel_size, sigma_small, sigma_large, blur, distance)

    @classmethod
    def search_space(
        cls, somata: Somata, voxel_size: tuple[float, float, float]
    ) -> Mapping[str, Range]:
        """Widths of the soma, its blur along z and its neighbours' distance, around what is seen.

        Somata that touch are told apart by filters narrower than a soma, and by near neighbours.
        """
        soma = somata.diameter
        blur = max(somata.axial_blur, voxel_size[0] / 4)
        return {
            "soma_diameter": Range(0.5 * soma, 2.0 * soma, log=True),
            "axial_blur": Range(0.0, 1.5 * blur),
            "minimum_distance": Range(0.15 * soma, 0.7 * soma, log=True),
        }

    def least_planes(self, voxel_size: tuple[float, float, float]) -> tuple[int, str]:
        """Those of a window of local maxima."""
        return 2 * self.scale(voxel_size).reach[0] + 1, "minimum_distance or soma_diameter"

    def halo(self, voxel_size: tuple[float, float, float]) -> tuple[int, int, int]:
        """How far the Gaussians and the windows of local maxima reach."""
        return self.scale(voxel_size).halo
