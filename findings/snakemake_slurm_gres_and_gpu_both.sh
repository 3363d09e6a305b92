#!/usr/bin/env bash
# snakemake-executor-plugin-slurm 2.8.0, seen 2026-11-30.
# A job with both resources gpu and gres is submitted with --gres and --gpus, two demands for GPUs, without an error.
# In the same package the code that chooses among configured partitions calls the two "mutually exclusive" and raises.
# One would expect one answer.
# Touches in cellsift: workflow/profiles/slurm, where a site that knows only gres has to take gpu out.
# Output seen:
#   snakemake-executor-plugin-slurm 2.8.0 submits  --gres=gpu:a100:1 --gpus=1
#   its choice of partition: GPU resource specified in both 'gpu' and 'gres'. These are mutually exclusive.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check snakemake==9.27.1 \
  snakemake-executor-plugin-slurm==2.8.0
cd "$folder"
cat > look.py <<'END'
import sys
from importlib.metadata import version
from types import SimpleNamespace
from snakemake_executor_plugin_slurm.partitions import parse_gpu_requirements
from snakemake_executor_plugin_slurm.utils import set_gres_string


class Resources(dict):
    """As Snakemake hands them over: by key and as attributes."""

    __getattr__ = dict.__getitem__


job = SimpleNamespace(name="train", resources=Resources(gpu=1, gres="gpu:a100:1"))
submitted = set_gres_string(job)
try:
    chosen = parse_gpu_requirements(job)
except Exception as error:
    chosen = str(error)
print("snakemake-executor-plugin-slurm", version("snakemake-executor-plugin-slurm"), "submits", submitted)
print("its choice of partition:", chosen)
if submitted.split() != ["--gres=gpu:a100:1", "--gpus=1"] or "mutually exclusive" not in str(chosen):
    sys.exit("No longer as stated.")
END
PYTHONPATH= venv/bin/python look.py
