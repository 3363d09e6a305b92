"""Answers in files that people have filled in: spreadsheets, napari's XML, Label Studio's JSON."""

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.annotation.names import ANSWERS, HANDED_OUT, LOOKED_AT
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.cells import read_markers
from cellsift.io.names import CELL, NO_CELL
from cellsift.io.text_files import read_text

# Of each answer: where, what, by whom and when, in which file and row (from 1). `round` and
# `probability` are what the file says of the draw; `rounded` tells positions of whole voxels.
COLUMNS = [*AXES, "label", "author", "date", "source", "row", "round", "probability", "rounded"]
# As tools name the person and the time.
AUTHORS, DATES = ("author", "annotator", "completed_by"), ("date", "updated_at", "created_at")
DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
NO_SUGGESTION = "label the suggestions of cellsift, whose files have these"


def read_answers(path: Path, brain: str, told: list[str]) -> pd.DataFrame:
    """Read the answers on candidates in a file as a table of COLUMNS; empty where there are none.

    It may be a CSV with columns z, y, x and label (a suggestion table that was filled in, or Label
    Studio's export as CSV), an XML that napari saved (type 2 cell, others no cell) and whose name
    says looked_at, or Label Studio's export as JSON. `told` gets a sentence on a file that is not
    read: one that nobody has answered in, and an XML whose points somebody may not have looked at.
    Raises InputError, naming file and row.
    """
    if path.suffix.lower() == ".xml":
        return _of_xml(path, told)
    if path.suffix.lower() == ".json":
        return _of_label_studio(path, brain, told)
    return _of_table(path, read_filled_table(path), brain)


def read_filled_table(path: Path) -> pd.DataFrame:
    """A CSV as text, names of columns in small letters; semicolons and decimal commas as well.

    Raises InputError for a file that is no table.
    """
    text = read_text(path, "CSV (comma-separated)")
    header = next((line for line in text.split("\n") if line.strip()), "")
    sign = max(",;\t", key=header.count)
    try:
        table = pd.read_csv(
            io.StringIO(text), sep=sign, dtype=str, index_col=False, keep_default_na=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(
            f"{path}: cannot be read as a table ({str(error).strip()}); save it as CSV in UTF-8."
        ) from None
    table.columns = table.columns.str.strip().str.lower()
    table = table.apply(lambda column: column.str.strip())
    # Spreadsheets write rows that were emptied as separators alone.
    table = table[(table != "").any(axis=1)]
    if sign != ",":
        numbers = table.columns.intersection([*AXES, "probability"])
        for name in numbers:
            table[name] = table[name].str.replace(DECIMAL_COMMA, ".", regex=True)
    return table


def author_in_name(path: Path) -> str:
    """Who has annotated, as names of files tell it: candidates..anna.csv is by anna."""
    return path.stem.partition("..")[2]


def compared_name(annotator: str) -> str:
    """The same text for names that are one but for capitals and spaces.

    Example:
        >>> compared_name("Anna  B") == compared_name("annab")
        True
    """
    return "".join(annotator.casefold().split())


def date_of_file(path: Path) -> str:
    """The day on which a file was written last, such as 2026-11-30."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def _of_table(path: Path, table: pd.DataFrame, brain: str) -> pd.DataFrame:
    missing = [name for name in [*AXES, "label"] if name not in table]
    if missing:
        raise InputError(
            f"{path}: column {', '.join(missing)} is missing, found {', '.join(table.columns)}; "
            f"{NO_SUGGESTION}, or move the file elsewhere."
        )
    rows = []
    for index, row in table[table["label"] != ""].iterrows():
        where = f"{path}: row {int(str(index)) + 1}"
        if row.get("brain", brain) not in ("", brain):
            raise InputError(_of_another_brain(where, row["brain"], brain))
        rows.append(_answer(row.to_dict(), where, path) | {"row": int(str(index)) + 1})
    return _table(rows)


def _of_xml(path: Path, told: list[str]) -> pd.DataFrame:
    # How Label Studio is to show tasks, which lies beside them.
    if path.read_bytes().lstrip().startswith(b"<View"):
        return _table([])
    markers, image = read_markers(path)
    if image == HANDED_OUT:
        told.append(
            f"{path}: is the list as it was handed out, without an answer; mark its candidates in "
            "napari, and save what you have marked."
        )
        return _table([])
    if LOOKED_AT not in path.stem:
        told.append(
            f"{path}: is not read, as an XML does not tell which of its points somebody has looked "
            f"at. If it has your answers and no other point, name it {LOOKED_AT}..YOU.xml; if not, "
            "it has no part here."
        )
        return _table([])
    answers = markers[AXES].assign(
        label=markers["is_cell"].map({True: CELL, False: NO_CELL}),
        author=author_in_name(path),
        date=date_of_file(path),
        source=str(path),
        row=range(1, len(markers) + 1),
        round=float("nan"),
        probability=float("nan"),
        rounded=True,
    )
    return answers[COLUMNS]


def _of_label_studio(path: Path, brain: str, told: list[str]) -> pd.DataFrame:
    try:
        tasks = json.loads(read_text(path, "JSON"))
    except ValueError as error:
        raise InputError(f"{path}: is not valid JSON ({error}); export it again.") from None
    tasks = tasks if isinstance(tasks, list) else [tasks]
    rows = []
    for number, task in enumerate(tasks, 1):
        where = f"{path}: task {number}"
        data = task.get("data", task) if isinstance(task, dict) else {}
        missing = [axis for axis in AXES if axis not in data]
        if missing:
            raise InputError(
                f"{where}: has no {', '.join(missing)}; {NO_SUGGESTION}, or move the file "
                "elsewhere."
            )
        if data.get("brain", brain) != brain:
            raise InputError(_of_another_brain(where, data["brain"], brain))
        answers = _annotations(task) if "data" in task else [task]
        rows += [
            _answer(data | found, where, path) | {"row": number}
            for found in answers
            if found.get("label")
        ]
    if not rows:
        told.append(f"{path}: holds tasks without an answer; give the export of the project.")
    return _table(rows)


def _annotations(task: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers that people gave to a task, each with label, author and date."""
    found = []
    for annotation in task.get("annotations") or task.get("completions") or []:
        if annotation.get("was_cancelled"):
            continue
        author = annotation.get("completed_by", "")
        if isinstance(author, dict):
            author = author.get("email") or author.get("username") or author.get("id", "")
        choices = [
            choice
            for result in annotation.get("result", [])
            if result.get("type") == "choices"
            for choice in result.get("value", {}).get("choices", [])
        ]
        date = annotation.get("updated_at") or annotation.get("created_at") or ""
        found.append({"label": ", ".join(choices), "author": str(author), "date": str(date)[:10]})
    return found


def _answer(row: dict[str, Any], where: str, path: Path) -> dict[str, Any]:
    label = re.sub(r"[\s-]+", "_", str(row["label"]).strip().lower())
    if label not in ANSWERS:
        raise InputError(
            f"{where} has {str(row['label'])!r} as label; write {', '.join(ANSWERS[:-1])} or "
            f"{ANSWERS[-1]}, or leave it empty."
        )
    answer = {axis: _number(row[axis], axis, where) for axis in AXES}
    author = next((str(row[name]) for name in AUTHORS if row.get(name)), author_in_name(path))
    date = next((str(row[name])[:10] for name in DATES if row.get(name)), date_of_file(path))
    draw = {
        name: _number(row[name], name, where) if row.get(name) not in ("", None) else float("nan")
        for name in ("round", "probability")
    }
    found = {"label": label, "author": author, "date": date, "source": str(path), "rounded": False}
    return answer | found | draw


def _number(value: Any, name: str, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InputError(
            f"{where} has {value!r} as {name}; restore what cellsift wrote there."
        ) from None


def _of_another_brain(where: str, found: str, brain: str) -> str:
    return f"{where}: is of brain {found}; move the file to the folder of that brain, not {brain}."


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=COLUMNS)
