"""Brains with which something is wrong."""

from pathlib import Path

import tifffile


def garble(plane: Path) -> None:
    """Change compressed voxels, not the header: only decoding the plane shows it."""
    with tifffile.TiffFile(plane) as tif:
        start, count = tif.pages[0].dataoffsets[0], tif.pages[0].databytecounts[0]
    content = bytearray(plane.read_bytes())
    content[start + count // 2 : start + count] = bytes(count - count // 2)
    plane.write_bytes(content)
