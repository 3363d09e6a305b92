#!/usr/bin/env bash
# brainglobe-utils 0.11.2, seen 2026-11-30.
# The XML of Fiji's Cell Counter has the same elements as cellfinder's, and get_cells takes it without a word. But Fiji
# counts slices from 1 and cellfinder planes from 0, so that every cell lies one plane too deep; and counter 1, which
# users click for their cells, is read as "no cell", counter 2 as "cell", whatever the counters are named in the file.
# One would expect a refusal or a warning.
# Touches in cellsift: scripts/cellsift/io/cell_counter.py, which knows Fiji's files and converts them.
# Output seen:
#   brainglobe-utils 0.11.2 cells at z, y, x [(9, 50, 40)] no cells at [(1, 30, 20), (1, 35, 25)]
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
from brainglobe_utils.IO.cells import get_cells

# Two cells in the stack's first slice under counter 1, an artefact in its ninth under counter 2.
Path("CellCounter_brain.xml").write_text('''<?xml version="1.0" encoding="UTF-8"?>
<CellCounter_Marker_File>
 <Image_Properties><Image_Filename>brain.tif</Image_Filename></Image_Properties>
 <Marker_Data>
  <Current_Type>1</Current_Type>
  <Marker_Type><Type>1</Type><Name>cell</Name>
   <Marker><MarkerX>20</MarkerX><MarkerY>30</MarkerY><MarkerZ>1</MarkerZ></Marker>
   <Marker><MarkerX>25</MarkerX><MarkerY>35</MarkerY><MarkerZ>1</MarkerZ></Marker>
  </Marker_Type>
  <Marker_Type><Type>2</Type><Name>artefact</Name>
   <Marker><MarkerX>40</MarkerX><MarkerY>50</MarkerY><MarkerZ>9</MarkerZ></Marker>
  </Marker_Type>
 </Marker_Data>
</CellCounter_Marker_File>
''')
read = get_cells("CellCounter_brain.xml")
cells = [(cell.z, cell.y, cell.x) for cell in read if cell.type == Cell.CELL]
others = [(cell.z, cell.y, cell.x) for cell in read if cell.type == Cell.NO_CELL]
print("brainglobe-utils", version("brainglobe-utils"), "cells at z, y, x", cells, "no cells at", others)
if cells != [(9, 50, 40)] or others != [(1, 30, 20), (1, 35, 25)]:
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
