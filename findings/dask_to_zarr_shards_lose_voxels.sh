#!/usr/bin/env bash
# dask 2026.8.0 with zarr 3.1.6, seen 2026-11-30.
# Array.to_zarr(shards=...) with the array's own chunks, smaller than the shards, writes zeros in place of data as soon
# as two threads write: each chunk's task reads a whole shard, changes its part and writes it back, and none waits for
# another. No error, no warning; a single thread loses nothing. One would expect a refusal or whole shards as units.
# Touches in cellsift: volumes that users bring (blocks of exact zeros inside tissue); cellsift writes no shards.
# Output seen (the shares of two and more threads differ from run to run):
#   dask 2026.8.0 zarr 3.1.6
#   share of voxels that read as 0, by threads: {1: 0.0, 2: 0.28125, 8: 0.71875}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 \
  dask==2026.8.0 zarr==3.1.6
cd "$folder"
cat > look.py <<'END'
import sys
import dask
import dask.array as da
import numpy as np
import zarr

values = np.arange(1, 64**3 + 1, dtype=np.uint32).reshape(64, 64, 64)
lost = {}
for threads in (1, 2, 8):
    with dask.config.set(scheduler="threads", num_workers=threads):
        da.from_array(values, chunks=(16, 16, 16)).to_zarr(f"{threads}.zarr", shards=(32, 32, 32), zarr_format=3)
    read = zarr.open_array(f"{threads}.zarr", mode="r")[...]
    lost[threads] = float((read == 0).mean())
print("dask", dask.__version__, "zarr", zarr.__version__)
print("share of voxels that read as 0, by threads:", lost)
if lost[1] != 0 or lost[2] == 0 or lost[8] == 0:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
