"""What annotated cells tell of detection, in words: how many have a candidate, what to change."""

import math
from collections.abc import Mapping
from typing import Any

# Below this recall of detection a user is told to change it.
WISHED_RECALL = 0.9
# Of fewer annotated cells than this the recall is told with its interval.
FEW_CELLS = 20
# More second candidates for each annotated cell than this are told.
MANY_DOUBLES = 0.2

CHANGE_DETECTION = (
    "change detection in the config: soma_diameter, the method, its threshold, what keep drops, of "
    "dog also axial_blur; method: auto chooses them on the annotated train brains"
)
CHANGE_CANDIDATES = (
    "have more proposed by the program that they are from, or have them detected here: leave the "
    "column candidates of the table of brains empty"
)
# Where it is not known how many cells are annotated, and so not which of these is the cause.
GET_BOTH_LABELS = (
    "annotate more cells or, where few of the annotated ones have a candidate or hardly any "
    f"candidate is no cell, {CHANGE_DETECTION}"
)


def detection_in_words(
    summary: Mapping[str, Any], interval: tuple[float, float] | None = None
) -> str:
    """How many annotated cells have a candidate, and how many candidates each costs; one line.

    `summary` is that of `label_candidates`, `interval` the 95% interval of the recall, to be given
    where it is wide.

    Example:
        >>> found = {"annotated": 4, "reached": 3, "candidates": 6, "candidates_per_cell": None}
        >>> detection_in_words(found).split(";")[0]
        '3 of 4 annotated cells have a candidate (recall of detection 0.75)'
    """
    annotated, candidates = summary["annotated"], summary["candidates"]
    if not annotated:
        proposed = _number(candidates, "candidate") if candidates else "no candidate"
        return f"no annotated cell, and {proposed}: recall of detection is unknown"
    share = f"recall of detection {recall_text(summary['reached'], annotated)}"
    if interval is not None:
        low, high = interval
        share += f", of so few cells uncertain: 95% interval {low:.2f} to {high:.2f}"
    said = f"{who_has_a_candidate(summary['reached'], annotated)} ({share})"
    if not candidates:
        return f"{said}, since detection proposes none at all"
    if summary["candidates_per_cell"] is None:
        return f"{said}; of the other cells, which are not annotated, nothing is known"
    return f"{said}, {summary['candidates_per_cell']:.1f} candidates per cell"


def doubts_of_detection(summary: Mapping[str, Any]) -> list[str]:
    """What a recall below 0.9 means and what to change; empty where detection finds enough.

    Also where there is a warning that the annotation lies elsewhere, which explains as much.
    """
    annotated, reached = summary["annotated"], summary["reached"]
    if summary["warnings"] or not is_poor(reached, annotated):
        return []
    if not reached:
        most = "none of the cells can be found"
    else:
        most = f"at most {recall_text(reached, annotated)} of the cells can be found"
    lost = annotated - reached
    given = summary.get("candidates_from")
    misses = f"The file of candidates {given} misses" if given else "Detection misses"
    without = "1 annotated cell has" if lost == 1 else f"{lost} annotated cells have"
    return [
        f"{misses} too much: {without} no candidate, and no network can find a cell "
        f"without a candidate, so that {most}. To find more, "
        f"{CHANGE_CANDIDATES if given else CHANGE_DETECTION}."
    ]


def doubts_of_doubles(summary: Mapping[str, Any]) -> list[str]:
    """Whether many cells have a second candidate; of a brain whose cells are all annotated."""
    doubles = summary["ambiguous"]
    if summary["annotated_non_cells"] is not None or summary["warnings"]:
        return []
    if doubles <= MANY_DOUBLES * summary["annotated"]:
        return []
    return [
        f"{doubles} candidates lie within the matching distance of an annotated cell that has "
        f"another candidate, for {_number(summary['annotated'], 'annotated cell')}. They look like "
        "cells, and networks do not learn from them, so that cells are easily called twice: "
        f"{_fewer_doubles(summary)}, unless the matching distance is larger than that of "
        "neighbouring cells."
    ]


def _fewer_doubles(summary: Mapping[str, Any]) -> str:
    if summary.get("candidates_from"):
        return "have fewer of them proposed by the program that the candidates are from"
    return "a larger soma_diameter or, of dog, minimum_distance proposes fewer of them"


def cause_of_few_labels(found: Mapping[str, Mapping[str, Any]], needed: int) -> str | None:
    """Why brains have fewer than `needed` candidates labelled cell or no_cell, and what to change.

    `found` has the summaries of `label_candidates` by brain, at least one. None where there are as
    many of both, and where nothing explains it.
    """
    counts = {
        key: sum(summary[key] for summary in found.values())
        for key in ("annotated", "reached", "candidates", "cell", "no_cell", "ambiguous")
    }
    where = f"brain {next(iter(found))} has" if len(found) == 1 else "The train brains have"
    if min(counts["cell"], counts["no_cell"]) >= needed:
        return None
    if is_poor(counts["reached"], counts["annotated"]):
        candidates = counts["candidates"]
        proposed = f"only {_number(candidates, 'candidate')}" if candidates else "no candidate"
        return (
            f"{where} {proposed} for {_number(counts['annotated'], 'annotated cell')} (recall of "
            f"detection {recall_text(counts['reached'], counts['annotated'])}), so "
            f"{CHANGE_DETECTION}"
        )
    if counts["annotated"] < needed:
        return f"{where} only {_number(counts['annotated'], 'annotated cell')}: annotate more"
    if counts["no_cell"] < needed:
        return _cause_of_few_artefacts(found, counts, where)
    return None


def _cause_of_few_artefacts(
    found: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int], where: str
) -> str:
    if any(summary["annotated_non_cells"] is not None for summary in found.values()):
        marked = sum(summary["annotated_non_cells"] or 0 for summary in found.values())
        return (
            f"{where} {_number(marked, 'annotated artefact')} (non_cells), by which "
            f"{counts['no_cell']} of the candidates are labelled no_cell: annotate more artefacts "
            "among the candidates"
        )
    if counts["ambiguous"] > counts["no_cell"]:
        distances = sorted({summary["distance_um"] for summary in found.values()})
        within = " and ".join(f"{distance:g} µm" for distance in distances)
        return (
            f"{where} {_number(counts['candidates'], 'candidate')}, of which {counts['ambiguous']} "
            f"are left out as ambiguous and {counts['no_cell']} labelled no_cell: they match no "
            f"annotated cell, but lie within matching: distance_um ({within}) of one. Set a "
            "smaller distance_um"
        )
    return (
        f"{where} {_number(counts['candidates'], 'candidate')} for "
        f"{_number(counts['annotated'], 'annotated cell')}, of which {counts['no_cell']} got the "
        "label no_cell, too few to learn from: let the detection propose more candidates, by a "
        "lower threshold"
    )


def is_poor(reached: int, annotated: int) -> bool:
    """Whether fewer than 0.9 of the annotated cells have a candidate; not where none is known."""
    return reached < WISHED_RECALL * annotated


def recall_text(reached: int, annotated: int) -> str:
    """A recall to two digits, rounded down: what is below 0.9, or below 1, does not read as it.

    A dash where no cell is annotated.
    """
    if not annotated:
        return "–"
    hundredths = 100 * reached // annotated
    return "below 0.01" if reached and not hundredths else f"{hundredths / 100:.2f}"


def recall_with_interval(reached: int, annotated: int, low: float, high: float) -> str:
    """A recall as `recall_text` tells it, with the bounds of its interval rounded outwards.

    A dash where no cell is annotated.

    Example:
        >>> recall_with_interval(221, 224, 0.9657, 0.9932)
        '0.98 [0.96, 1.00]'
    """
    if not annotated:
        return recall_text(reached, annotated)
    # What is a hundredth but for the last bits stays as it is.
    outwards = math.floor(100 * low + 1e-9) / 100, math.ceil(100 * high - 1e-9) / 100
    return f"{recall_text(reached, annotated)} [{outwards[0]:.2f}, {outwards[1]:.2f}]"


def who_has_a_candidate(reached: int, annotated: int) -> str:
    """Of how many annotated cells how many have a candidate, as a clause.

    Example:
        >>> who_has_a_candidate(1, 443)
        '1 of 443 annotated cells has a candidate'
    """
    if annotated == 1:
        return f"the only annotated cell has {'a' if reached else 'no'} candidate"
    if reached == annotated:
        return f"all {annotated} annotated cells have a candidate"
    if not reached:
        return f"none of {annotated} annotated cells has a candidate"
    return (
        f"{reached} of {annotated} annotated cells {'has' if reached == 1 else 'have'} a candidate"
    )


def _number(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"
