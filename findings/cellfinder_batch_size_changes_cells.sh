#!/usr/bin/env bash
# cellfinder 1.10.1, seen 2026-11-30.
# Which cells are detected depends on batch_size, a setting about speed and memory (by default 4 on a CPU and 1 on a
# GPU). The ball filter marks planes in place; the last planes of a batch are kept as padding of the next one, where
# voxels that were only marked count as bright. One would expect the same cells for every batch_size.
# Touches in cellsift: scripts/cellsift/detection/cellfinder.py, which pins batch_size.
# Needs the package torch, which is large.
# Output seen:
#   cellfinder 1.10.1 finds 44 cells with batch_size 1, 45 with 4
#   5 cells are found with one of them only
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check torch==2.13.0
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  numpy==2.4.6 natsort==8.4.0 psutil==7.2.2 slurmio==0.1.2 tqdm==4.70.1 numba==0.68.1 llvmlite==0.50.0 \
  PyYAML==6.0.3 scipy==1.17.1 keras==3.15.1 brainglobe-utils==0.11.2 tifffile==2026.3.3 dask==2026.8.0 \
  toolz==1.2.0 cloudpickle==3.1.2 packaging==25.0 fsspec==2026.9.0 importlib_metadata==9.1.0 zipp==4.1.2 \
  cellfinder==1.10.1
cd "$folder"
cat > look.py <<'END'
import sys
import numpy as np
from importlib.metadata import version
from cellfinder.core.detect.detect import main


def volume():
    """Noise, 60 blobs of random brightness, and a dark corner outside the tissue."""
    rng = np.random.default_rng(0)
    values = rng.normal(20, 2, (24, 96, 96))
    values[:, 24:, 24:] += 180 + rng.normal(0, 12, (24, 72, 72))
    z, y, x = np.ogrid[:24, :96, :96]
    for c in rng.uniform((2, 30, 30), (22, 91, 91), (60, 3)):
        away = ((z - c[0]) * 5) ** 2 + ((y - c[1]) * 2) ** 2 + ((x - c[2]) * 2) ** 2
        values += rng.uniform(50, 300) * np.exp(-away / 32)
    return values.clip(0).astype(np.uint16)


def cells(batch_size):
    found = main(
        signal_array=volume(), voxel_sizes=(5, 2, 2), ball_xy_size=10, ball_z_size=15, ball_overlap_fraction=0.4,
        n_sds_above_mean_thresh=0.5, max_cluster_size=1e9, batch_size=batch_size, torch_device="cpu",
    )
    return {(cell.z, cell.y, cell.x) for cell in found}


if __name__ == "__main__":
    one, four = cells(1), cells(4)
    print("cellfinder", version("cellfinder"), "finds", len(one), "cells with batch_size 1,", len(four), "with 4")
    print(len(one ^ four), "cells are found with one of them only")
    if one == four:
        sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py 2>errors || { cat errors; exit 1; }
