"""Key points of Label Studio's images as positions in a volume: planes by name, pixels by percent.

Label Studio gives a point in percent of the image, from its upper left corner: percent / 100 times
the plane's size is where it lies between the edges of pixels. A voxel's position is its centre,
half a voxel further, so that a point in the middle of the first pixel is at 0.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.axes import AXES, Shape, per_axis
from cellsift.io.label_studio import Export, ImageAnnotation
from cellsift.io.label_studio_images import file_name, folder_of, possible_stems, uploaded_stem

EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class LabelledPlane:
    """What one annotator has said of one plane: `points` z, y, x (voxels) and label."""

    z: int
    image: str
    annotator: str
    points: pd.DataFrame
    says: str | None = None
    skipped: bool = False


@dataclass(frozen=True)
class LabelledPlanes:
    """The annotated planes of a volume; those that are tasks without annotation; doubts."""

    shape: Shape
    annotated: list[LabelledPlane]
    unannotated: dict[int, str]
    doubts: list[str]


def place_in_volume(export: Export, path: str | Path, signal: str) -> LabelledPlanes:
    """Place the key points of an export (read from `path`) in the volume at `signal`.

    An image is the plane whose file has its name, whatever the suffix, what Label Studio puts
    before the names of uploads left out; or the plane that the task's field z gives. Images of
    other volumes are passed over, which `doubts` tell. Sizes other than the plane's are scaled;
    nothing is read but file names and one header.

    Raises InputError for an export of which no image is a plane of the volume, for one plane that
    is two images, and for an image of another shape than the planes.
    """
    planes = _Planes(signal)
    named = {one.image for one in export.annotations} | {image for image, _ in export.unannotated}
    planes.is_one_image = len(named) == 1
    found: list[LabelledPlane] = []
    strangers: list[str] = []
    of_plane: dict[int, list[ImageAnnotation]] = {}
    for one in export.annotations:
        z = planes.of(one.image, one.plane, path)
        if z is None:
            strangers.append(one.image)
            continue
        of_plane.setdefault(z, []).append(one)
        _refuse_other_shape(path, one, planes.shape)
        points = _voxels(one.points, z, planes.shape)
        name = file_name(one.image)
        found.append(LabelledPlane(z, name, one.annotator, points, one.says, one.skipped))
    untouched = {image: planes.of(image, plane, path) for image, plane in export.unannotated}
    strangers += [image for image, z in untouched.items() if z is None]
    unannotated = {
        z: file_name(image) for image, z in untouched.items() if z is not None and z not in of_plane
    }
    if not found and not unannotated:
        raise InputError(_no_plane(path, signal, strangers, planes.names))
    doubts = [
        *export.doubts,
        *_of_scale(path, of_plane, planes.shape),
        *_of_copies(path, of_plane),
        *_of_strangers(path, strangers),
    ]
    return LabelledPlanes(planes.shape, found, unannotated, doubts)


class _Planes:
    """The planes of a volume, by the names of their files."""

    def __init__(self, signal: str):
        # Long to load, and of use to annotations of Label Studio alone.
        from cellsift.io.volumes import kind_of, list_planes, open_voxels

        shape = per_axis(open_voxels(signal).shape)
        self.signal, self.shape, self.is_one_image = signal, shape, False
        kind, files = kind_of(signal), [Path(signal)]
        if kind not in ("ome-zarr", "stack"):
            files = list_planes(signal)
        # The name of a stack is that of a plane where it has but one.
        self.names = [file.name for file in files] if len(files) == shape[0] else []
        self.by_stem = {uploaded_stem(name): z for z, name in enumerate(self.names)}
        if len(self.by_stem) < len(self.names):
            times = Counter(map(uploaded_stem, self.names))
            self.by_stem = {stem: z for stem, z in self.by_stem.items() if times[stem] == 1}

    def of(self, image: str, plane: int | None, path: str | Path) -> int | None:
        """The plane of an image; None for an image of something else."""
        if plane is not None:
            if plane >= self.shape[0]:
                raise InputError(
                    f"{path}: a task gives {plane} as its plane, field z, but {self.signal} has "
                    f"{self.shape[0]}, counted from 0; correct it."
                )
            return plane
        for stem in possible_stems(image):
            if (z := self.by_stem.get(uploaded_stem(stem))) is not None:
                return z
        # One image of a volume of one plane needs no name.
        return 0 if self.is_one_image and self.shape[0] == 1 else None


def _voxels(points: pd.DataFrame, z: int, shape: Shape) -> pd.DataFrame:
    share = points[["y_percent", "x_percent"]].to_numpy(float) / 100
    pixels = share * np.array(shape[1:]) - 0.5
    placed = pd.DataFrame({"z": float(z), "y": pixels[:, 0], "x": pixels[:, 1]}, columns=AXES)
    return placed.assign(label=points["label"].to_numpy())


def _refuse_other_shape(path: str | Path, one: ImageAnnotation, shape: Shape) -> None:
    """Refuse an image that is no copy of the plane, of any size, but for a pixel of rounding."""
    if one.size is None:
        return
    height, width = one.size
    _, rows, columns = shape
    wide = columns / width
    if abs(height * wide - rows) <= max(1.0, wide):
        return
    turned = abs(width * columns / height - rows) <= max(1.0, columns / height)
    raise InputError(
        f"{path}: {file_name(one.image)} was {height} × {width} pixels (height × width) in Label "
        f"Studio, but planes of the volume are {rows} × {columns}: it is no copy of the whole plane"
        + (", but seems to be turned by a quarter" if turned else "")
        + ". Mark cells in whole planes, or give a CSV with z, y, x in voxels of the signal."
    )


def _of_scale(
    path: str | Path, of_plane: dict[int, list[ImageAnnotation]], shape: Shape
) -> list[str]:
    sizes = Counter(one.size for given in of_plane.values() for one in given if one.size)
    return [
        f"{path}: images of {number} annotations were {height} × {width} pixels (height × width) "
        f"in Label Studio, planes of the volume are {shape[1]} × {shape[2]}: positions were scaled "
        "to the planes."
        for (height, width), number in sorted(sizes.items())
        if (height, width) != shape[1:]
    ]


def _of_copies(path: str | Path, of_plane: dict[int, list[ImageAnnotation]]) -> list[str]:
    """What to say of images of one name: uploads of one plane, it may be of several brains.

    Raises InputError where they cannot be of one plane.
    """
    copies = 0
    for z, given in of_plane.items():
        images = list(dict.fromkeys(one.image for one in given))
        persons = Counter(one.annotator for one in given if not one.skipped)
        twice = next((person for person, times in persons.items() if times > 1), None)
        if len({folder_of(image) for image in images}) > 1 or twice is not None:
            raise InputError(
                f"{path}: {' and '.join(images[:2])} are both taken for plane {z} of the volume, "
                "by their names"
                + (f", and both annotated by {twice}" if twice is not None else "")
                + "; export the images of each brain on their own, each plane once."
            )
        copies += len(images) > 1
    if not copies:
        return []
    return [
        f"{path}: {copies} planes are images of several uploads, which are taken for copies by "
        "their names; if they are planes of several brains, export each brain on its own."
    ]


def _of_strangers(path: str | Path, strangers: list[str]) -> list[str]:
    others = list(dict.fromkeys(map(file_name, strangers)))
    if not others:
        return []
    return [
        f"{path}: {len(others)} of its images ({_some(others)}) are no planes of this volume, by "
        "their names, and are passed over."
    ]


def _no_plane(path: str | Path, signal: str, images: list[str], names: list[str]) -> str:
    found = _some(list(dict.fromkeys(map(file_name, images)))) if images else "no image"
    if names:
        return (
            f"{path}: none of its images ({found}) has the name of a plane of {signal} "
            f"({_some(names)}). Name the images as the planes that they were made of, or give each "
            "task the plane, counted from 0, as a field z of its data."
        )
    return (
        f"{path}: which planes of {signal} its images ({found}) are cannot be told by their names, "
        "as its planes are not files of their own. Give each task the plane, counted from 0, as a "
        "field z of its data."
    )


def _some(names: list[str]) -> str:
    return ", ".join(names[:EXAMPLES]) + (", …" if len(names) > EXAMPLES else "")
