"""Suggest what to annotate next in a brain."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.drawing import boxes_of
from cellsift.annotation.drawn import DrawnIn, Round, fingerprint, read_rounds, write_round
from cellsift.annotation.handing_out import Answered, Wish, draw_round, once_more, waiting
from cellsift.annotation.suggestion import Scored
from cellsift.annotation.suggestion_files import (
    write_blocks,
    write_label_studio,
    write_suggestion_table,
    write_suggestion_xml,
)
from cellsift.appearance.features import measure_cuboids
from cellsift.cuboids.store import CuboidStore
from cellsift.io.axes import AXES
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.io.volumes import Volume
from cellsift.reporting.projections import load_projection
from cellsift.reporting.tissue_boxes import boxes_with_tissue
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel, open_signal

# Of larger brains, so many candidates are looked at for variety.
LOOKED_AT = 5000


@dataclass(frozen=True)
class BrainFiles:
    """What earlier steps wrote of a brain.

    - candidates; cells, models: by arm, its classified cells and the arm's model.json;
    - labels: of an annotated brain, the table of `label`;
    - cuboids: its stores; projection: what the step of that name wrote;
    - sample: what the step of that name wrote: `sample`, `blocks` and `summary`.
    """

    candidates: str | Path
    cells: Mapping[str, str | Path]
    models: Mapping[str, str | Path]
    cuboids: Sequence[str | Path]
    projection: str | Path
    sample: Mapping[str, str | Path]
    labels: str | Path | None = None

    def scored(self, store: CuboidStore, answered: Answered) -> Scored:
        """The candidates with the scores of all arms, and what they look like."""
        tables = {arm: read_table(path) for arm, path in self.cells.items()}
        thresholds = {arm: float(read_json(m)["threshold"]) for arm, m in self.models.items()}
        return Scored(
            read_table(self.candidates, exact=True)[AXES].to_numpy(float),
            pd.DataFrame({arm: table["p_cell"].to_numpy(float) for arm, table in tables.items()}),
            thresholds,
            _features(store, answered.candidates["candidate"].to_numpy(int)),
            read_table(self.labels)["label"].to_numpy() if self.labels else None,
        )


def suggest_brain(
    brain: Brain,
    known: Mapping[str, Any],
    annotations: str | Path,
    wish: Mapping[str, Any],
    seed: int,
    out: Mapping[str, str | Path],
    tell: Callable[[str], None],
) -> None:
    """Write suggestions as CSV, XML and tasks for Label Studio, and blocks with their images.

    What was drawn is kept in the folder of annotations before anything is handed out. A set that
    waits there for its first answer is handed out once more.

    Args:
        brain: with its settings of reading.
        known: the fields of `BrainFiles`.
        annotations: the brain's folder of annotations.
        wish: the config's `annotation`.
        seed: of the run.
        out: where to write, by name: `table`, `xml`, `label_studio`, `label_studio_config`,
            `blocks`, `block_images` and `summary`.
        tell: is called with what a person should know.

    Raises InputError as `draw_round` and `read_rounds` do, and for volumes that cannot be read.
    """
    files = BrainFiles(**known)
    store, signal = CuboidStore.open(files.cuboids), open_signal(brain)
    drawn = _drawn(brain, files, store, signal, annotations, wish, seed, tell)
    suggested, number = drawn.suggested.drop(columns="population"), drawn.number
    rows = suggested["candidate"].to_numpy(int)
    write_suggestion_table(suggested, number, out["table"])
    write_suggestion_xml(suggested, out["xml"])
    pictures = (store.read(np.array([row]))[0] for row in rows)
    config = out["label_studio_config"]
    write_label_studio(suggested, pictures, brain.name, number, out["label_studio"], config)
    background = open_channel(brain, "background")
    channels = [signal, *([background] if background else [])]
    blocks = drawn.drawn_blocks.drop(columns=["why", "population"])
    write_blocks(blocks, channels, out["blocks"], out["block_images"])
    summary = {
        "brain": brain.name,
        "round": number,
        "suggested": len(suggested),
        "why": suggested["why"].value_counts(sort=False).to_dict(),
        "blocks": len(blocks),
        "answers_belong_in": str(annotations),
    }
    write_json(summary, out["summary"])


def _drawn(
    brain: Brain,
    files: BrainFiles,
    store: CuboidStore,
    signal: Volume,
    annotations: str | Path,
    wish: Mapping[str, Any],
    seed: int,
    tell: Callable[[str], None],
) -> Round:
    """The set that waits for its first answer, or one that is drawn, and kept, here."""
    answered = Answered(read_table(files.sample["sample"]), read_table(files.sample["blocks"]))
    scored = files.scored(store, answered)
    rounds, of = read_rounds(annotations), fingerprint(scored.positions)
    if (handed_out := waiting(rounds, read_json(files.sample["summary"]), of)) is not None:
        tell(f"brain {brain.name}: {once_more(handed_out, annotations)}")
        return handed_out
    wanted = Wish(**{key: value for key, value in wish.items() if key != "folder"})
    boxes = boxes_of(signal.shape, signal.voxel_size, wanted.block_um)
    tissue = boxes_with_tissue(load_projection(files.projection), boxes)
    arguments = (signal.shape, signal.voxel_size, rounds, answered, wanted, seed, tissue)
    drawn = draw_round(brain.name, scored, *arguments)
    drawn = replace(drawn, volume=DrawnIn(brain.signal, signal.shape))
    write_round(drawn, annotations)
    return drawn


def _features(store: CuboidStore, known: np.ndarray) -> np.ndarray:
    """What candidates look like, (n, k): of the known ones, and of a sample of a large brain."""
    random = np.random.default_rng(0)
    some = random.choice(len(store), min(len(store), LOOKED_AT), replace=False)
    rows = np.union1d(some, known).astype(int)
    # As much as is held at once.
    parts = [rows[start : start + 500] for start in range(0, len(rows), 500)]
    measured = [
        measure_cuboids(store.read(part), store.voxel_size).to_numpy(float) for part in parts
    ]
    if not measured:
        return np.empty((0, 1))
    features = np.full((len(store), measured[0].shape[1]), np.nan)
    features[rows] = np.concatenate(measured)
    return features
