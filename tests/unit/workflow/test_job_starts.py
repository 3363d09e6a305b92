"""What a job loads before it works: no library that takes long to load, unless it needs it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
ADAPTERS = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.name != "run.py")
NETWORKS = {"cost", "explain", "pretrain", "score_chunk", "search", "train"}
# Jobs of a moment, of which there is one for each brain or arm.
SMALLEST = {"accept_volumes", "cost_ensemble", "keep_candidates"}
# Libraries that take a quarter of a second or more, and the jobs that need them from the start.
HEAVY = {
    "numpy": set(ADAPTERS) - SMALLEST,
    "pandas": set(ADAPTERS) - SMALLEST,
    "torch": NETWORKS,
    "torch._dynamo": set(),
    "monai": set(),
    "keras": set(),
    "cellfinder": set(),
    "captum": {"explain"},
    "matplotlib": {"explain"},
    "optuna": {"search", "choose_recipe", "searched_arm"},
    # Optuna's importance of parameters brings it along.
    "sklearn": {"evaluate", "search", "train", "choose_recipe", "searched_arm"},
    "scipy.stats": {"evaluate", "search", "train", "choose_recipe", "searched_arm"},
    "dask": {
        "check_volumes",
        "contrast_slab",
        "cuboids",
        "detect_slab",
        "find_centres",
        "projection",
    },
    "nbconvert": {"report_brain", "report_index"},
    "ipykernel": set(),
    "papermill": set(),
    "snakemake": set(),
    "grimp": set(),
}


def imports_of(adapter: str) -> str:
    tree = ast.parse((SCRIPTS / f"{adapter}.py").read_text())
    return "\n".join(
        ast.unparse(n) for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)
    )


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_job_loads_what_it_needs_alone(adapter):
    code = f"import sys\n{imports_of(adapter)}\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(SCRIPTS)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(ran.stdout.split()) & set(HEAVY)
    assert loaded <= {name for name, jobs in HEAVY.items() if adapter in jobs}


def test_training_and_scoring_do_not_load_the_compiler_of_torch():
    code = (
        "import sys; from cellsift.inference.device import repeatable\n"
        "with repeatable(1): pass\n"
        "sys.exit('torch._dynamo' in sys.modules or 'torch._inductor' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    assert subprocess.run([sys.executable, "-c", code], env=env).returncode == 0
