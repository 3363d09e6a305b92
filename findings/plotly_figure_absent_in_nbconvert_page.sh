#!/usr/bin/env bash
# plotly 7.1.0 with nbconvert 7.17.2, seen 2026-11-30.
# A notebook that ends a cell with a plotly figure is run and exported to HTML: the page has no figure, only an empty
# cell; nothing fails, one Python warning goes to the log. Without a front end plotly gives its own mimetype only, which
# nbconvert cannot show. With plotly.io.renderers.default = "notebook" the figure is there (and 4.8 MB of script). One
# would expect the figure, or an error.
# Touches in cellsift: scripts/cellsift/reporting/pages.py exports notebooks; plotly is not yet used.
# Output seen:
#   plotly 7.1.0 nbconvert 7.17.2
#   figures in the page: 0 with the renderer set: 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check nbconvert==7.17.2 \
  ipykernel==7.4.0 narwhals==2.29.0
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  plotly==7.1.0
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
from nbconvert import HTMLExporter
from nbconvert.preprocessors import ExecutePreprocessor
from nbformat.v4 import new_code_cell, new_notebook

FIGURE = "import plotly.graph_objects as go\ngo.Figure(go.Scatter(y=[1, 4, 2], name='precision'))"


def figures(*cells):
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    ExecutePreprocessor(kernel_name="python3", timeout=300).preprocess(notebook)
    page = HTMLExporter().from_notebook_node(notebook)[0]
    return page.count('class="plotly-graph-div"')


alone = figures(FIGURE)
told = figures("import plotly.io\nplotly.io.renderers.default = 'notebook'", FIGURE)
print("plotly", version("plotly"), "nbconvert", version("nbconvert"))
print("figures in the page:", alone, "with the renderer set:", told)
if alone or not told:
    sys.exit("No longer as stated.")
END
HOME=$folder PYTHONPATH= venv/bin/python look.py 2>errors || { cat errors; exit 1; }
