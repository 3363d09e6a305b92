"""The search on some annotated volumes, tried on others that it has not seen."""

import math
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cellsift.benchmarks.detection.volumes import Annotated
from cellsift.detection import detect
from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.evaluation.detection_threshold import carrying_threshold
from cellsift.evaluation.recall_curve import Piece, RecallCurve
from cellsift.io.axes import AXES
from cellsift.training.detection.preparing import (
    AnnotatedVolume,
    SearchSettings,
    prepare_search,
)
from cellsift.training.detection.search import Trial, best_of


@dataclass(frozen=True)
class Outcome:
    """What a search chose, how long it took, and what its choice gives in each volume, by name.

    `seconds` of the search, `detection_seconds` of one detection of the volumes it learnt from,
    with what it chose. `voxels` of these volumes together. `train` and `left_out` are of
    `RecallCurve.at`.
    """

    trial: Trial
    seconds: float
    detection_seconds: float
    train: Mapping[str, Mapping]
    left_out: Mapping[str, Mapping]
    voxels: int


def try_split(
    train: Mapping[str, Annotated],
    left_out: Mapping[str, Annotated],
    trials: int = 40,
    seed: int = 1,
    resources: Resources = UNLIMITED,
) -> Outcome:
    """Search on whole or large volumes as a run does, and detect in all with what was chosen."""
    begun = time.monotonic()
    volumes = [AnnotatedVolume(name, one.volume, one.cells) for name, one in train.items()]
    search, distance = prepare_search(volumes, SearchSettings(trials=trials, seed=seed), resources)
    with tempfile.TemporaryDirectory() as folder:
        best = best_of(search.run(Path(folder, "journal.log")))
    searched = time.monotonic()
    curves = {name: _curve(one, best, distance, resources) for name, one in train.items()}
    detected = time.monotonic()
    wish = search.wish
    threshold = carrying_threshold(list(curves.values()), wish.recall, wish.candidates_per_cell)
    others = {name: _curve(one, best, distance, resources) for name, one in left_out.items()}
    return Outcome(
        best,
        searched - begun,
        detected - searched,
        {name: curve.at(threshold) for name, curve in curves.items()},
        {name: curve.at(threshold) for name, curve in others.items()},
        sum(math.prod(one.volume.shape) for one in train.values()),
    )


def _curve(one: Annotated, best: Trial, distance: float, resources: Resources) -> RecallCurve:
    found = detect(one.volume, best.method, resources, **best.parameters)
    at, contrast = found[AXES].to_numpy(float), found["contrast"].to_numpy(float)
    return RecallCurve([Piece(at, contrast, one.cells)], one.volume.voxel_size, distance)
