#!/usr/bin/env bash
# tifffile 2026.3.3, seen 2026-11-30.
# ImageJ saves a stack above 4 GB with one directory, that of the first plane, and all others behind its values
# without any. tifffile's series states all planes and asarray() reads them, but asarray(key=z) and imread(key=z), which
# read one plane of a stack too large for memory, know the first one alone: "list index out of range". And where the
# description has images= but no slices=, as ImageJ wrote in earlier years, the series itself is a single plane, and the
# others are absent without a word. One would expect all planes in both.
# Touches in cellsift: io/tiff_run.py and io/tiff_pages.py, which map the planes of such a file themselves.
# Output seen:
#   tifffile 2026.3.3
#   images=5 slices=5 kind imagej shape (5, 20, 30) planes 0 and 3 right: True list index out of range
#   images=5 kind imagej shape (20, 30) planes 0 and 3 right: True list index out of range
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 \
  tifffile==2026.3.3
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
from pathlib import Path
import numpy as np
import tifffile

values = np.arange(5 * 20 * 30, dtype=np.uint16).reshape(5, 20, 30)


def saved(name, description):
    """A file as ImageJ lays it out where the stack is large: one directory, then the values of all planes."""
    tifffile.imwrite(name, values[0], byteorder=">", description=description, metadata=None)
    with tifffile.TiffFile(name) as tif:
        (start,) = tif.pages[0].dataoffsets
    Path(name).write_bytes(Path(name).read_bytes()[:start] + values.astype(">u2").tobytes())
    return name


def plane(series, z):
    try:
        return np.array_equal(series.asarray(key=z), values[z])
    except IndexError as problem:
        return str(problem)


print("tifffile", version("tifffile"))
said = {}
for words in ("images=5\nslices=5\n", "images=5\n"):
    with tifffile.TiffFile(saved("stack.tif", f"ImageJ=1.54f\n{words}")) as tif:
        series = tif.series[0]
        said[words] = series.kind, series.shape, plane(series, 0), plane(series, 3)
        print(*words.split(), "kind", series.kind, "shape", series.shape, "planes 0 and 3 right:", *said[words][2:])
missing = "list index out of range"
if list(said.values()) != [("imagej", (5, 20, 30), True, missing), ("imagej", (20, 30), True, missing)]:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
