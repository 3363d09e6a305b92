"""Blocks of tissue in which people have marked all cells."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.annotation.answers import (
    author_in_name,
    compared_name,
    date_of_file,
    read_filled_table,
)
from cellsift.annotation.block_merging import MergedBlock, merge_block
from cellsift.annotation.drawing import CORNERS
from cellsift.annotation.marks import no_points
from cellsift.annotation.merging import DISPUTED
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.cells import read_positions
from cellsift.io.names import CELL
from cellsift.settings.brains import Brain

# In the name of a file, before the block's number.
OF_BLOCK = re.compile(r"block-(\d+)")
YES, NO = ("yes", "y", "true", "1", "done"), ("no", "n", "false", "0")


@dataclass(frozen=True)
class BlockAnswers:
    """Blocks whose cells are marked, and those cells.

    `blocks` has block, author, date, cells, in_doubt; `cells` has block, z, y, x in voxels of the
    brain, and kind: cell, or disputed where several annotators do not agree. `contradicting` are
    blocks that files mark too differently, which are left out.
    """

    blocks: pd.DataFrame
    cells: pd.DataFrame
    contradicting: list[int]


def block_of(path: Path) -> int | None:
    """The number of the block whose cells a file holds, by its name; None of other files."""
    found = OF_BLOCK.search(path.name) if path.suffix.lower() in (".csv", ".xml") else None
    return int(found[1]) if found else None


def is_block_table(table: pd.DataFrame) -> bool:
    """Whether it lists blocks, to be marked as done."""
    return {"block", "done"} <= set(table)


def read_block_answers(
    paths: list[Path], drawn: pd.DataFrame, brain: Brain, told: list[str]
) -> BlockAnswers:
    """Read cells of blocks, and the tables in which blocks are marked as done.

    A block counts as annotated if it has cells, unless it is marked as not done, or if it is marked
    as done; an empty table alone may be one that nobody has filled in, and `told` gets a sentence.
    Several annotators' marks, whose files' names end in theirs, are merged (`merge_block`).

    Args:
        paths: files of cells, in voxels of the block, named block-N, and tables of blocks.
        drawn: the blocks that were handed out, block and CORNERS.
        brain: with its voxel size and its settings of annotators.
        told: gets what is worth a word.

    Raises InputError, naming file and row, for a block that was not drawn and for positions that
    are not in it.
    """
    boxes = drawn.drop_duplicates("block").set_index("block")
    done, authors = _marked([path for path in paths if block_of(path) is None], boxes)
    rows, cells, contradicting = [], [], []
    for number, files in sorted(_files_of_blocks(paths, done, boxes).items()):
        given = _Given(number, files, boxes.loc[number], authors.get(number, []))
        if not given.filled and number not in done:
            told.append(
                f"{files[0]}: has no cell; if block {number} really has none, write yes as done "
                "in blocks.csv."
            )
            continue
        merged = merge_block(given.by_annotator, brain)
        if trouble := given.trouble or _too_little(given, merged):
            contradicting.append(number)
            told.append(trouble)
            continue
        if len(merged.in_doubt):
            told.append(
                f"block {number}: {given.names} agree on {len(merged.cells)} cells; "
                f"{len(merged.in_doubt)} more, marked by some of them only, are left out, with the "
                "candidates beside them."
            )
        made = {"author": given.names, "date": date_of_file(given.first)}
        numbers = {"cells": len(merged.cells), "in_doubt": len(merged.in_doubt)}
        rows.append({"block": number, **made, **numbers})
        for table, kind in ((merged.cells, CELL), (merged.in_doubt, DISPUTED)):
            cells.append(table.assign(block=number, kind=kind))
    blocks = pd.DataFrame(rows, columns=["block", "author", "date", "cells", "in_doubt"])
    filled = [table for table in cells if len(table)]
    marked = pd.concat(filled) if filled else pd.DataFrame(columns=[*AXES, "block", "kind"])
    marked = marked[["block", *AXES, "kind"]].reset_index(drop=True)
    return BlockAnswers(blocks, marked, contradicting)


@dataclass(frozen=True)
class _Given:
    """What there is on a block: its files of cells, and who says in which table it is done."""

    number: int
    files: list[Path]
    box: pd.Series
    done_by: list[tuple[Path, str]]

    @cached_property
    def cells(self) -> dict[Path, pd.DataFrame]:
        """The cells of each file, in voxels of the brain."""
        return {path: _cells(path, self.box) for path in self.files}

    @property
    def annotators(self) -> dict[Path, str]:
        """Who has marked each file, of those whose names are one as the first of them has it."""
        spelled: dict[str, str] = {}
        given = [author_in_name(path) for path in self.files]
        return {
            path: spelled.setdefault(compared_name(name), name)
            for path, name in zip(self.files, given, strict=True)
        }

    @property
    def filled(self) -> dict[Path, pd.DataFrame]:
        """Those of files that have any."""
        return {path: points for path, points in self.cells.items() if len(points)}

    @property
    def trouble(self) -> str:
        """Why one annotator's files cannot be used; nothing where they can."""
        by_name: dict[str, list[Path]] = {}
        for path in self.filled:
            by_name.setdefault(self.annotators[path], []).append(path)
        for name, paths in by_name.items():
            if _differ([self.filled[path] for path in paths]):
                whose = f"are both of {name}" if name else "do not say whose they are"
                return (
                    f"block {self.number}: {', '.join(map(str, paths))} mark different cells and "
                    f"{whose}; it is left out. Keep one of them, or, if they are of several "
                    "annotators, name each as in block-1_cells..ANNOTATOR.csv."
                )
        return ""

    @property
    def by_annotator(self) -> dict[str, pd.DataFrame]:
        """The cells that each annotator has marked; none of who says so of an empty file."""
        marked = {self.annotators[path]: points for path, points in self.filled.items()}
        doers = {compared_name(name) for _, name in self.done_by if name}
        silent = {name for name in self.annotators.values() if compared_name(name) in doers}
        return marked | {name: no_points() for name in sorted(silent - set(marked))}

    @property
    def names(self) -> str:
        """Who has marked it, by the names of files, else by the tables."""
        names = [name for name in self.by_annotator if name] or [n for _, n in self.done_by if n]
        return " and ".join(dict.fromkeys(names))

    @property
    def first(self) -> Path:
        """The file by which the block counts as annotated."""
        return next(iter(self.filled), self.done_by[0][0] if self.done_by else self.files[0])


def _too_little(given: _Given, merged: MergedBlock) -> str:
    """What to say of a block on which annotators hardly agree; nothing of others."""
    if merged.f1 is None:
        return ""
    return (
        f"block {given.number}: {given.names} agree with an F1 of {merged.f1:.2f} only; it is left "
        "out. Have one of them look at it again, or lower annotators: least_agreement in the "
        "config."
    )


def _files_of_blocks(
    paths: list[Path], done: dict[int, bool], boxes: pd.DataFrame
) -> dict[int, list[Path]]:
    """The files of cells of each block that is not marked as not done."""
    files: dict[int, list[Path]] = {number: [] for number, yes in done.items() if yes}
    for path in paths:
        number = block_of(path)
        if number is not None and done.get(number) is not False:
            _refuse_unknown(str(path), number, boxes)
            files.setdefault(number, []).append(path)
    return files


def _marked(
    paths: list[Path], boxes: pd.DataFrame
) -> tuple[dict[int, bool], dict[int, list[tuple[Path, str]]]]:
    """Which blocks are marked as done, or not done; and in which files, by whom."""
    done: dict[int, bool] = {}
    authors: dict[int, list[tuple[Path, str]]] = {}
    for path in paths:
        for index, row in read_filled_table(path).iterrows():
            where, said = f"{path}: row {int(str(index)) + 1}", row["done"].lower()
            if said not in (*YES, *NO, ""):
                raise InputError(f"{where} has {row['done']!r} as done; write yes or no.")
            if not said:
                continue
            number = int(row["block"]) if row["block"].isdecimal() else -1
            _refuse_unknown(where, number, boxes)
            done[number] = said in YES or done.get(number, False)
            if said in YES:
                author = row.get("author", "") or author_in_name(path)
                authors.setdefault(number, []).append((path, author))
    return done, authors


def _refuse_unknown(where: str, number: int, boxes: pd.DataFrame) -> None:
    if number not in boxes.index:
        raise InputError(
            f"{where}: block {number} was not drawn in this brain; there are "
            f"{', '.join(map(str, boxes.index)) or 'none'}. Correct the name of the file, or move "
            "it elsewhere."
        )


def _cells(path: Path, box: pd.Series) -> pd.DataFrame:
    """The cells of a file in voxels of the brain."""
    found = read_positions(path, "cell").points
    corner = box[CORNERS[:3]].to_numpy(float)
    size = box[CORNERS[3:]].to_numpy(float) - corner
    points = found[AXES].to_numpy()
    # Programs count from a voxel's edge, and BrainGlobe's XML turns 0 into 1.
    outside = ((points < -1) | (points > size)).any(axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        position = ", ".join(f"{value:g}" for value in points[first])
        shape = " x ".join(f"{value:g}" for value in size)
        raise InputError(
            f"{path}: row {found.index[first] + 1}, at {position}, lies outside the block of "
            f"{shape} voxels (z, y, x); give positions in voxels of the block's own image."
        )
    return pd.DataFrame(points + corner, columns=AXES)


def _differ(tables: list[pd.DataFrame]) -> bool:
    sets = [{tuple(row) for row in table.to_numpy().round(3)} for table in tables]
    return any(one != sets[0] for one in sets[1:])
