#!/usr/bin/env bash
# mlstatkit 0.1.91, seen 2026-11-30.
# DeLong's test of two classifiers with identical scores says z = 0 and p = 0: the surest of differences where there is
# none. (The variance of the difference is 0.) One would expect p = 1, or no answer.
# Touches in cellsift: comparison of arms; mlstatkit is not used, and is an oracle for tests only where scores differ.
# Output seen:
#   mlstatkit 0.1.91 two equal score lists: z 0.0 p 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check numpy==2.4.6 \
  scipy==1.17.1 scikit-learn==1.9.1 tqdm==4.70.1
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check --no-deps \
  mlstatkit==0.1.91
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
import numpy as np
from MLstatkit import Delong_test

rng = np.random.default_rng(0)
labels = rng.integers(0, 2, 200)
scores = labels + rng.normal(0, 1, 200)
z, p = Delong_test(labels, scores, scores)[:2]
print("mlstatkit", version("mlstatkit"), "two equal score lists: z", float(z), "p", float(p))
if (z, p) != (0, 0):
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
