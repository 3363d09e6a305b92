#!/usr/bin/env bash
# bioimageio.spec 0.5.12.0 (the one that bioimageio.core 0.11.0 asks for) with pydantic 2.14.4, seen 2026-11-30.
# With the newest pydantic, which pip takes, every valid model description that has a file fails its validation:
# "Error calling function package_file_descr_serializer". With pydantic 2.12.5 the same description is valid. Both
# versions fit what the package asks for (pydantic below 3). One would expect a valid model, or a pin.
# Touches in cellsift: not yet used; exports of models in this format. The pydantic of constraints.txt, 2.12.5, works.
# Output seen:
#   bioimageio.spec 0.5.12.0 pydantic 2.14.4 status: failed
#   Value error, Error calling function `package_file_descr_serializer`: TypeError: 'index_key' is expected to be 
#   bioimageio.spec 0.5.12.0 pydantic 2.12.5 status: valid-format
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check \
  bioimageio.spec==0.5.12.0 pydantic==2.14.4 numpy==2.4.6
cd "$folder"
cat > look.py <<'END'
import json
import sys
from importlib.metadata import version
from pathlib import Path
import numpy as np
from bioimageio.spec import load_description

for name in ("in.npy", "out.npy"):
    np.save(name, np.zeros((1, 1, 8, 8), np.float32))
Path("README.md").write_text("# Cells\n## Validation\nNone yet.\n")
Path("weights.onnx").write_bytes(b"not looked at")
axes = [
    {"type": "batch"}, {"type": "channel", "channel_names": ["signal"]},
    {"type": "space", "id": "y", "size": 8}, {"type": "space", "id": "x", "size": 8},
]
tensor = {"axes": axes, "data": {"type": "float32"}}
model = {
    "type": "model", "format_version": "0.5.10", "name": "cells", "description": "tells cells from others",
    "authors": [{"name": "A. Person"}], "cite": [{"text": "none yet", "doi": "10.1234/abcd"}], "license": "MIT",
    "documentation": "README.md", "timestamp": "2026-11-30T00:00:00+00:00",
    "inputs": [tensor | {"id": "raw", "test_tensor": {"source": "in.npy"}}],
    "outputs": [tensor | {"id": "answer", "test_tensor": {"source": "out.npy"}}],
    "weights": {"onnx": {"source": "weights.onnx", "opset_version": 15}},
}
Path("rdf.yaml").write_text(json.dumps(model))
summary = load_description(Path("rdf.yaml"), perform_io_checks=False).validation_summary
errors = [error.msg for detail in summary.details for error in detail.errors]
print("bioimageio.spec", version("bioimageio.spec"), "pydantic", version("pydantic"), "status:", summary.status)
print(*(error[:110] for error in errors), sep="\n")
if (summary.status == "failed") != (sys.argv[1] == "fails") or (errors and "package_file_descr" not in errors[0]):
    sys.exit("No longer as stated.")
END
HOME=$folder PYTHONPATH= venv/bin/python look.py fails 2>errors || { cat errors; exit 1; }
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check \
  --no-deps pydantic==2.12.5 pydantic-core==2.41.5
HOME=$folder PYTHONPATH= venv/bin/python look.py works 2>errors || { cat errors; exit 1; }
