"""Search for a detector and its parameters on the annotated train brains."""

from collections.abc import Callable, Sequence
from pathlib import Path

from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.io.axes import AXES
from cellsift.settings.brains import Brain
from cellsift.steps.annotation import annotated_cells, annotated_in_part
from cellsift.steps.brain import open_signal
from cellsift.training.detection.judging import Wish
from cellsift.training.detection.outcome import LeftOpen, OutcomeFiles, write_outcome
from cellsift.training.detection.preparing import (
    AnnotatedVolume,
    SearchSettings,
    prepare_search,
)


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
        brains: annotated train brains, with their settings of detection, matching and cuboid.
        told: is called with the trials that are done, and their number.
        code: a hash of the code, another of which begins anew.

    Raises InputError as `prepare_search` does, and where no detector can work on the volumes.
    """
    given = brains[0].settings["detection"]
    wish = Wish(given["keep"]["recall"], given["keep"]["candidates_per_cell"])
    settings = SearchSettings(wish, int(given["trials"]), seed, given["soma_diameter"], code)
    annotated = [_annotated(brain) for brain in brains]
    search, distance_um = prepare_search(annotated, settings, resources)
    left_open = LeftOpen.of(brains, search.somata, distance_um)
    outcome = write_outcome(search, search.run(Path(journal), told), left_open, files)
    for note in outcome["notes"]:
        print(note)


def _annotated(brain: Brain) -> AnnotatedVolume:
    return AnnotatedVolume(
        brain.name,
        open_signal(brain),
        annotated_cells(brain)[AXES].to_numpy(float),
        annotated_in_part(brain),
        brain.settings["matching"]["distance_um"],
    )
