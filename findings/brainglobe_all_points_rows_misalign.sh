#!/usr/bin/env bash
# brainglobe-utils 0.11.2, seen 2026-11-30.
# The transform to atlas space leaves out points that fall outside the atlas, and summarise_points_by_atlas_region pairs
# what is left with the raw points by row number: after one such point every later row of all_points.csv holds one
# cell's raw position beside the atlas position, region and hemisphere of the next. One would expect each row to be one
# cell. The counts of the summary are right.
# Touches in cellsift: not yet used; whatever gives cells their regions or reads brainmapper's all_points.csv.
# Output seen:
#   brainglobe-utils 0.11.2 rows of raw z, atlas z, region: [[100, 10, 'cortex'], [9000, 70, 'thalamus'], [700, 20, 'cortex']]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  numpy==2.4.6 pandas==2.3.3 python-dateutil==2.9.0.post0 pytz==2026.6 six==1.17.0 natsort==8.4.0 \
  psutil==7.2.2 slurmio==0.1.2 tqdm==4.70.1 brainglobe-utils==0.11.2
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
import numpy as np

# The atlas package is imported for a type only; a stand-in saves its many dependencies.
sys.modules["brainglobe_atlasapi"] = SimpleNamespace(BrainGlobeAtlas=object)

from brainglobe_utils.brainmapper.analysis import summarise_points_by_atlas_region

# Raw positions are 10 times the atlas position. The transform left out the second, outside the atlas.
raw = np.array([(100, 10, 10), (9000, 50, 50), (700, 20, 20), (200, 30, 30)])
placed = np.array([(10, 1, 1), (70, 2, 2), (20, 3, 3)])
atlas = SimpleNamespace(
    structure_from_coords=lambda point: 1 if point[0] < 50 else 2,
    structures={1: {"name": "cortex"}, 2: {"name": "thalamus"}},
    hemisphere_from_coords=lambda point, as_string: "left" if point[2] < 3 else "right",
)
Path("volumes.csv").write_text(
    "structure_name,left_volume_mm3,right_volume_mm3,total_volume_mm3\ncortex,1,1,2\nthalamus,1,1,2\n"
)
table, _ = summarise_points_by_atlas_region(raw, placed, atlas, "volumes.csv")
rows = table[["coordinate_raw_axis_0", "coordinate_atlas_axis_0", "structure_name"]].values.tolist()
print("brainglobe-utils", version("brainglobe-utils"), "rows of raw z, atlas z, region:", rows)
if rows != [[100, 10, "cortex"], [9000, 70, "thalamus"], [700, 20, "cortex"]]:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python -W ignore look.py
