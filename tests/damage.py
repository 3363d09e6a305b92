"""Brains with which something is wrong."""

import zlib
from pathlib import Path

import pytest
import tifffile


def garble(path: Path, plane: int = 0) -> None:
    """Change compressed voxels, not the header: only decoding the plane of the file shows it."""
    with tifffile.TiffFile(path) as tif:
        start, count = tif.pages[plane].dataoffsets[0], tif.pages[plane].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start + count // 2 : start + count] = bytes(count - count // 2)
    path.write_bytes(content)
    with pytest.raises(zlib.error):
        zlib.decompress(content[start : start + count])
