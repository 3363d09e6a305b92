"""Key points of Label Studio, read from what it exports itself: JSON, JSON-MIN, or one file a task.

Its converter's COCO keeps one point of a class and image, and is refused. Positions stay as they
are exported, in percent of the image's height and width; `io.labelled_planes` makes voxels of them.
The formats: labelstud.io/guide/export and labelstud.io/guide/task_format, of versions from 1.0.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

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
COLUMNS = ["y_percent", "x_percent", "label"]
EXPORT = "in Label Studio, export as JSON"


@dataclass(frozen=True, eq=False)
class ImageAnnotation:
    """What one annotator has said of one image.

    - image: the path or address by which the task names it; `plane`: the task's field z, if any
    - annotator: the e-mail address up to the @, or the number, that Label Studio knows them by
    - points: y_percent, x_percent (of the image, from its upper left corner), label
    - size: height and width of the image that was shown, pixels; None where nothing was marked
    - says: "complete", "sparse", "empty" or "missing", where the annotator or the task says so
    - skipped: whether it was cancelled, so that nothing was annotated
    """

    image: str
    annotator: str
    points: pd.DataFrame
    size: tuple[int, int] | None = None
    says: str | None = None
    plane: int | None = None
    skipped: bool = False


@dataclass(frozen=True)
class Export:
    """The annotations of an export; images that nobody has annotated; doubts, as sentences."""

    annotations: list[ImageAnnotation]
    unannotated: list[tuple[str, int | None]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def read_export(path: str | Path) -> Export:
    """Read what Label Studio exports: a JSON file, or a folder with one file for each task.

    Of several annotations of one image by one person the last counts. Predictions are no
    annotations and are passed over. Raises InputError, naming the file and the task, for other
    formats, shapes that are no points, and images that were turned.

    Example:
        read_export("export.json").annotations[0].points  # y_percent, x_percent, label
    """
    path = Path(path)
    found: list[ImageAnnotation] = []
    unannotated: list[tuple[str, int | None]] = []
    drafts = 0
    for file, entry in _entries(path):
        task = _as_task(file, entry)
        given = _latest(task)
        found += [_read(task, one) for one in given]
        if not given:
            unannotated.append((task.image, task.plane))
            drafts += task.drafts
    _refuse_two_tasks(path, found)
    doubts = (
        [f"{path}: {drafts} images have a draft that was not submitted; it is not used."]
        if drafts
        else []
    )
    return Export(found, unannotated, doubts)


@dataclass(frozen=True)
class _Task:
    """One task in any of the formats, its annotations as in the full one."""

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


def _entries(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
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


def _as_task(file: Path, entry: dict[str, Any]) -> _Task:
    """A task of the full export, an annotation with its task in it, or a row of JSON-MIN."""
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
    return _Task(file, name, image, plane, _meaning(data.get(FIELD)), given, drafts)


def _of_min(entry: dict[str, Any]) -> dict[str, Any]:
    """A row of JSON-MIN, in which tags of the labelling interface are keys, as an annotation."""
    result: list[dict[str, Any]] = []
    for key, value in entry.items():
        for number, region in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(region, dict):
                if isinstance(region, str) and key != FIELD and _meaning(region):
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


def _meaning(said: Any) -> str | None:
    if not isinstance(said, str):
        return None
    return SAYS.get(re.sub(r"[\s_-]+", " ", said).strip().lower())


def _latest(task: _Task) -> list[dict[str, Any]]:
    """Of each annotator the last annotation, skipped or not."""
    latest: dict[str, dict[str, Any]] = {}
    ordered = sorted(
        task.annotations, key=lambda one: str(one.get("updated_at") or one.get("created_at") or "")
    )
    for one in ordered:
        latest[_annotator(one)] = one
    return list(latest.values())


def _annotator(annotation: dict[str, Any]) -> str:
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        names = [by.get(key) for key in ("email", "username", "id")]
        by = next((name for name in names if name not in (None, "")), None)
    return "unnamed" if by in (None, "") else str(by).strip().partition("@")[0]


def _read(task: _Task, annotation: dict[str, Any]) -> ImageAnnotation:
    results = annotation.get("result") or []
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise InputError(f"{task.where} has a result that is no list of regions; {EXPORT} again.")
    says = task.says
    regions: dict[str, dict[str, Any]] = {}
    sizes: set[tuple[int, int] | None] = set()
    for number, region in enumerate(results):
        kind, value = region.get("type"), region.get("value")
        value = value if isinstance(value, dict) else {}
        _refuse_shape(task, kind, value)
        if kind == "choices":
            for choice in value.get("choices") or []:
                says = _meaning(choice) or says
        if kind not in POINTS or not {"x", "y"} <= set(value):
            continue
        _refuse_turned(task, region)
        key = str(region.get("id") or number)
        point = regions.setdefault(key, {})
        point |= {axis: _percent(task, value[axis]) for axis in ("y", "x")}
        named = value.get("keypointlabels") or value.get("labels")
        # A label that is a tag of its own is a region beside its point, of the same id.
        point["labels"] = named or point.get("labels")
        sizes.add(_size(region))
    sizes.discard(None)
    if len(sizes) > 1:
        raise InputError(f"{task.where}: its points state several sizes of the image; {EXPORT}.")
    rows = [(point["y"], point["x"], _label(task, point["labels"])) for point in regions.values()]
    return ImageAnnotation(
        image=task.image,
        annotator=_annotator(annotation),
        points=pd.DataFrame(rows, columns=COLUMNS).astype({"y_percent": float, "x_percent": float}),
        size=next(iter(sizes), None),
        says=says,
        plane=task.plane,
        skipped=bool(annotation.get("was_cancelled")),
    )


def _refuse_shape(task: _Task, kind: Any, value: dict[str, Any]) -> None:
    extended = kind == "labels" and bool({"height", "points", "radiusX", "rle"} & set(value))
    if kind in SHAPES or extended:
        raise InputError(
            f"{task.where} has {SHAPES.get(kind, 'regions')}; cells are read from key points "
            "alone: mark each by one (KeyPointLabels), and remove the others."
        )


def _refuse_turned(task: _Task, region: dict[str, Any]) -> None:
    turned = region.get("image_rotation")
    if turned:
        raise InputError(
            f"{task.where} was marked in an image that was turned by {turned} degrees, so that "
            "positions do not fit the plane; turn it back in Label Studio, and mark its cells "
            "again."
        )


def _percent(task: _Task, value: Any) -> float:
    try:
        percent = float(value)
    except (TypeError, ValueError):
        percent = float("nan")
    if not -1e-6 <= percent <= 100 + 1e-6:
        raise InputError(
            f"{task.where} has a point at {value!r}, where Label Studio gives percent of the "
            f"image, 0 to 100; {EXPORT} again."
        )
    return percent


def _size(region: dict[str, Any]) -> tuple[int, int] | None:
    try:
        height, width = (int(region[f"original_{side}"]) for side in ("height", "width"))
    except (KeyError, TypeError, ValueError):
        return None
    return (height, width) if height > 0 and width > 0 else None


def _label(task: _Task, labels: Any) -> str:
    if not isinstance(labels, list) or not labels:
        return ""
    if len(labels) > 1:
        raise InputError(
            f"{task.where} has a point with labels {', '.join(map(str, labels))}; give each point "
            "one label."
        )
    return str(labels[0])


def _refuse_two_tasks(path: Path, found: list[ImageAnnotation]) -> None:
    seen: set[tuple] = set()
    for one in found:
        key = (one.image, one.plane, one.annotator)
        if key in seen and not one.skipped:
            raise InputError(
                f"{path}: annotator {one.annotator} has annotated the image "
                f"{one.image or one.plane} in two tasks; delete one of them in Label "
                "Studio, and export again."
            )
        if not one.skipped:
            seen.add(key)
