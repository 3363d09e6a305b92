#!/usr/bin/env bash
# tifffile 2026.3.3 with imagecodecs 2026.3.6, seen 2026-11-30.
# imwrite(byteorder=">", compression="jpeg2000") of 16-bit data, lossless, writes every value with its two bytes
# swapped: 38 reads back as 9728. No error, no warning. Other compressions that cannot take data of that byte order
# refuse (JPEG XL, PNG, LERC) or write the right values (zlib, LZW, zstd). One would expect either.
# Touches in cellsift: io/tiff.py; such a file holds the swapped values, and nothing in it says so.
# Output seen:
#   tifffile 2026.3.3 imagecodecs 2026.3.6
#   38 reads back as {'< jpeg2000': 38, '< zlib': 38, '> jpeg2000': 9728, '> zlib': 38}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 \
  tifffile==2026.3.3 imagecodecs==2026.3.6
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
import numpy as np
import tifffile

values = (np.arange(64 * 64, dtype=np.uint16) % 100).reshape(64, 64)
read = {}
for order in "<>":
    for compression in ("jpeg2000", "zlib"):
        tifffile.imwrite("plane.tif", values, byteorder=order, compression=compression, photometric="minisblack")
        read[order, compression] = tifffile.imread("plane.tif")
print("tifffile", version("tifffile"), "imagecodecs", version("imagecodecs"))
print(f"{values[0, 38]} reads back as", {" ".join(key): int(plane[0, 38]) for key, plane in read.items()})
swapped = read.pop((">", "jpeg2000"))
if not np.array_equal(swapped, values.byteswap()) or not all(np.array_equal(plane, values) for plane in read.values()):
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
