"""How tasks of Label Studio name their image, and which plane's file it was made of."""

import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cellsift.errors import InputError

PICTURE = re.compile(r"(?i)\.(png|jpe?g|tiff?|bmp|webp|gif|svg)$")
# Label Studio puts this before the name of a file that is uploaded.
UPLOADED = re.compile(r"^[0-9a-f]{8}-(?=.)")
USUAL = ("image", "img")


def image_of(data: dict[str, Any], where: str, needed: bool = True) -> str:
    """The path or address of the image in a task's data; empty where none is `needed` or there.

    Raises InputError, beginning with `where`, if none can be told.
    """
    named = {key: value for key, value in data.items() if isinstance(value, str)}
    pictures = {key: value for key, value in named.items() if PICTURE.search(file_name(value))}
    for key in USUAL:
        if key in pictures:
            return pictures[key]
    if len(pictures) == 1:
        return next(iter(pictures.values()))
    if not needed:
        return ""
    if pictures:
        raise InputError(
            f"{where} has several images ({', '.join(sorted(pictures))}); name the one that the "
            "points were set in 'image' in the task's data."
        )
    raise InputError(
        f"{where} does not name its image by a file, found {', '.join(sorted(map(str, data)))}; "
        "name the image by its plane's file, or give the plane, counted from 0, as a field z of "
        "the task's data."
    )


def file_name(address: str) -> str:
    """The name of the file that an address, a path or a link of local storage leads to.

    Example:
        >>> file_name("/data/local-files/?d=brain_1/plane_0003.png")
        'plane_0003.png'
    """
    return PurePosixPath(_path(address)).name


def folder_of(address: str) -> str:
    """The folder of that file; empty for an upload, whose folder says nothing of it."""
    path = _path(address)
    return "" if "/upload/" in path else PurePosixPath(path).parent.as_posix()


def possible_stems(address: str) -> list[str]:
    """What the plane's file may be called, without suffix: as it stands, and before an upload.

    Example:
        >>> possible_stems("/data/upload/1/abcd1234-plane_0003.png")
        ['abcd1234-plane_0003', 'plane_0003']
    """
    stem = _without_suffix(file_name(address))
    return list(dict.fromkeys([stem, UPLOADED.sub("", stem)]))


def uploaded_stem(name: str) -> str:
    """A file's name without suffix as Label Studio writes it: spaces as _, other signs left out."""
    return re.sub(r"[^-\w.]", "", _without_suffix(name).strip().replace(" ", "_"))


def _without_suffix(name: str) -> str:
    stem = PICTURE.sub("", name)
    # As in plane_3.ome.tif.
    return re.sub(r"(?i)\.ome$", "", stem)


def _path(address: str) -> str:
    if address.startswith("data:"):
        return ""
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")
    return (local[0] if local else unquote(parts.path)).replace("\\", "/")
