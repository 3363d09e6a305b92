#!/usr/bin/env bash
# cellfinder 1.11.0, seen 2026-11-30.
# 1.11.0 takes the padding of split cells off (see cellfinder_split_cells_too_deep.sh), but where the ball's size is an
# even number of voxels, so without a middle voxel, split cells still lie beside their place. At
# 6 x 1.62 x 1.62 µm (ball 4 voxels wide, 2 planes high, by default) both halves of two touching balls lie one plane
# (6 µm) too deep and one voxel off in y and x. One would expect the balls' own centres, as with odd balls.
# Touches in cellsift: scripts/cellsift/detection/splitting.py, which splits by itself under 1.11 too.
# Needs the package torch, which is large. 1.11.0 asks for Python 3.12, but this part of it runs on 3.11 too.
# Output seen:
#   cellfinder 1.11.0 ball of 2 x 4 voxels
#   put at [(20, 100, 93), (20, 100, 107)] found at [(21, 99, 92), (21, 99, 106)]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check torch==2.13.0
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --ignore-requires-python --no-deps \
  numpy==2.4.6 natsort==8.4.0 psutil==7.2.2 slurmio==0.1.2 tqdm==4.70.1 numba==0.68.1 llvmlite==0.50.0 \
  PyYAML==6.0.3 scipy==1.17.1 keras==3.15.1 brainglobe-utils==0.11.2 cellfinder==1.11.0
cd "$folder"
cat > look.py <<'END'
import sys
import numpy as np
from importlib.metadata import version
from cellfinder.core.detect.filters.setup_filters import DetectionSettings
from cellfinder.core.detect.filters.volume.structure_splitting import split_cells

# Two balls of radius 12 µm that touch in x; sizes and positions are z, y, x.
VOXEL, CENTRES = (6.0, 1.62, 1.62), [(20, 100, 93), (20, 100, 107)]
space = np.indices((40, 200, 200))
cluster = np.zeros(space.shape[1:], bool)
for centre in CENTRES:
    away = sum(((at - c) * size) ** 2 for at, c, size in zip(space, centre, VOXEL))
    cluster |= away <= 12**2
settings = DetectionSettings(
    plane_shape=(200, 200), plane_original_np_dtype=np.float32, voxel_sizes=VOXEL, end_plane=40,
    batch_size=4, ball_overlap_fraction=0.8,
)
found = split_cells(np.argwhere(cluster)[:, ::-1].astype(np.uint32), settings)

found = sorted(tuple(int(v) for v in cell[::-1]) for cell in found[0])
print("cellfinder", version("cellfinder"), "ball of", settings.ball_z_size, "x", settings.ball_xy_size, "voxels")
print("put at", CENTRES, "found at", found)
if found != [(21, 99, 92), (21, 99, 106)]:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
