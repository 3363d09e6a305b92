"""What makes one made-up animal differ from the next."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Distractors:
    """How many of each thing that is no cell, as a multiple of the number of cells."""

    autofluorescent: float = 0.8
    debris: float = 0.6
    glia: float = 0.45
    processes: float = 0.4
    haze: float = 0.5
    vessels: float = 0.04


@dataclass(frozen=True)
class BrainSettings:
    """A made-up brain: its grid, and how hard it is.

    shape (z, y, x) in voxels, voxel_size (z, y, x) in µm, `cells` the number of somata.
    Brightness is in counts: `tissue` that of unlabelled tissue, `contrast` the median soma's above
    it, as a multiple; `spread` the standard deviation of its logarithm. `likeness`, 0 to 1, is how
    far the distractors' properties overlap with those of cells. `noise` is counts per photon.
    """

    shape: tuple[int, int, int] = (60, 288, 400)
    voxel_size: tuple[float, float, float] = (5.0, 2.0, 2.0)
    cells: int = 300
    tissue: float = 300.0
    contrast: float = 2.7
    spread: float = 0.35
    diameter_um: float = 14.0
    likeness: float = 0.3
    bleed_through: float = 0.08
    noise: float = 10.0
    stripes: float = 0.04
    shading: float = 0.25
    distractors: Distractors = field(default_factory=Distractors)
