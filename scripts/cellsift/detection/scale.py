"""The lengths of the filters of contrast, in µm and in voxels."""

import math
from dataclasses import dataclass

# Where nothing else is said, as multiples of the soma's diameter, half way up. Of the lengths that
# were tried on c-Fos nuclei, an embryo, microglia and the phantom these do well on all: wider ones
# join neighbours, narrower ones propose too much (reports/detection.md).
SIGMA_SMALL, SIGMA_LARGE, MINIMUM_DISTANCE = 0.21, 0.54, 0.24
AXIAL_BLUR = 0.1
# Gaussians are cut off here, in multiples of sigma.
TRUNCATE = 4.0


@dataclass(frozen=True)
class Scale:
    """The Gaussians and the window of local maxima, in voxels (z, y, x)."""

    sigma_small: tuple[float, float, float]
    sigma_large: tuple[float, float, float]
    reach: tuple[int, int, int]

    @classmethod
    def from_micrometres(
        cls,
        voxel_size: tuple[float, float, float],
        sigma_small: float,
        sigma_large: float,
        axial_blur: float,
        minimum_distance: float,
    ) -> "Scale":
        """The scale for a voxel size, all in µm.

        Along z the Gaussians are as wide as those in the plane after the microscope's axial blur,
        a Gaussian of width `axial_blur`. The window reaches at least one voxel to each side.
        """

        z, y, x = voxel_size

        def in_voxels(sigma: float) -> tuple[float, float, float]:
            return math.hypot(sigma, axial_blur) / z, sigma / y, sigma / x

        def whole(size: float) -> int:
            return max(1, round(minimum_distance / size))

        return cls(
            sigma_small=in_voxels(sigma_small),
            sigma_large=in_voxels(sigma_large),
            reach=(whole(z), whole(y), whole(x)),
        )

    @classmethod
    def of_soma(cls, voxel_size: tuple[float, float, float], soma_diameter: float) -> "Scale":
        """The scale for somata of a diameter in µm, where nothing else is said of lengths."""
        return cls.from_micrometres(
            voxel_size,
            SIGMA_SMALL * soma_diameter,
            SIGMA_LARGE * soma_diameter,
            AXIAL_BLUR * soma_diameter,
            MINIMUM_DISTANCE * soma_diameter,
        )

    @property
    def radius(self) -> tuple[int, int, int]:
        """How many voxels away a voxel still changes the contrast, per axis."""
        return cut_off(self.sigma_large)

    @property
    def halo(self) -> tuple[int, int, int]:
        """How many voxels around a block decide about the maxima in it, per axis.

        Twice the window: whether a maximum gives way to an equal one depends on the other's window.
        """
        (z, y, x), reach = self.radius, self.reach
        return z + 2 * reach[0], y + 2 * reach[1], x + 2 * reach[2]


def cut_off(sigma: tuple[float, float, float]) -> tuple[int, int, int]:
    """How many voxels a Gaussian of this width in voxels reaches to each side, per axis."""
    z, y, x = (int(TRUNCATE * size + 0.5) for size in sigma)
    return z, y, x
