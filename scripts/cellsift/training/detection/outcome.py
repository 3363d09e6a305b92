"""What a search for a detector tells and hands on: its choice, as a config, and all its trials."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import fill, indent
from typing import Any, Protocol

import pandas as pd
import yaml

from cellsift.detection.registry import detector_class
from cellsift.detection.somata import Somata
from cellsift.io.atomic import atomic_file
from cellsift.io.json_files import write_json
from cellsift.io.tables import write_table
from cellsift.labels.reached import recall_text
from cellsift.settings.brains import Brain
from cellsift.settings.choice import (
    cuboid_voxel_size,
    rounded,
)
from cellsift.training.detection.search import (
    DetectionSearch,
    Trial,
    best_of,
    tried_on_others,
)

# Fewer annotated cells than this choose by chance as much as by what is better.
FEW_CELLS = 50
# A value this near to an end of its range, as a share of it, might be better beyond.
NEAR_END = 0.03
HOW_TO_PASTE = (
    "Found by the search for a detector: to use it without a search, put these lines in the place "
    "of detection, matching and cuboid in the config. Candidates stay the same, but since settings "
    "have changed, all is computed once more. In each of these, what was best on the others of "
    "them was found to give:"
)
# Of a file that people read and paste.
LINE = 90


class OutcomeFiles(Protocol):
    """Where the outcome goes: `results.DetectionFolder`, or a rule's outputs."""

    @property
    def choice(self) -> str | Path:
        """JSON: the settings that the later steps use."""

    @property
    def outcome(self) -> str | Path:
        """JSON: the same, and what is to be told of it."""

    @property
    def config(self) -> str | Path:
        """YAML: the same, to be pasted into a config."""

    @property
    def trials(self) -> str | Path:
        """CSV of all settings that were tried."""


@dataclass(frozen=True)
class LeftOpen:
    """What a config may leave to follow the somata: as it says, or as it follows.

    `distance_um` of matching; `cuboid`, its shape and voxel size in µm, z, y, x.
    """

    distance_um: float
    cuboid: Mapping[str, Any]

    @classmethod
    def of(cls, brains: Sequence[Brain], somata: Somata, distance_um: float) -> "LeftOpen":
        """What holds for these brains, where `distance_um` is what follows."""
        given = {brain.settings["matching"]["distance_um"] for brain in brains} - {None}
        cuboid = brains[0].settings["cuboid"]
        size = cuboid["voxel_size"] or list(
            cuboid_voxel_size(somata.diameter, cuboid["shape"], [b.voxel_size for b in brains])
        )
        distance = max(given) if given else distance_um
        return cls(distance, {"shape": list(cuboid["shape"]), "voxel_size": list(size)})


def write_outcome(
    search: DetectionSearch, trials: Sequence[Trial], left_open: LeftOpen, files: OutcomeFiles
) -> dict:
    """Write the choice, the config to paste, the table of trials and the outcome; return this one.

    The choice is the settings alone, so that a run whose choice stays the same does nothing again.
    Raises InputError where no trial could be judged.
    """
    best = best_of(trials)
    soma = search.somata
    choice = {
        "detection": {"method": best.method, **best.parameters},
        "matching": {"distance_um": left_open.distance_um},
        "cuboid": dict(left_open.cuboid),
    }
    outcome = {
        **choice,
        "trial": best.number,
        "soma_diameter": rounded(soma.diameter),
        "soma_depth": rounded(soma.depth),
        "axial_blur": rounded(soma.axial_blur),
        "wish": asdict(search.wish),
        "groups": [{"group": name, **found} for name, found in tried_on_others(trials).items()],
        "notes": list(_notes(search, best)),
    }
    write_table(trials_table(trials, best.number), files.trials, decimals=None)
    _write_config(outcome, files.config)
    write_json(outcome, files.outcome)
    write_json(choice, files.choice)
    return outcome


def trials_table(trials: Sequence[Trial], chosen: int) -> pd.DataFrame:
    """A row for each trial, in their order.

    Columns: trial, method, chosen, state ("tried", or "refused" by the detector), recall (lowest of
    the groups), candidates_per_cell (highest of them), loss, and one for each value that was
    searched.
    """
    rows = []
    for trial in trials:
        found = trial.judgement
        rows.append(
            {
                "trial": trial.number,
                "method": trial.method,
                "chosen": trial.number == chosen,
                "state": "refused" if found is None else "tried",
                "recall": None if found is None else found.recall,
                "candidates_per_cell": None if found is None else found.candidates_per_cell,
                "loss": None if found is None else found.loss,
                **trial.values,
            }
        )
    return pd.DataFrame(rows)


def _write_config(choice: Mapping[str, Any], path: str | Path) -> None:
    content = {
        "detection": choice["detection"] | {"keep": choice["wish"] | {"carry": True}},
        "matching": choice["matching"],
        "cuboid": choice["cuboid"],
    }
    reached = [
        f"{found['group']}: recall {recall_text(found['reached'], found['annotated'])} of "
        f"{found['annotated']} annotated "
        f"cells, {found['candidates'] / found['annotated']:.2f} candidates for each"
        for found in choice["groups"]
    ]
    head = [HOW_TO_PASTE, *reached, *choice["notes"]]
    comment = "".join(f"{indent(fill(said, LINE - 2), '# ')}\n" for said in head)
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=LINE)
    with atomic_file(path) as beside:
        beside.write_text(comment + text, encoding="utf-8")


def _notes(search: DetectionSearch, best: Trial) -> Iterator[str]:
    """What a user should know of how sure the choice is."""
    assert best.judgement is not None
    soma, wish = search.somata, search.wish
    yield (
        f"Annotated somata are about {soma.diameter:.3g} µm wide in the plane and {soma.depth:.3g} "
        "µm long along z, where they are half as bright as in their middle."
    )
    if soma.too_flat:
        yield (
            "They seem flatter along z than wide, which no microscope makes of a cell: check the "
            "voxel sizes in the table of brains."
        )
    cells = sum(brain.annotated for brain in search.brains)
    if cells < FEW_CELLS:
        yield (
            f"Only {cells} annotated cells were looked at: another choice may be as good. Annotate "
            "more of them."
        )
    if partial := [brain.name for brain in search.brains if brain.partial]:
        yield (
            f"Of the cells of {', '.join(partial)} only some are annotated: how many candidates "
            "there are for each cell cannot be known there."
        )
    if len(best.judgement.groups) == 1:
        yield "The cells are too few to be divided: the threshold was tried where it was chosen."
    elif sum(brain.annotated > 0 for brain in search.brains) == 1:
        yield (
            "One brain is annotated: what was chosen on one half of it was tried on the other. On "
            "another brain it may do worse."
        )
    lowest = min(best.judgement.groups.values(), key=lambda found: found["recall"])
    if lowest["recall"] < wish.recall:
        yield (
            f"The wished recall of {wish.recall:g} was not reached everywhere: of one of them, "
            f"{lowest['reached']} of {lowest['annotated']} cells have a candidate (recall "
            f"{recall_text(lowest['reached'], lowest['annotated'])})."
        )
    yield from _at_ends(search, best)


def _at_ends(search: DetectionSearch, best: Trial) -> Iterator[str]:
    for name, tried in search.space(best.method).items():
        value = best.values[name]
        reach = NEAR_END * (tried.high - tried.low)
        # Below 0 there is no length: that is no end of a range, but of what there is.
        if value >= tried.high - reach or (tried.low > 0 and value <= tried.low + reach):
            meaning = detector_class(best.method).known_parameters[name].description
            yield (
                f"{name} {value:g} is at the end of what was tried, {tried.low:.3g} to "
                f"{tried.high:.3g} ({meaning.partition(';')[0]}): something beyond may be better."
            )
