"""Search for a detector and its parameters on the annotated train brains."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.detection.somata import Somata, measure_somata
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.settings.brains import Brain
from cellsift.settings.choice import matching_distance
from cellsift.steps.annotation import annotated_cells
from cellsift.steps.brain import open_signal
from cellsift.training.detection.crops import Crop, cut_crops
from cellsift.training.detection.judging import Wish
from cellsift.training.detection.outcome import OutcomeFiles, write_outcome
from cellsift.training.detection.search import DetectionSearch
from cellsift.training.detection.trying import TrialBrain
from cellsift.training.seeds import seed_of

# Voxels of all brains together that are searched on, and of a brain at least.
VOXELS, LEAST_VOXELS = 12e6, 1e6
# What lies nearer to the border of a crop than so many somata does not count.
MARGIN = 2.0
# A soma's size where nothing is known yet, for the margin of the first crops, µm.
FIRST_GUESS = 15.0


def tune_detection(
    brains: Sequence[Brain],
    files: OutcomeFiles,
    journal: str | Path,
    seed: int,
    *,
    code: str = "",
    told: Callable[[float, int], object] | None = None,
    resources: Resources = UNLIMITED,
) -> None:
    """Write what a search chooses to `files`; the trials lie in `journal`, where it goes on.

    Args:
        brains: annotated train brains, with their settings of detection and matching.
        told: is called with the trials that are done, and their number.
        code: a hash of the code, another of which begins anew.

    Raises InputError where the annotated cells are not brighter than what is around them, and where
    no detector can work on the volumes.
    """
    given = brains[0].settings["detection"]
    crops = {
        brain.name: _crops(brain, len(brains), seed_of(seed, number))
        for number, brain in enumerate(brains)
    }
    somata = _somata(brains, crops, given.get("soma_diameter"))
    distance = max(matching_distance(somata.diameter, brain.voxel_size) for brain in brains)
    search = DetectionSearch(
        [_trial_brain(brain, crops[brain.name], distance) for brain in brains],
        somata,
        Wish(**given["keep"]),
        int(given["trials"]),
        seed,
        code,
        resources,
    )
    trials = search.run(Path(journal), told)
    choice = write_outcome(search, trials, distance, files)
    for note in choice["notes"]:
        print(note)


def _crops(brain: Brain, brains: int, seed: int) -> list[Crop]:
    cells = annotated_cells(brain)[AXES].to_numpy(float)
    voxels = max(VOXELS / brains, LEAST_VOXELS)
    soma = brain.settings["detection"].get("soma_diameter") or FIRST_GUESS
    return cut_crops(open_signal(brain), cells, voxels, MARGIN * soma, seed)


def _somata(brains: Sequence[Brain], crops: dict[str, list[Crop]], given: float | None) -> Somata:
    """The typical soma of all brains, each counting the same; or one as wide as was given."""
    found = [_somata_of(crops[brain.name]) for brain in brains]
    known = [somata for somata in found if somata is not None]
    if given is not None:
        blur = float(np.mean([somata.axial_blur for somata in known])) if known else 0.0
        return Somata.blurred(given, blur)
    if not known:
        names = ", ".join(brain.name for brain in brains)
        raise InputError(
            f"detection with method auto: the annotated cells of {names} are on average no "
            "brighter than what is around them, so their size cannot be measured; check the axes "
            "and units of the annotation, or set soma_diameter under detection"
        )
    diameter, depth = (
        math.exp(np.mean([math.log(getattr(somata, name)) for somata in known]))
        for name in ("diameter", "depth")
    )
    return Somata(diameter, depth)


def _somata_of(crops: Sequence[Crop]) -> Somata | None:
    arrays = [(crop.volume.data.compute(), crop.annotated) for crop in crops]
    return measure_somata(arrays, crops[0].volume.voxel_size)


def _trial_brain(brain: Brain, crops: list[Crop], distance_um: float) -> TrialBrain:
    given = brain.settings["matching"]["distance_um"]
    return TrialBrain(
        brain.name, crops, distance_um if given is None else given, brain.non_cells is not None
    )
