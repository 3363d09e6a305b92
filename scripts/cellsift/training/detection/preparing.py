"""What a search for a detector begins with: crops of the annotated brains, and their somata."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.detection.somata import Somata, measure_somata, standing_out
from cellsift.errors import InputError
from cellsift.io.volumes import Volume
from cellsift.settings.choice import matching_distance
from cellsift.training.detection.crops import Crop, cut_crops
from cellsift.training.detection.judging import Wish
from cellsift.training.detection.search import DetectionSearch
from cellsift.training.detection.trying import TrialBrain
from cellsift.training.seeds import seed_of

# Voxels of all brains together that are searched on, and of a brain at least.
VOXELS, LEAST_VOXELS = 12e6, 1e6
# What lies nearer to the border of a crop than so many somata does not count.
MARGIN = 2.0
# Annotated cells are brighter than random places more often than that: in all volumes at hand 0.96
# or more, with the annotation of another brain about 0.5. Of fewer cells it is not asked.
LEAST_SHARE, FEWEST = 0.7, 5
# A soma's diameter where nothing is known yet, for the margin of the crops, µm.
FIRST_GUESS = 15.0


@dataclass(frozen=True, eq=False)
class AnnotatedVolume:
    """A brain to search on.

    - cells (n, 3): annotated, z, y, x in voxels;
    - partial: there are others that are not annotated;
    - distance_um: of matching; None: it follows the somata.
    """

    name: str
    volume: Volume
    cells: np.ndarray
    partial: bool = False
    distance_um: float | None = None


@dataclass(frozen=True)
class SearchSettings:
    """What a search is told; `soma_diameter`, µm, None: it is measured at the annotated cells."""

    wish: Wish = Wish()
    trials: int = 40
    seed: int = 1
    soma_diameter: float | None = None
    code: str = ""


def prepare_search(
    brains: Sequence[AnnotatedVolume],
    settings: SearchSettings = SearchSettings(),
    resources: Resources = UNLIMITED,
) -> tuple[DetectionSearch, float]:
    """The search on crops of these brains, and the matching distance, µm, that follows the somata.

    The crops are read here, and held. Raises InputError where the annotated cells are on average no
    brighter than what is around them and no diameter was given, and for a damaged volume.
    """
    if not any(len(brain.cells) for brain in brains):
        raise InputError(
            f"detection with method auto: the annotation of {', '.join(b.name for b in brains)} "
            "has no cell to choose a detector by; annotate some, or name a method under detection"
        )
    crops = {
        brain.name: _crops(brain, len(brains), settings, number)
        for number, brain in enumerate(brains)
    }
    for brain in brains:
        _refuse_elsewhere(brain, crops[brain.name])
    somata = _somata(crops, settings.soma_diameter)
    distance = max(matching_distance(somata.diameter, b.volume.voxel_size) for b in brains)
    on_trial = [
        TrialBrain(
            brain.name,
            crops[brain.name],
            distance if brain.distance_um is None else brain.distance_um,
            brain.partial,
        )
        for brain in brains
    ]
    if not any(brain.annotated for brain in on_trial):
        raise InputError(
            "detection with method auto: all annotated cells lie at the borders of the places that "
            "were looked at; annotate more of them, or name a method under detection"
        )
    search = DetectionSearch(
        on_trial, somata, settings.wish, settings.trials, settings.seed, settings.code, resources
    )
    return search, distance


def _refuse_elsewhere(brain: AnnotatedVolume, crops: Sequence[Crop]) -> None:
    """Raise InputError where annotated cells are hardly brighter than random places."""
    arrays = [(crop.volume.data.compute(), crop.annotated) for crop in crops]
    if sum(len(at) for _, at in arrays) < FEWEST:
        return
    if standing_out(arrays, brain.volume.voxel_size) < LEAST_SHARE:
        raise InputError(
            f"detection with method auto: the annotated cells of brain {brain.name} are no "
            "brighter than random places in its volume; look whether it is the annotation of this "
            "brain, in the order z, y, x and in voxels of this volume, or name a method under "
            "detection"
        )


def _crops(
    brain: AnnotatedVolume, brains: int, settings: SearchSettings, number: int
) -> list[Crop]:
    voxels = max(VOXELS / brains, LEAST_VOXELS)
    margin = MARGIN * (settings.soma_diameter or FIRST_GUESS)
    return cut_crops(brain.volume, brain.cells, voxels, margin, seed_of(settings.seed, number))


def _somata(crops: Mapping[str, Sequence[Crop]], given: float | None) -> Somata:
    """The typical soma of all brains, each counting the same; or one as wide as was given."""
    found = [_somata_of(of_brain) for of_brain in crops.values()]
    known = [somata for somata in found if somata is not None]
    if given is not None:
        blur = float(np.mean([somata.axial_blur for somata in known])) if known else 0.0
        return Somata.blurred(given, blur)
    if not known:
        raise InputError(
            f"detection with method auto: the annotated cells of {', '.join(crops)} are on average "
            "no brighter than what is around them, so their size cannot be measured; check the "
            "axes and units of the annotation, or set soma_diameter under detection"
        )
    return Somata(
        _geometric_mean([somata.diameter for somata in known]),
        _geometric_mean([somata.depth for somata in known]),
    )


def _geometric_mean(lengths: Sequence[float]) -> float:
    return math.exp(float(np.mean(np.log(lengths))))


def _somata_of(crops: Sequence[Crop]) -> Somata | None:
    arrays = [(crop.volume.data.compute(), crop.annotated) for crop in crops]
    return measure_somata(arrays, crops[0].volume.voxel_size)
