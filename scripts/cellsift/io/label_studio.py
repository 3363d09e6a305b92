"""Key points of Label Studio, read from what it exports itself.

Its converter's COCO keeps one point of a class and image, and is refused. Positions stay as they
are exported, in percent of the image's height and width; `io.labelled_planes` makes voxels of them.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.errors import InputError
from cellsift.io.label_studio_tasks import (
    EXPORT,
    POINTS,
    SHAPES,
    Task,
    entries_of,
    said_of_image,
    task_of,
)

COLUMNS = ["y_percent", "x_percent", "label"]


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
    for file, entry in entries_of(path):
        task = task_of(file, entry)
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
    return Export(_short_names(found), unannotated, doubts)


def _latest(task: Task) -> list[dict[str, Any]]:
    """Of each annotator the last annotation, skipped or not."""
    latest: dict[str, dict[str, Any]] = {}
    ordered = sorted(
        task.annotations, key=lambda one: str(one.get("updated_at") or one.get("created_at") or "")
    )
    for one in ordered:
        latest[_annotator(one)] = one
    return list(latest.values())


def _annotator(annotation: dict[str, Any]) -> str:
    """Who has made an annotation, as the export says it."""
    by = annotation.get("completed_by")
    if isinstance(by, dict):
        names = [by.get(key) for key in ("email", "username", "id")]
        by = next((name for name in names if name not in (None, "")), None)
    return "unnamed" if by in (None, "") else str(by).strip()


def _short_names(found: list[ImageAnnotation]) -> list[ImageAnnotation]:
    """The annotations under the annotators' names up to the @, where that tells them apart."""
    persons = {one.annotator for one in found}
    short = {person: person.partition("@")[0] or person for person in persons}
    times = Counter(short.values())
    return [
        replace(one, annotator=short[one.annotator]) if times[short[one.annotator]] == 1 else one
        for one in found
    ]


def _read(task: Task, annotation: dict[str, Any]) -> ImageAnnotation:
    results = annotation.get("result") or []
    if not isinstance(results, list) or not all(isinstance(one, dict) for one in results):
        raise InputError(f"{task.where} has a result that is no list of regions; {EXPORT} again.")
    values = [one.get("value") for one in results]
    regions = [
        one | {"value": value if isinstance(value, dict) else {}, "type": str(one.get("type"))}
        for one, value in zip(results, values, strict=True)
    ]
    points, size = _points(task, regions)
    return ImageAnnotation(
        image=task.image,
        annotator=_annotator(annotation),
        points=points,
        size=size,
        says=_says(regions) or task.says,
        plane=task.plane,
        skipped=bool(annotation.get("was_cancelled")),
    )


def _says(regions: list[dict[str, Any]]) -> str | None:
    """What the annotator has chosen to say of the image, the last where it is several."""
    said = None
    for region in regions:
        choices = region["value"].get("choices")
        for choice in choices if isinstance(choices, list) else [choices]:
            said = said_of_image(choice) or said
    return said


def _points(
    task: Task, regions: list[dict[str, Any]]
) -> tuple[pd.DataFrame, tuple[int, int] | None]:
    """The key points, and the height and width of the image that they state."""
    found: dict[str, dict[str, Any]] = {}
    sizes: set[tuple[int, int] | None] = set()
    for number, region in enumerate(regions):
        value = region["value"]
        _refuse_shape(task, region["type"], value)
        if region["type"] not in POINTS and "keypointlabels" not in value:
            continue
        _refuse_turned(task, region)
        # A label that is a tag of its own is a region beside its point, of the same id.
        point = found.setdefault(str(region.get("id") or number), {"labels": None})
        point |= {axis: _percent(task, value.get(axis)) for axis in ("y", "x")}
        point["labels"] = value.get("keypointlabels") or value.get("labels") or point["labels"]
        sizes.add(_size(region))
    sizes.discard(None)
    if len(sizes) > 1:
        raise InputError(f"{task.where}: its points state several sizes of the image; {EXPORT}.")
    rows = [(point["y"], point["x"], _label(task, point["labels"])) for point in found.values()]
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"y_percent": float, "x_percent": float}), next(iter(sizes), None)


def _refuse_shape(task: Task, kind: Any, value: dict[str, Any]) -> None:
    extended = kind == "labels" and bool({"height", "points", "radiusX", "rle"} & set(value))
    if kind in SHAPES or extended:
        raise InputError(
            f"{task.where} has {SHAPES.get(kind, 'regions')}; cells are read from key points "
            "alone: mark each by one (KeyPointLabels), and remove the others."
        )


def _refuse_turned(task: Task, region: dict[str, Any]) -> None:
    turned = region.get("image_rotation")
    if turned:
        raise InputError(
            f"{task.where} was marked in an image that was turned by {turned} degrees, so that "
            "positions do not fit the plane; turn it back in Label Studio, and mark its cells "
            "again."
        )


def _percent(task: Task, value: Any) -> float:
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
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (height, width) if height > 0 and width > 0 else None


def _label(task: Task, labels: Any) -> str:
    if isinstance(labels, str):
        return labels
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
