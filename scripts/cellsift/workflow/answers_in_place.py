"""Answers that people have written into suggestions themselves, where they would be lost."""

import csv
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cellsift.annotation.names import HANDED_OUT
from cellsift.errors import InputError
from cellsift.results import BlockFolder, SuggestionFolder

SAVED = "saved by another program"


def refuse_to_lose_answers(folders: Iterable[SuggestionFolder]) -> None:
    """Raise InputError where files that are about to be written anew were filled in, or added to.

    They are named, with where to move them.
    """
    found = [path for folder in folders for path in filled_in(folder)]
    if found:
        raise InputError(
            f"{', '.join(map(str, found))}: somebody has answered in what was handed out, and "
            "suggestions are about to be written anew. Move these files to the brain's folder of "
            "annotations first, then start the run again."
        )


def filled_in(folder: SuggestionFolder) -> list[Path]:
    """The files of suggestions that hold answers, or that others have put into their folder."""
    changed = [
        path
        for path, column in ((folder.candidates, "label"), (folder.blocks, "done"))
        # A program has saved it where the column cannot be found: in other letters, say.
        if any((row.get(column, SAVED) or "").strip() for row in _rows(path))
    ]
    xml = folder.candidates_xml
    if xml.is_file() and HANDED_OUT.encode() not in xml.read_bytes():
        changed.append(xml)
    return changed + _in_blocks(BlockFolder(folder.block_images), _rows(folder.blocks))


def _in_blocks(folder: BlockFolder, blocks: list[dict[str, str]]) -> list[Path]:
    numbers = [row.get("block", "") for row in blocks]
    tables = {folder.cells(number) for number in numbers}
    own = tables | {folder.image(number) for number in numbers}
    return [
        path
        for path in sorted(folder.path.glob("*"))
        if not path.name.startswith(".") and (path not in own or (path in tables and _rows(path)))
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with suppress(FileNotFoundError):
        return list(csv.DictReader(path.read_text("utf-8", errors="replace").splitlines()))
    return []
