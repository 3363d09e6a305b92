"""Suggestions of a small made-up brain, as they are handed out, to be labelled in tests."""

from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd

from cellsift.annotation.drawn import Round, fingerprint, read_rounds, write_round
from cellsift.annotation.handing_out import Answered, Wish, draw_round, waiting
from cellsift.annotation.sample import Sample, read_sample
from cellsift.annotation.suggestion import Scored
from cellsift.annotation.suggestion_files import (
    write_blocks,
    write_label_studio,
    write_suggestion_table,
    write_suggestion_xml,
)
from cellsift.io.axes import AXES
from cellsift.io.volumes import Volume
from cellsift.results import AnnotationFolder, SuggestionFolder
from cellsift.settings.brains import Brain

BRAIN = "mouse"
SHAPE, SIZE = (20, 120, 160), (5.0, 2.0, 2.0)
COUNT = 150
WISH = Wish(candidates=30, random=0.5, blocks=2, block_um=100)


@dataclass
class HandedOut:
    """A brain with its candidates, what they are in truth, and the folders of both sides."""

    folder: Path
    positions: np.ndarray
    p_cell: np.ndarray
    truth: np.ndarray

    @property
    def files(self) -> SuggestionFolder:
        return SuggestionFolder(self.folder / "suggestions")

    @property
    def answers(self) -> Path:
        return self.folder / "annotations"

    @property
    def candidates(self) -> pd.DataFrame:
        return pd.DataFrame(self.positions, columns=AXES)

    @property
    def scored(self) -> Scored:
        p_cell = pd.DataFrame({"one": self.p_cell, "two": np.sqrt(self.p_cell)})
        features = np.random.default_rng(1).normal(0, 1, (len(self.positions), 3))
        return Scored(self.positions, p_cell, {"one": 0.5, "two": 0.5}, features)

    @property
    def table(self) -> pd.DataFrame:
        """The suggestion table, to be filled in."""
        table = pd.read_csv(self.files.candidates, dtype={"label": str, "author": str})
        return table.fillna({"label": "", "author": ""})

    def read(self) -> Sample:
        return read_sample(self.answers, Brain(BRAIN, "signal", SIZE), self.candidates)

    def hand_out(self, wish: Wish = WISH, seed: int = 1) -> Round:
        """Do what the step suggest_brain does."""
        sample, rounds = self.read(), read_rounds(self.answers)
        scored = self.scored
        drawn = waiting(rounds, sample.summary, fingerprint(scored.positions))
        if drawn is None:
            answered = Answered(sample.candidates, sample.blocks)
            drawn = draw_round(BRAIN, scored, SHAPE, SIZE, rounds, answered, wish, seed)
            write_round(drawn, self.answers)
        suggested = drawn.suggested.drop(columns="population")
        rows = suggested["candidate"].to_numpy()
        write_suggestion_table(suggested, drawn.number, self.files.candidates)
        write_suggestion_xml(suggested, self.files.candidates_xml)
        cuboids = (np.full((2, 6, 10, 10), row, np.uint16) for row in rows)
        tasks, config = self.files.label_studio, self.files.label_studio_config
        write_label_studio(suggested, cuboids, BRAIN, drawn.number, tasks, config)
        blocks = drawn.drawn_blocks.drop(columns=["why", "population"])
        write_blocks(blocks, self.channels, self.files.blocks, self.files.block_images)
        return drawn

    @property
    def channels(self) -> list[Volume]:
        """Voxels that tell where they lie."""
        z, y, x = np.indices(SHAPE)
        data = (z * 1000 + y * 10 + x % 10).astype(np.uint16)
        chunks = da.from_array(data, chunks=(8, -1, -1))
        return [Volume(chunks, SIZE, "signal"), Volume(chunks // 2, SIZE, "background")]

    def said(self, rows: np.ndarray) -> list[str]:
        return ["cell" if cell else "no_cell" for cell in self.truth[rows]]

    def fill_in(self, name: str = "filled.csv", rows: slice = slice(None), **changes) -> Path:
        """Label these rows of the suggestion table by the truth, and give it back."""
        table = self.table
        said = np.array(self.said(table["candidate"].to_numpy()), object)
        table["label"] = ""
        table.loc[table.index[rows], "label"] = said[rows]
        path = self.answers / name
        table.assign(**changes).to_csv(path, index=False)
        return path


def make_handed_out(folder: Path) -> HandedOut:
    """A brain of which a round was handed out; some candidates lie in the very first plane."""
    random = np.random.default_rng(4)
    grid = np.stack(np.meshgrid(*(np.arange(0, n, 8) for n in SHAPE), indexing="ij"), -1)
    places = random.permutation(grid.reshape(-1, 3))[:COUNT] + random.uniform(-0.4, 3, (COUNT, 3))
    places = np.clip(places, 0, np.array(SHAPE) - 1).round(2)
    places = places[np.lexsort(places.T[::-1])]
    p_cell = random.beta(0.4, 0.6, COUNT).round(6)
    made = HandedOut(folder, places, p_cell, random.uniform(0, 1, COUNT) < p_cell)
    made.hand_out()
    return made


def drawn_file(made: HandedOut, number: int = 1) -> Path:
    return AnnotationFolder(made.answers).drawn(number)
