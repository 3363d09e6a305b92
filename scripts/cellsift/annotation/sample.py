"""The labelled sample of a brain: answers matched to candidates, with the weight of each draw."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellsift.annotation.answers import COLUMNS, read_answers, read_filled_table
from cellsift.annotation.block_answers import (
    BlockAnswers,
    block_of,
    is_block_table,
    read_block_answers,
)
from cellsift.annotation.drawing import CORNERS
from cellsift.annotation.drawn import (
    DrawnIn,
    Round,
    fingerprint,
    read_rounds,
    refuse_other_volumes,
)
from cellsift.annotation.matching import matched, refuse_old_rounds, refuse_other_draws
from cellsift.annotation.names import KNOWN, RANDOM, UNSURE
from cellsift.annotation.rounds import combined_weights
from cellsift.io.axes import AXES, Shape
from cellsift.results import AnnotationFolder
from cellsift.settings.brains import Brain

OF_SAMPLE = [
    "candidate",
    *AXES,
    "label",
    "probability",
    "round",
    "author",
    "date",
    "source",
    "why",
    "weight",
]
OF_SAMPLE_BLOCKS = [
    "block",
    *CORNERS,
    "probability",
    "round",
    "author",
    "date",
    "cells",
    "in_doubt",
    "weight",
]
# Files that cannot hold answers, and of which no word is needed.
SILENT = (".tif", ".tiff", ".png", ".html", ".md", ".yml", ".yaml")


@dataclass(frozen=True)
class Sample:
    """What people have labelled in a brain.

    `candidates` (OF_SAMPLE) has a row for each labelled candidate: label cell or no_cell;
    probability and round of its random draw, empty where it was not drawn at random. `blocks`
    (OF_SAMPLE_BLOCKS) are those whose cells are all marked, `block_cells` (block, z, y, x in voxels
    of the brain, kind) those cells, and positions that annotators dispute. The sum of `weight`
    times what is counted is an unbiased estimate of its total in the brain, all rounds together
    (`rounds.combined_weights`); a weight is empty where a row has no part in it. `summary` is JSON-
    ready: labels, cells, no_cells, random, unsure, blocks, rounds, contradicting, told.
    """

    candidates: pd.DataFrame
    blocks: pd.DataFrame
    block_cells: pd.DataFrame
    summary: dict[str, Any]


def read_sample(
    folder: str | Path, brain: Brain, candidates: pd.DataFrame, shape: Shape | None = None
) -> Sample:
    """Read what people gave back on a brain.

    Args:
        folder: of the brain's annotations: files that people have filled in (`answers`,
            `block_answers`), in it or in folders below, and what was drawn in each round (`drawn`).
            It may be missing.
        brain: with its voxel size, and its settings of annotators.
        candidates: columns z, y, x in voxels.
        shape: of its signal, z, y, x, by which it is known whether rounds were drawn in it.

    Answers by two people on one candidate that differ are left out and listed; so is what they were
    unsure of. Raises InputError, naming file and row, for answers that fit no candidate, and for
    those of a round that was drawn from other candidates, whose probabilities mean nothing now, or
    in another volume.
    """
    told: list[str] = []
    rounds = read_rounds(folder)
    if shape is not None:
        here = DrawnIn(brain.signal, shape)
        told += refuse_other_volumes(rounds, here, brain.name, folder)
    on_candidates, of_blocks = _divided(AnnotationFolder(Path(folder)).answers(), told)
    parts = [read_answers(path, brain.name, told) for path in on_candidates]
    answers = pd.concat([p for p in parts if len(p)] or [pd.DataFrame(columns=COLUMNS)])
    answers = answers.reset_index(drop=True)
    positions = candidates[AXES].to_numpy(float)
    answers["candidate"] = matched(answers, positions, rounds)
    refuse_old_rounds(answers, rounds, positions, Path(folder))
    current = [drawn for drawn in rounds if drawn.of == fingerprint(positions)]
    refuse_other_draws(answers, current, Path(folder))
    labels, contradicting = _agreed(answers)
    sample = _with_draws(labels, current, positions)
    drawn_blocks = _stacked([drawn.drawn_blocks for drawn in rounds], ["block", *CORNERS])
    marked = read_block_answers(of_blocks, drawn_blocks, brain, told)
    blocks = _blocks_with_draws(marked, rounds)
    told += _lost(current, set(answers["candidate"]), rounds, set(blocks["block"]))
    summary = _summary(brain.name, answers, sample, blocks, contradicting, rounds, told)
    return Sample(sample, blocks, marked.cells, summary)


def _divided(paths: list[Path], told: list[str]) -> tuple[list[Path], list[Path]]:
    """The files with answers on candidates, and those on blocks."""
    on_candidates: list[Path] = []
    of_blocks: list[Path] = []
    for path in paths:
        suffix = path.suffix.lower()
        if suffix in (".csv", ".xml", ".json"):
            is_table = suffix == ".csv" and is_block_table(read_filled_table(path))
            of = of_blocks if is_table or block_of(path) is not None else on_candidates
            of.append(path)
        elif suffix not in SILENT:
            told.append(f"{path}: is not read; save answers as .csv, .xml or .json.")
    return on_candidates, of_blocks


def _agreed(answers: pd.DataFrame) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """One label for each candidate, and those that contradict each other, JSON-ready."""
    sure = answers[answers["label"] != UNSURE]
    labels, contradicting = [], []
    for candidate, of_candidate in sure.groupby("candidate"):
        if of_candidate["label"].nunique() > 1:
            said = of_candidate[["label", "author", "date", "source", "row"]].to_dict("records")
            place = of_candidate.iloc[0][AXES].astype(float).to_dict()
            contradicting.append({"candidate": int(str(candidate)), **place, "answers": said})
            continue
        joined = {name: _joined(of_candidate[name]) for name in ("author", "date", "source")}
        labels.append({"candidate": candidate, "label": of_candidate["label"].iloc[0]} | joined)
    columns = ["candidate", "label", "author", "date", "source"]
    return pd.DataFrame(labels, columns=columns), contradicting


def _joined(texts: pd.Series) -> str:
    return "; ".join(dict.fromkeys(text for text in texts.astype(str) if text))


def _with_draws(labels: pd.DataFrame, rounds: list[Round], positions: np.ndarray) -> pd.DataFrame:
    """The labels with place, draw and weight of each candidate."""
    labels = labels.assign(candidate=labels["candidate"].astype(int))
    drawn = _stacked(
        [r.candidates.assign(round=r.number) for r in rounds],
        ["candidate", "why", "probability", "population", "round"],
    )
    in_draw = drawn[drawn["why"].isin((RANDOM, KNOWN))]
    weights = combined_weights(
        in_draw.assign(item=in_draw["candidate"], known=in_draw["why"] == KNOWN),
        pd.Index(labels["candidate"]),
    )
    # The random draw of a candidate tells more of it than another reason in an earlier round.
    told = drawn[drawn["why"] != KNOWN].assign(other=lambda d: d["why"] != RANDOM)
    first = told.sort_values(["other", "round"], kind="stable").drop_duplicates("candidate")
    table = labels.merge(first.drop(columns="other"), how="left", on="candidate")
    table[AXES] = positions[labels["candidate"]].reshape(-1, 3)
    table["weight"] = table["candidate"].map(weights).astype(float)
    table["round"] = table["round"].astype("Int64")
    return table[OF_SAMPLE]


def _blocks_with_draws(marked: BlockAnswers, rounds: list[Round]) -> pd.DataFrame:
    drawn = _stacked(
        [r.blocks.assign(round=r.number) for r in rounds],
        ["block", *CORNERS, "why", "probability", "population", "round"],
    )
    weights = combined_weights(
        drawn.assign(item=drawn["block"], known=drawn["why"] == KNOWN),
        pd.Index(marked.blocks["block"]),
    )
    table = marked.blocks.merge(drawn[drawn["why"] != KNOWN], how="left", on="block")
    table["weight"] = table["block"].map(weights).astype(float)
    return table[OF_SAMPLE_BLOCKS]


def _lost(
    current: list[Round], answered: set[int], rounds: list[Round], done: set[int]
) -> list[str]:
    """What to say of answers that were there when a later round was drawn, and are gone."""
    told = []
    for what, drawn, column, there in (
        *(("candidate", r.candidates, "candidate", answered) for r in current),
        *(("block", r.blocks, "block", done) for r in rounds),
    ):
        known = drawn.loc[drawn["why"] == KNOWN, column]
        if gone := int((~known.isin(there)).sum()):
            told.append(
                f"of {len(known)} {what}s that had an answer when a later round was drawn, {gone} "
                "have none now; the others stand for them. Put the files back that held "
                "their answers."
            )
    return told


def _summary(
    brain: str,
    answers: pd.DataFrame,
    sample: pd.DataFrame,
    blocks: pd.DataFrame,
    contradicting: list[dict[str, Any]],
    rounds: list[Round],
    told: list[str],
) -> dict[str, Any]:
    answered = set(answers["candidate"])
    labelled = set(sample["candidate"])
    unsure = answered - labelled - {one["candidate"] for one in contradicting}
    for one in contradicting:
        said = " and ".join(f"{a['label']} by {a['author'] or a['source']}" for a in one["answers"])
        told.append(f"candidate {one['candidate']}: {said}; it is left out.")
    return {
        "labels": len(sample),
        "cells": int((sample["label"] == "cell").sum()),
        "no_cells": int((sample["label"] == "no_cell").sum()),
        "random": int(sample["probability"].notna().sum()),
        "unsure": len(unsure),
        "blocks": len(blocks),
        "block_cells": int(blocks["cells"].sum()),
        "rounds": [
            {
                "round": drawn.number,
                "drawn_from": drawn.of,
                "suggested": len(drawn.suggested),
                "answered": len(answered & set(drawn.suggested["candidate"])),
                "random": len(drawn.at_random),
                "random_labelled": len(labelled & set(drawn.at_random["candidate"])),
                "population": _population(drawn.suggested),
                "blocks": len(drawn.drawn_blocks),
                "block_population": _population(drawn.drawn_blocks),
                "blocks_done": len(set(blocks["block"]) & set(drawn.drawn_blocks["block"])),
            }
            for drawn in rounds
        ],
        "contradicting": contradicting,
        "told": [f"brain {brain}: {sentence}" for sentence in told],
    }


def _population(table: pd.DataFrame) -> int:
    """How many of them there were to be drawn from."""
    return int(table["population"].max()) if len(table) else 0


def _stacked(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """The tables one below the other; with these columns alone where there are none."""
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
