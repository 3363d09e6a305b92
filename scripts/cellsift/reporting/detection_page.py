"""The parts of the page of detection, each of them one call in reports/detection.ipynb."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.io.json_files import read_json
from cellsift.labels.reached import recall_text, recall_with_interval
from cellsift.reporting import detection_graphs, detection_pictures, html
from cellsift.reporting.detection_advice import advice, is_good, misses_of
from cellsift.reporting.detection_graphs import GOOD_RECALL, MANY_PER_CELL
from cellsift.reporting.detection_views import DetectionViews, load_views
from cellsift.reporting.html import Html
from cellsift.reporting.projections import load_projection
from cellsift.reporting.run_results import RunResults
from cellsift.reporting.tables import count_text, settings_text

# A brain's pictures take half a megabyte of the page.
MOST_PICTURED = 12


@dataclass(frozen=True)
class DetectionResults:
    """What a results folder holds on detection alone.

    `detection` gives for each annotated train brain the method and its parameters. `tuned` has the
    paths of what a search for a detector left, `trials`, `outcome` and `config`, where it was one.
    """

    results: RunResults
    detection: Mapping[str, Mapping[str, Any]]
    tuned: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def summary(self) -> dict:
        return read_json(self.results.paths.detection_summary)

    @property
    def brains(self) -> list[dict]:
        """What detection does in each brain."""
        return self.summary["brains"]

    @cached_property
    def curves(self) -> pd.DataFrame:
        return self.results.table(self.results.paths.detection_curves)

    @cached_property
    def views(self) -> dict[str, DetectionViews]:
        """Of each brain what is to be seen."""
        paths, names = self.results.paths, [brain["brain"] for brain in self.brains]
        return {name: load_views(paths.brain(name).detection_views) for name in names}


def verdict(shown: DetectionResults) -> Html:
    """Whether detection will do, and what to change for each brain."""
    if shown.summary["refused"]:
        refused = f"What keep asks for cannot be had: {shown.summary['refused']}"
        refusal = html.paragraph(f"{refused}. The figures here are of all candidates.", "warning")
    else:
        refusal = Html("")
    doubts = [html.paragraph(f"To be checked first: {said}", "warning") for said in _doubts(shown)]
    if all(map(is_good, shown.brains)):
        said = (
            f"Detection will do: at least {GOOD_RECALL:.0%} of the annotated cells of every brain "
            f"have a candidate, and there are no more than {MANY_PER_CELL} candidates for each "
            "cell where that is known. Go on with the whole run."
        )
    else:
        said = (
            "Change detection before you train anything. What detection misses no network can "
            "find; below it is said for each brain what to change."
        )
    return Html("".join([refusal, *doubts, html.paragraph(said, "verdict")]))


def _doubts(shown: DetectionResults) -> list[str]:
    return [said for brain in shown.brains for said in brain["warnings"]]


def table(shown: DetectionResults) -> Html:
    """The figures of every brain, and what was set."""
    rows = [
        {
            "brain": brain["brain"],
            "annotated cells": count_text(brain["annotated"]),
            "candidates": count_text(brain["candidates"]),
            "recall of detection": _recall(brain),
            "candidates per cell": _per_cell(brain),
            "missed": count_text(brain["missed"]),
        }
        for brain in shown.brains
    ]
    caption = (
        "Recall of detection: the share of the annotated cells that have a candidate, one to one, "
        "within the matching distance; in brackets its 95% interval. Missed: annotated cells "
        "without a candidate."
    )
    return Html(html.table(pd.DataFrame(rows), caption, text_columns=("brain",)) + _left_out(shown))


def _left_out(shown: DetectionResults) -> Html:
    """Of which annotated train brains the candidates are not detected here."""
    given = shown.summary.get("given", [])
    if not given:
        return Html("")
    return html.paragraph(
        f"Not looked at: {', '.join(given)}, as the table of brains names a file of candidates."
    )


def _recall(brain: Mapping[str, Any]) -> str:
    return recall_with_interval(*(brain[key] for key in ("reached", "annotated", "low", "high")))


def _per_cell(brain: Mapping[str, Any]) -> str:
    if brain["candidates_per_cell"] is None:
        return "not known" if brain.get("partial") else "–"
    return f"{brain['candidates_per_cell']:.2f}"


def settings(shown: DetectionResults) -> Html:
    """What detection was told."""
    said: dict[str, list[str]] = {}
    for brain, detection in shown.detection.items():
        given = {key: value for key, value in detection.items() if value is not None}
        said.setdefault(settings_text(given), []).append(brain)
    lines = [
        text if len(said) == 1 else f"{', '.join(brains)}: {text}" for text, brains in said.items()
    ]
    keep = shown.summary["keep"]
    if keep:
        lines.append(f"keep: {settings_text({k: v for k, v in keep.items() if v is not None})}")
    if shown.summary["threshold"] is not None:
        lines.append(f"Least contrast, chosen for it: {shown.summary['threshold']:.3g}")
    return html.folded(html.bullets(lines), "What detection was told")


def curves(shown: DetectionResults) -> Html:
    """What fewer candidates would find."""
    caption = (
        "From left to right the candidates of the highest contrast first, then ever fainter ones. "
        "Where the line ends, all that detection proposed are used; a line that ends below "
        f"{GOOD_RECALL:g} says that no threshold helps, but other settings may."
    )
    picture = detection_graphs.draw_curves(shown.curves, shown.brains)
    return html.figure(picture, caption, "Recall of detection against candidates per cell")


def brains(shown: DetectionResults) -> Html:
    """Each brain: what to change, where cells are found and missed, and how bright they are.

    Of many brains those are pictured in which the fewest cells are found.
    """
    worst = sorted(shown.brains, key=lambda brain: brain["recall"] or 0)[:MOST_PICTURED]
    pictured = {brain["brain"] for brain in worst}
    return Html(
        "".join(_of_brain(shown, brain, brain["brain"] in pictured) for brain in shown.brains)
    )


def _of_brain(shown: DetectionResults, brain: Mapping[str, Any], pictured: bool) -> Html:
    name = brain["brain"]
    seen, curve = shown.views[name], shown.curves[shown.curves["brain"] == name]
    sentences = advice(
        brain,
        shown.detection[name],
        misses_of(seen, brain["distance_um"]),
        curve,
        shown.summary["keep"],
        chosen=bool(shown.tuned),
    )
    parts = [html.heading(f"Brain {name}"), html.bullets(sentences)]
    if not pictured:
        said = f"No pictures: in {MOST_PICTURED} other brains fewer of the cells are found."
        return Html("".join([*parts, html.paragraph(said, "note")]))
    if seen.places:
        parts += [_places(seen, brain), _overview(shown, seen, name)]
    parts.append(_contrasts(shown, seen, brain))
    return Html("".join(parts))


def _places(seen: DetectionViews, brain: Mapping[str, Any]) -> Html:
    planes = "one plane" if seen.size[0] == 1 else f"{seen.size[0]} planes"
    thick = seen.size[0] * seen.voxel_size[0]
    caption = (
        "First the places with the most missed cells, then "
        + ("" if brain["partial"] else "one with the most candidates that are no cell, then ")
        + f"usual ones. Each picture is the brightest voxel of {planes} ({thick:g} µm); z, y and x "
        "count voxels of the signal from 0, as in napari. A soma of the diameter that was set "
        f"({seen.soma_diameter:g} µm) is {seen.soma_diameter / seen.voxel_size[2]:.0f} voxels wide."
    )
    picture = detection_pictures.draw_places(seen, brain["partial"])
    return html.figure(picture, caption, "Places with cells found and missed", photograph=True)


def _overview(shown: DetectionResults, seen: DetectionViews, name: str) -> Html:
    projection = load_projection(shown.results.paths.brain(name).projection)
    caption = (
        "All annotated cells at all depths, on the brightest voxel along the line of sight; the "
        "numbers are those of the places above."
    )
    picture = detection_pictures.draw_overview(projection, seen)
    return html.figure(picture, caption, "Annotated cells in the brain", photograph=True)


def _contrasts(shown: DetectionResults, seen: DetectionViews, brain: Mapping[str, Any]) -> Html:
    threshold = shown.summary["threshold"]
    if threshold is None:
        threshold = shown.detection[brain["brain"]].get("minimum_contrast")
    caption = (
        "Above, how many candidates stand out how much; below, each annotated cell. Missed cells "
        "that lie left of the found ones are faint: a lower threshold finds them, and more "
        "artefacts. Missed cells that lie among the found ones are missed for another reason, such "
        "as a wrong diameter, or touching cells that count as one."
    )
    measured = int(np.isfinite(seen.cell_contrast).sum())
    if measured < len(seen.annotated):
        caption += (
            f" Measured at {count_text(measured)} of the {count_text(len(seen.annotated))} "
            "annotated cells, in planes with many of them."
        )
    picture = detection_graphs.draw_contrasts(seen, threshold, brain["partial"])
    return html.figure(picture, caption, "Contrast of candidates and of annotated cells")


def tuned(shown: DetectionResults) -> Html:
    """What a search for a detector tried and chose; nothing where there was none."""
    if not shown.tuned:
        return Html("")
    outcome = read_json(shown.tuned["outcome"])
    trials = shown.results.table(Path(shown.tuned["trials"]))
    failed = int(trials["recall"].isna().sum())
    caption = (
        "Each setting that was tried, by what it finds on the annotated train brains and how much "
        "it proposes; the ring is the chosen one."
    )
    if failed:
        caption += f" {failed} of {len(trials)} settings gave no result and are left out."
    keep = shown.summary["keep"] or {}
    wished = float(keep.get("recall") or GOOD_RECALL)
    picture = detection_graphs.draw_trials(trials, outcome.get("trial"), wished)
    parts = [
        html.heading("What was tried to choose the detector"),
        html.bullets(outcome["notes"]) if outcome.get("notes") else "",
        html.figure(picture, caption, "Recall against candidates per cell of all settings tried"),
        _groups(outcome.get("groups") or []),
    ]
    text = Path(shown.tuned["config"]).read_text(encoding="utf-8")
    said = "The chosen settings, to be pasted into a config in place of method: auto:"
    parts += [html.paragraph(said), f"<pre>{escape(text)}</pre>\n"]
    return Html("".join(parts))


def _groups(groups: list[Mapping[str, Any]]) -> Html:
    if not groups:
        return Html("")
    rows = [
        {
            "tried on": group["group"],
            "annotated cells": count_text(group["annotated"]),
            "recall": recall_text(group["reached"], group["annotated"]),
            "candidates per cell": _per_cell(group),
        }
        for group in groups
    ]
    caption = (
        "What the search gives in each of these if it has no say: the setting that is best on the "
        "others, with their threshold on contrast. The tables and curves above and below are of "
        "brains that the settings were chosen on."
    )
    return html.table(pd.DataFrame(rows), caption, text_columns=("tried on",))
