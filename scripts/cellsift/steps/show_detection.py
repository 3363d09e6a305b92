"""Where detection finds the annotated cells of a brain, and where it misses them."""

from pathlib import Path

from cellsift.detection.resources import UNLIMITED, Resources
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from cellsift.reporting.detection_viewing import look_at_detection
from cellsift.reporting.detection_views import save_views
from cellsift.settings.brains import Brain
from cellsift.steps.annotation import annotated_cells, annotated_in_part
from cellsift.steps.brain import open_signal


def show_detection(
    brain: Brain,
    detected: str | Path,
    summary: str | Path,
    out: str | Path,
    *,
    resources: Resources = UNLIMITED,
) -> None:
    """Write pictures of some places, and what the page tells of the others, to `out`, an .npz.

    `brain` has its annotation and its settings of detection and matching, `detected` are all its
    candidates, `summary` is what `summarise_detection` wrote; of the candidates those are shown
    that its threshold keeps. Raises InputError as `look_at_detection` does.
    """
    candidates, threshold = read_table(detected), read_json(summary)["threshold"]
    if threshold is not None:
        candidates = candidates[candidates["contrast"] >= threshold]
    views = look_at_detection(
        open_signal(brain),
        candidates,
        annotated_cells(brain),
        brain.detector,
        brain.settings["matching"]["distance_um"],
        partial=annotated_in_part(brain),
        resources=resources,
    )
    save_views(views, out)
