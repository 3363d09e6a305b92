"""Tasks of Label Studio, in whichever form they are exported: JSON, JSON-MIN, or one file a task.

The forms: labelstud.io/guide/export and labelstud.io/guide/task_format, of versions from 1.0.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cellsift.errors import InputError
from cellsift.io.label_studio_images import image_of
from cellsift.io.text_files import read_text

COMPLETE, SPARSE, EMPTY, MISSING = "complete", "sparse", "empty", "missing"
# How an annotator, by a choice in Label Studio, or a task's field `annotated` says what of an image
# is annotated.
SAYS = {
    "complete": COMPLETE,
    "fully annotated": COMPLETE,
    "all cells": COMPLETE,
    "sparse": SPARSE,
    "partly annotated": SPARSE,
    "some cells": SPARSE,
    "empty": EMPTY,
    "no cells": EMPTY,
    "missing": MISSING,
    "not annotated": MISSING,
}
FIELD, PLANE = "annotated", "z"
POINTS = ("keypointlabels", "keypoint", "labels")
SHAPES = {
    "rectanglelabels": "rectangles",
    "ellipselabels": "ellipses",
    "polygonlabels": "polygons",
    "brushlabels": "brush strokes",
    "rectangle": "rectangles",
    "ellipse": "ellipses",
    "polygon": "polygons",
    "brush": "brush strokes",
}
EXPORT = "in Label Studio, export as JSON"


@dataclass(frozen=True)
class Task:
    """One task, whatever its form, with its annotations as they are in the full export.

    - image: its path or address; `plane`: the task's field z, if any
    - says: what the task says of its image (`said_of_image`)
    - drafts: 1 where something was begun and not submitted
    """

    file: Path
    name: str
    image: str
    plane: int | None
    says: str | None
    annotations: list[dict[str, Any]]
    drafts: int = 0

    @property
    def where(self) -> str:
        return f"{self.file}: task {self.name}"


def entries_of(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The entries of an export, or of a folder of files, each with its file. Raises InputError."""
    files = [path]
    if path.is_dir():
        files = sorted(f for f in path.iterdir() if f.is_file() and not f.name.startswith("."))
        if not files:
            raise InputError(f"{path}: the folder holds no file of Label Studio; give its export.")
    for file in files:
        content = _json(file)
        if isinstance(content, dict) and {"images", "categories"} <= set(content):
            raise InputError(
                f"{file}: is COCO, in which Label Studio's converter keeps one point of each class "
                f"and image; {EXPORT} instead."
            )
        for entry in content if isinstance(content, list) else [content]:
            if not isinstance(entry, dict):
                raise InputError(f"{file}: is not an export of Label Studio; {EXPORT}.")
            yield file, entry


def _json(file: Path) -> Any:
    try:
        return json.loads(read_text(file, f"JSON ({EXPORT})"))
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{file}: is not valid JSON ({error}); {EXPORT} again.") from None


def task_of(file: Path, entry: dict[str, Any]) -> Task:
    """The task in an entry: of the full export, an annotation with its task, or a row of JSON-MIN.

    Raises InputError for anything else.
    """
    if isinstance(entry.get("annotations"), list):
        given, data, of_task = entry["annotations"], entry.get("data"), entry
    elif isinstance(entry.get("task"), dict) and "result" in entry:
        given, data, of_task = [entry], entry["task"].get("data"), entry["task"]
    elif "annotator" in entry or "annotation_id" in entry:
        given, data, of_task = [_of_min(entry)], entry, entry
    else:
        old = " It is of a version before 1.0." if "completions" in entry else ""
        raise InputError(
            f"{file}: has no annotations of Label Studio, found {', '.join(sorted(entry)[:6])}; "
            f"{EXPORT}.{old}"
        )
    if not isinstance(data, dict):
        raise InputError(f"{file}: a task has no data, and so no image; {EXPORT} again.")
    if not all(isinstance(one, dict) for one in given):
        raise InputError(f"{file}: an annotation holds nothing but a number; {EXPORT} again.")
    name = str(of_task.get("id", "without a number"))
    where = f"{file}: task {name}"
    plane = _plane(data.get(PLANE), where)
    image = image_of(data, where, needed=plane is None)
    drafts = int(bool(of_task.get("drafts")))
    return Task(file, name, image, plane, said_of_image(data.get(FIELD)), given, drafts)


def _of_min(entry: dict[str, Any]) -> dict[str, Any]:
    """A row of JSON-MIN, in which tags of the labelling interface are keys, as an annotation."""
    result: list[dict[str, Any]] = []
    for key, value in entry.items():
        for number, region in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(region, dict):
                if isinstance(region, str) and key != FIELD and said_of_image(region):
                    result.append({"type": "choices", "value": {"choices": [region]}})
                continue
            kind = next((name for name in (*POINTS, *SHAPES, "choices") if name in region), None)
            if kind:
                result.append({"type": kind, "id": f"{key} {number}", "value": region} | region)
    return {"result": result, "completed_by": entry.get("annotator")} | {
        key: entry.get(key) for key in ("updated_at", "created_at")
    }


def _plane(value: Any, where: str) -> int | None:
    if value is None or value == "":
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not re.fullmatch(r"\d+(\.0+)?", text):
        raise InputError(
            f"{where}: its field {PLANE} is {value!r}; give the plane as a whole number, counted "
            "from 0."
        )
    return int(float(text))


def said_of_image(said: Any) -> str | None:
    """Whether words say that an image is complete, sparse, empty or missing; None for others.

    Example:
        >>> said_of_image("Fully annotated"), said_of_image("good contrast")
        ('complete', None)
    """
    if not isinstance(said, str):
        return None
    return SAYS.get(re.sub(r"[\s_-]+", " ", said).strip().lower())
