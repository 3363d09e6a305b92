"""TIFF files of kinds that tifffile does not write, put together byte by byte."""

import struct
from pathlib import Path

import numpy as np

SHORT, LONG, RATIONAL = 3, 4, 5


def write_pages(path: Path, pages: list[tuple[bytes, list[tuple]]]) -> Path:
    """A little-endian file: of each page its data, and its tags (code, type, count, value).

    A value of None stands for the place of the page's data.
    """
    out, last = bytearray(b"II*\0" + bytes(4)), 4
    for data, tags in pages:
        at = len(out)
        out += data + b"\0" * (len(data) % 2)
        struct.pack_into("<I", out, last, len(out))
        out += struct.pack("<H", len(tags))
        for code, kind, count, value in sorted(tags):
            out += struct.pack("<HHII", code, kind, count, at if value is None else value)
        last = len(out)
        out += bytes(4)
    path.write_bytes(out)
    return path


def tags_of(plane: np.ndarray, bits: int, size: int) -> list[tuple]:
    """The tags of a grey page without compression, in one strip of `size` bytes."""
    height, width = plane.shape
    values = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 277: 1, 278: height, 279: size}
    kinds = dict.fromkeys((258, 259, 262, 277), SHORT)
    tags = [(code, kinds.get(code, LONG), 1, value) for code, value in values.items()]
    return [*tags, (273, LONG, 1, None)]


def write_packed(path: Path, planes: np.ndarray, bits: int, predictor: int = 1) -> Path:
    """Values of so many bits one behind the other, the rows beginning at whole bytes.

    With predictor 2, each but a row's first is stored as its difference from the one before.
    """
    pages = []
    if predictor == 2:
        planes = planes.astype(np.int64)
        planes[..., 1:] = np.diff(planes) % (1 << bits)
    for plane in planes:
        each = np.unpackbits(plane.astype(">u2").view(np.uint8).reshape(*plane.shape, 2), axis=2)
        data = np.packbits(each[:, :, 16 - bits :].reshape(len(plane), -1), axis=1).tobytes()
        pages.append((data, [*tags_of(plane, bits, len(data)), (317, SHORT, 1, predictor)]))
    return write_pages(path, pages)


def write_without_photometric(path: Path, planes: np.ndarray) -> Path:
    """Planes of 16 bits that do not say whether 0 is black."""
    pages = []
    for plane in planes:
        tags = [tag for tag in tags_of(plane, 16, plane.nbytes) if tag[0] != 262]
        pages.append((plane.astype("<u2").tobytes(), tags))
    return write_pages(path, pages)


def write_metamorph(path: Path, voxels: np.ndarray) -> Path:
    """A stack of MetaMorph: one directory, the planes behind each other, their number in a tag."""
    distances = struct.pack("<6I", 5, 1, 2455000, 1000, 2455000, 1000) * len(voxels)
    data = voxels.astype("<u2").tobytes()
    start = 8 + len(data)
    tags = tags_of(voxels[0], 16, voxels[0].nbytes)
    tags += [(33628, LONG, 0, start), (33629, RATIONAL, len(voxels), start)]
    return write_pages(path, [(data + distances, tags)])
