"""Blocks of tissue in which people have marked all cells."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.annotation.answers import author_in_name, date_of_file, read_filled_table
from cellsift.annotation.drawing import CORNERS
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.cells import read_positions

# In the name of a file, before the block's number.
OF_BLOCK = re.compile(r"block-(\d+)")
YES, NO = ("yes", "y", "true", "1", "done"), ("no", "n", "false", "0")


@dataclass(frozen=True)
class BlockAnswers:
    """Blocks whose cells are marked, and those cells.

    `blocks` has block, author, date, cells; `cells` has block and z, y, x in voxels of the brain;
    `contradicting` are blocks that two files mark differently, which are left out.
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


def read_block_answers(paths: list[Path], drawn: pd.DataFrame, told: list[str]) -> BlockAnswers:
    """Read cells of blocks, and the tables in which blocks are marked as done.

    A block counts as annotated if it has cells, unless it is marked as not done, or if it is marked
    as done; an empty table alone may be one that nobody has filled in, and `told` gets a sentence.

    Args:
        paths: files of cells, in voxels of the block, named block-N, and tables of blocks.
        drawn: the blocks that were handed out, block and CORNERS.
        told: gets what is worth a word.

    Raises InputError, naming file and row, for a block that was not drawn and for positions that
    are not in it.
    """
    boxes = drawn.drop_duplicates("block").set_index("block")
    done, authors = _marked([path for path in paths if block_of(path) is None], boxes)
    rows, cells, contradicting = [], [], []
    for number, files in sorted(_files_of_blocks(paths, done, boxes).items()):
        filled = _filled(files, boxes.loc[number])
        if _differ(list(filled.values())):
            contradicting.append(number)
            told.append(
                f"block {number}: {', '.join(map(str, filled))} mark different cells; it is left "
                "out until only one of them is there."
            )
        elif not filled and number not in done:
            told.append(
                f"{files[0]}: has no cell; if block {number} really has none, write yes as done "
                "in blocks.csv."
            )
        else:
            points = next(iter(filled.values()), pd.DataFrame(columns=AXES))
            of = next(iter(filled), authors[number][0] if number in authors else files[0])
            author = authors.get(number, (of, ""))[1] or author_in_name(of)
            made = {"author": author, "date": date_of_file(of), "cells": len(points)}
            rows.append({"block": number} | made)
            cells.append(points.assign(block=number))
    blocks = pd.DataFrame(rows, columns=["block", "author", "date", "cells"])
    marked = pd.concat(cells) if cells else pd.DataFrame(columns=[*AXES, "block"])
    return BlockAnswers(blocks, marked[["block", *AXES]].reset_index(drop=True), contradicting)


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


def _filled(files: list[Path], box: pd.Series) -> dict[Path, pd.DataFrame]:
    """The cells of those files that have any, in voxels of the brain."""
    found = {path: _cells(path, box) for path in files}
    return {path: points for path, points in found.items() if len(points)}


def _marked(
    paths: list[Path], boxes: pd.DataFrame
) -> tuple[dict[int, bool], dict[int, tuple[Path, str]]]:
    """Which blocks are marked as done, or not done; and by whom, in which file."""
    done: dict[int, bool] = {}
    authors = {}
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
                authors[number] = (path, row.get("author", ""))
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
