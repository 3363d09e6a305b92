"""What a search for a detector tells and hands on: its choice, as a config, and all its trials."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill, indent
from typing import Any, Protocol

import pandas as pd
import yaml

from cellsift.detection.registry import detector_class
from cellsift.io.atomic import atomic_file
from cellsift.io.json_files import write_json
from cellsift.io.tables import write_table
from cellsift.settings.choice import (
    CUBOID_SHAPE,
    cuboid_voxel_size,
    rounded,
)
from cellsift.training.detection.judging import Wish
from cellsift.training.detection.search import DetectionSearch, Trial, best_of

# Fewer annotated cells than this choose by chance as much as by what is better.
FEW_CELLS = 50
# A value this near to an end of its range, as a share of it, might be better beyond.
NEAR_END = 0.03
# Somata are drawn longer along z, never that much flatter: then the voxels' sizes are wrong.
FLATTEST = 0.6
HOW_TO_PASTE = (
    "Found by the search for a detector: to use it without a search, put these lines in the place "
    "of detection, matching and cuboid in the config. With a threshold chosen on the others of "
    "these, each was found to have:"
)
# Of a file that people read and paste.
LINE = 90


class OutcomeFiles(Protocol):
    """Where the outcome goes: `results.DetectionFolder`, or a rule's outputs."""

    @property
    def choice(self) -> str | Path:
        """JSON: what the later steps use."""

    @property
    def config(self) -> str | Path:
        """YAML: the same, to be pasted into a config."""

    @property
    def trials(self) -> str | Path:
        """CSV of all settings that were tried."""


def write_outcome(
    search: DetectionSearch, trials: Sequence[Trial], distance_um: float, files: OutcomeFiles
) -> dict:
    """Write the choice, the config to paste and the table of trials; return the choice.

    `distance_um` is the matching distance of brains whose settings have none. Raises InputError
    where no trial could be judged.
    """
    best = best_of(trials)
    assert best.judgement is not None
    soma = search.somata
    choice = {
        "trial": best.number,
        "detection": {"method": best.method, **best.parameters},
        "matching": {"distance_um": distance_um},
        "cuboid": {
            "shape": list(CUBOID_SHAPE),
            "voxel_size": list(cuboid_voxel_size(soma.diameter)),
        },
        "soma_diameter": rounded(soma.diameter),
        "soma_depth": rounded(soma.depth),
        "axial_blur": rounded(soma.axial_blur),
        "wish": {
            "recall": search.wish.recall,
            "candidates_per_cell": search.wish.candidates_per_cell,
        },
        "groups": [{"group": name, **found} for name, found in best.judgement.held_out.items()],
        "notes": list(_notes(search, best)),
    }
    write_table(trials_table(trials, best.number, search.wish), files.trials, decimals=None)
    _write_config(choice, files.config)
    write_json(choice, files.choice)
    return choice


def trials_table(trials: Sequence[Trial], chosen: int, wish: Wish) -> pd.DataFrame:
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
        "detection": choice["detection"] | {"keep": choice["wish"]},
        "matching": choice["matching"],
        "cuboid": choice["cuboid"],
    }
    reached = [
        f"{found['group']}: recall {found['recall']:.3f} of {found['annotated']} annotated "
        f"cells, {found['candidates'] / found['annotated']:.2f} candidates for each"
        for found in choice["groups"]
    ]
    head = [HOW_TO_PASTE, *reached, *choice["notes"]]
    comment = "".join(f"{indent(fill(said, LINE - 2), '# ')}\n" for said in head)
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None, width=LINE)
    with atomic_file(path) as beside:
        beside.write_text(comment + text, encoding="utf-8")


def _notes(search: DetectionSearch, best: Trial):
    """What a user should know of how sure the choice is."""
    assert best.judgement is not None
    soma, wish = search.somata, search.wish
    yield (
        f"Annotated somata are about {soma.diameter:.3g} µm wide in the plane and {soma.depth:.3g} "
        "µm long along z, where they are half as bright as in their middle."
    )
    if soma.depth < FLATTEST * soma.diameter:
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
    held_out = best.judgement.held_out.values()
    if (lowest := min(found["recall"] for found in held_out)) < wish.recall:
        yield (
            f"The wished recall of {wish.recall:g} was not reached everywhere: with the threshold "
            f"of the others, {lowest:.3f} of the cells of one of them have a candidate."
        )
    yield from _at_ends(search, best)


def _at_ends(search: DetectionSearch, best: Trial):
    for name, tried in search.space(best.method).items():
        value = best.values[name]
        reach = NEAR_END * (tried.high - tried.low)
        # A blur of 0 is no end of a range, but what there is.
        if value >= tried.high - reach or 0 < value <= tried.low + reach:
            meaning = detector_class(best.method).known_parameters[name].description
            yield (
                f"{name} {value:g} is at the end of what was tried, {tried.low:.3g} to "
                f"{tried.high:.3g} ({meaning.partition(';')[0]}): something beyond may be better."
            )
