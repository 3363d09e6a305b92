"""Where in a Zarr the image is: layouts of converters, and metadata that is there twice."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import zarr

from cellsift.errors import InputError

Format = Literal[2, 3]
# The file that makes a folder a Zarr group or array, by the format of Zarr.
MARKS: dict[Format, tuple[str, ...]] = {3: ("zarr.json",), 2: (".zgroup", ".zarray")}
# Series of one file that are named in a message.
MOST_NAMED = 8


def open_groups(path: str) -> list[tuple[str, zarr.Group]]:
    """The groups that may be the image at `path`, the likeliest first, each with its own path.

    There are two where metadata of Zarr 2 and 3 lie side by side; a file that bioformats2raw has
    converted is replaced by its only image. Copies of metadata (consolidated) are not believed.
    Raises InputError for what is no group, and for plates, labels and several images.
    """
    found: list[Format | None] = [version for version in MARKS if _is_there(path, version)]
    return [_only_image(path, _group(path, version)) for version in found or [None]]


def _is_there(path: str, version: Format) -> bool:
    return "://" not in path and any((Path(path) / mark).exists() for mark in MARKS[version])


def _group(path: str, version: Format | None) -> zarr.Group:
    try:
        return zarr.open_group(path, mode="r", use_consolidated=False, zarr_format=version)
    except Exception as error:
        if version and _is_array(path, version):
            raise InputError(
                f"{path}: cannot be opened as OME-Zarr: this is one array, maybe a level of an "
                f"image. Give the folder of the image, {Path(path).parent} maybe."
            ) from error
        raise InputError(
            f"{path}: cannot be opened as OME-Zarr ({error}). Give the folder that holds "
            ".zgroup or zarr.json of the image."
        ) from error


def _is_array(path: str, version: Format) -> bool:
    try:
        zarr.open_array(path, mode="r", zarr_format=version)
    except Exception:
        return False
    return True


def _only_image(path: str, group: zarr.Group) -> tuple[str, zarr.Group]:
    attributes = ome_attributes(group)
    _refuse_plate_and_labels(path, attributes)
    if "multiscales" in attributes or "bioformats2raw.layout" not in attributes:
        return path, group
    series = _series(group)
    if len(series) == 1:
        inner = f"{path.rstrip('/')}/{series[0]}"
        return inner, _group(inner, group.metadata.zarr_format)
    raise InputError(
        f"{path}: bioformats2raw has converted a file with {len(series)} images into this folder. "
        f"Give the path of one: {_listed(path, series)}."
    )


def ome_attributes(node: zarr.Group | zarr.Array) -> dict:
    """A node's metadata of OME, where version 0.4 or 0.5 puts them; {} if there are none."""
    attributes = node.attrs.asdict()
    of_ome = attributes.get("ome", attributes)
    return of_ome if isinstance(of_ome, dict) else {}


def _series(group: zarr.Group) -> list[str]:
    """The paths of a file's images: as listed, or counted up from 0 as the layout has them."""
    try:
        listed = ome_attributes(group["OME"]).get("series")
    except (LookupError, TypeError, ValueError):
        listed = None
    if listed and all(isinstance(name, str) for name in listed):
        return list(listed)
    numbers: list[str] = []
    while len(numbers) <= MOST_NAMED and str(len(numbers)) in group:
        numbers.append(str(len(numbers)))
    return numbers


def _refuse_plate_and_labels(path: str, attributes: dict) -> None:
    try:
        if "plate" in attributes:
            wells = [well["path"] for well in attributes["plate"].get("wells", ())]
            raise InputError(
                f"{path}: this is a plate of {len(wells)} wells, not one image. Give the path of "
                f"one image in a well: {_listed(path, [f'{well}/0' for well in wells])}."
            )
        if "well" in attributes:
            images = [image["path"] for image in attributes["well"]["images"]]
            raise InputError(
                f"{path}: this is a well with {len(images)} images, not one image. Give the path "
                f"of one: {_listed(path, images)}."
            )
    except (LookupError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: this is a plate or a well, not one image, and its metadata cannot be read "
            f"({type(error).__name__}: {error}). Give the path of one image in it."
        ) from error
    if "image-label" in attributes or ("labels" in attributes and "multiscales" not in attributes):
        raise InputError(
            f"{path}: these are labels, numbers of objects instead of intensities. Give the image "
            "that they belong to, two folders up as a rule."
        )


def _listed(path: str, names: Sequence[str]) -> str:
    full = [f"{path.rstrip('/')}/{name}" for name in names[:MOST_NAMED]]
    return ", ".join(full) + (", ..." if len(names) > MOST_NAMED else "")


def refuse_two_arrays(folder: str, array: zarr.Array) -> None:
    """Raise InputError if a folder's metadata of Zarr 2 and of Zarr 3 describe different arrays."""
    own = array.metadata.zarr_format
    other: Format = 2 if own == 3 else 3
    if not _is_there(folder, other):
        return
    try:
        also = zarr.open_array(folder, mode="r", zarr_format=other)
    except (LookupError, TypeError, ValueError, OSError):
        return
    if _layout(also) != _layout(array):
        names = {2: ".zarray", 3: "zarr.json"}
        raise InputError(
            f"{folder}: two files of metadata contradict each other: {names[other]} says "
            f"{described(also)}, {names[own]} says {described(array)}. Remove the one that "
            "is out of date."
        )


def stale_copy(path: str, group: zarr.Group, array: zarr.Array) -> str | None:
    """What the group's consolidated metadata say of the array, where that is not what it is."""
    try:
        copied = zarr.open_group(
            path, mode="r", use_consolidated=True, zarr_format=group.metadata.zarr_format
        )[array.path]
        if not isinstance(copied, zarr.Array) or _layout(copied) == _layout(array):
            return None
    # Without consolidated metadata, or with broken ones, nothing is believed.
    except Exception:
        return None
    return (
        f"the consolidated metadata say level {array.path} has {described(copied)}, its own "
        f"metadata {described(array)}. The array's own are taken; other programs may see the "
        "former. Consolidate the metadata again."
    )


def _layout(array: zarr.Array) -> tuple:
    return array.shape, array.shards or array.chunks, array.chunks, array.dtype.newbyteorder("=")


def described(array: zarr.Array) -> str:
    shards = f", shards {array.shards}" if array.shards else ""
    return f"shape {array.shape}, chunks {array.chunks}{shards}, type {array.dtype}"
