#!/usr/bin/env bash
# brainglobe-utils 0.11.2, seen 2026-11-30.
# Positions change on their way through Cell and XML: Cell cuts fractions off (10.9 becomes 10, a shift of half a
# voxel on average) although its attributes are documented as floats; XML turns a coordinate of 0 into 1 (it prints
# "negative coordinate found"), which YAML keeps; and save_cells("cells.csv") writes no file at all, without an error.
# One would expect what was put in, or an error.
# Touches in cellsift: scripts/cellsift/io/cells.py, which writes XML for cellfinder and reads it.
# Output seen:
#   WARNING: negative coordinate found at 0
#   defaulting to 1
#   brainglobe-utils 0.11.2 wrote x, y, z (10.9, 5, 0) and read {'xml': (10, 5, 1), 'yml': (10, 5, 0)}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  numpy==2.4.6 pandas==2.3.3 python-dateutil==2.9.0.post0 pytz==2026.6 six==1.17.0 numba==0.68.1 \
  llvmlite==0.50.0 tqdm==4.70.1 rapidyaml==0.15.2 deprecation==2.1.0 packaging==25.0 \
  brainglobe-utils==0.11.2
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
from pathlib import Path
from brainglobe_utils.cells.cells import Cell
from brainglobe_utils.IO.cells import get_cells, save_cells

back = {}
for suffix in ("xml", "yml", "csv"):
    save_cells([Cell((10.9, 5, 0), Cell.CELL)], f"cells.{suffix}")
    if Path(f"cells.{suffix}").exists():
        (cell,) = get_cells(f"cells.{suffix}")
        back[suffix] = (cell.x, cell.y, cell.z)
print("brainglobe-utils", version("brainglobe-utils"), "wrote x, y, z (10.9, 5, 0) and read", back)
if back != {"xml": (10, 5, 1), "yml": (10, 5, 0)}:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
