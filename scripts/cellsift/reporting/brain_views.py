"""The parts of a brain's page in which the brain itself is seen, each a call in brain.ipynb."""

from collections.abc import Mapping

import numpy as np

from cellsift.evaluation.outcomes import end_to_end_outcomes
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json
from cellsift.reporting import density, html, maps, planes
from cellsift.reporting.brain_page import NO_CANDIDATES, BrainResults, outcomes
from cellsift.reporting.html import Html
from cellsift.reporting.slabs import load_slabs
from cellsift.reporting.viewer import Shown, marks_of, viewer

# With more candidates, marks of all depths on top of each other tell nothing.
MOST_ON_TOP = 2500


def slab_by_slab(brain: BrainResults) -> Html:
    """The brain to step through, with what each arm calls cells at a threshold to be moved."""
    if not brain.candidates:
        return html.paragraph(NO_CANDIDATES)
    slabs, arms = load_slabs(brain.paths.slabs), _arms(brain)
    marks = marks_of(brain.scored, arms, brain.labels, brain.judged, _not_proposed(brain))
    note = "The brain is unlike the train brains: this is no result." if brain.unmeasured else ""
    best = read_json(brain.paths.count)["best_out_of_fold"]
    said = (
        f"The signal in {len(slabs)} slabs of planes, the brightest voxel through each. Move the "
        "threshold to see what would be called a cell; nothing is changed by it. To use another "
        "one, filter the arm's table of cells by p_cell."
    )
    return Html(html.paragraph(said) + viewer(slabs, marks, arms, best, note))


def _arms(brain: BrainResults) -> Mapping[str, Shown]:
    found = read_json(brain.paths.count)["arms"]
    return {
        arm: Shown(brain.thresholds[arm], found[arm].get("thresholds", {})) for arm in brain.scored
    }


def _not_proposed(brain: BrainResults) -> np.ndarray | None:
    """Annotated cells (n, 3) without a candidate, in voxels."""
    if brain.annotation is None:
        return None
    cells = next(iter(brain.scored.values())).assign(is_cell=True)
    voxel_size = brain.projection.voxel_size
    found = end_to_end_outcomes(cells, brain.annotation, voxel_size, brain.distance_um)
    missed = found.loc[found["outcome"] == "missed", AXES].to_numpy(float)
    return missed / np.asarray(voxel_size)


def found_cells(brain: BrainResults) -> Html:
    """What each arm calls cells, from above: each of few candidates, or how dense they are."""
    if not brain.candidates:
        return html.paragraph(NO_CANDIDATES)
    if brain.candidates > MOST_ON_TOP:
        return _density(brain)
    distance = brain.distance_um if brain.annotation is not None else None
    caption = (
        "The signal with each arm's verdicts, at all depths along the line of sight. Open circles "
        "are cells, dots are candidates that the arm rejected."
    )
    if brain.annotation is not None:
        caption += (
            " Crosses are annotated cells that were missed: × if the arm rejected a candidate "
            f"there, + if detection proposed none within {distance:g} µm."
        )
        if not brain.annotated_in_part:
            caption += " Triangles were called cells but are not annotated as such."
    picture = maps.draw_outcomes(brain.projection, outcomes(brain))
    return html.figure(picture, caption, "Cells found by each arm", photograph=True)


def _density(brain: BrainResults) -> Html:
    picture = density.draw_density(brain.projection, brain.scored)
    caption = (
        "How many candidates each arm calls cells, from above: in each square the cells of all "
        "depths, on one scale for all arms. White: none."
    )
    return html.figure(picture, caption, "Density of cells by each arm, from above")


def quality(brain: BrainResults) -> Html:
    """How bright, saturated and striped the volume is, by depth."""
    slabs = load_slabs(brain.paths.slabs)
    caption = (
        "By depth. Brightness: the median voxel of each plane and that which 1% are brighter "
        "than. Saturated: which share of the plane's voxels have the highest value of the channel. "
        "Stripes: by how much neighbouring rows (along x) and columns (along y) differ, as a "
        "share of the plane's median."
    )
    doubts = [html.paragraph(said, "warning") for said in planes.doubts(slabs)]
    picture = html.figure(planes.draw(slabs), caption, "Quality of the planes by depth")
    return Html("".join(doubts) + picture)
