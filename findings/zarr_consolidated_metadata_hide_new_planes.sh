#!/usr/bin/env bash
# zarr 3.1.6, seen 2026-11-30.
# A group with consolidated metadata is opened for writing, planes are appended to its array, and whoever opens the
# group again sees the old shape: the new planes are on disk, but absent. Opening the array by its own path shows them.
# Neither the append nor the opening warns, for formats 2 and 3. One would expect the shape that zarr itself has just
# written, or a warning.
# Touches in cellsift: scripts/cellsift/io/ome_zarr.py, volumes that were extended while they were acquired or stitched.
# Output seen:
#   zarr 3.1.6
#   format 2 through the group (4, 8, 8) by its own path (6, 8, 8)
#   format 3 through the group (4, 8, 8) by its own path (6, 8, 8)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  numpy==2.4.6 zarr==3.1.6 packaging==25.0 numcodecs==0.16.6 google-crc32c==1.9.0 donfig==0.8.1.post1 \
  typing_extensions==4.16.0 PyYAML==6.0.3
cd "$folder"
cat > look.py <<'END'
import sys
import warnings
import numpy as np
import zarr

print("zarr", zarr.__version__)
stated = True
for zarr_format in (2, 3):
    path = f"{zarr_format}.zarr"
    group = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    group.create_array("0", shape=(4, 8, 8), chunks=(2, 8, 8), dtype="uint16")[...] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Format 3 warns here, and only here, of other readers.
        zarr.consolidate_metadata(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zarr.open_group(path, mode="r+")["0"].append(np.full((2, 8, 8), 2, np.uint16))
        through_group = zarr.open_group(path, mode="r")["0"].shape
        by_itself = zarr.open_array(f"{path}/0", mode="r").shape
    print("format", zarr_format, "through the group", through_group, "by its own path", by_itself)
    stated &= (through_group, by_itself) == ((4, 8, 8), (6, 8, 8))
if not stated:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
