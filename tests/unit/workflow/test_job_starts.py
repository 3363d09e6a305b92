"""What a job loads before it works: no library that takes long to load, unless it needs it."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"
ADAPTERS = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.name != "run.py")
NETWORKS = {
    "accept_fold",
    "cost",
    "explain",
    "pretrain",
    "score_chunk",
    "search",
    "train",
    "train_final",
}
SEARCHES = {"search", "choose_recipe", "tune_detection"}
VOLUMES = {
    "check_regions",
    "check_volumes",
    "contrast_slab",
    "cuboids",
    "describe",
    "detect_slab",
    "find_centres",
    "projection",
    "show_detection",
    "suggest_brain",
    "tune_detection",
}
WRITES_PAGES = {"report_brain", "report_index", "show_suggestions", "try_detection"}
MATCHES = {
    "calibrate",
    "choose_contrast",
    "combine",
    "correct",
    "count",
    "evaluate",
    "label",
    "sample",
    "show_detection",
    "summarise_detection",
}
# Jobs of a moment, of which there is one for each brain or arm.
SMALLEST = {"accept_volumes", "cost_ensemble", "keep_candidates"}
# Libraries that take a tenth of a second or more, and the jobs that need them from the start.
HEAVY = {
    "numpy": set(ADAPTERS) - SMALLEST,
    "pandas": set(ADAPTERS) - SMALLEST,
    "torch": NETWORKS,
    "torch._dynamo": set(),
    "torch.utils.tensorboard": set(),
    "monai": set(),
    "keras": set(),
    "cellfinder": set(),
    "numba": set(),
    "captum": {"explain"},
    "matplotlib": {"explain"},
    "optuna": SEARCHES,
    # Optuna's importance of parameters brings it along.
    "sklearn": {"evaluate"} | SEARCHES,
    "scipy.stats": {"evaluate", "summarise_detection"} | SEARCHES,
    "scipy.optimize": MATCHES | SEARCHES,
    # Comes with scipy.optimize.
    "scipy.spatial": MATCHES | {"compare", "describe", "sample"} | SEARCHES,
    # Only an OME-Zarr and a store of cuboids need it: they are opened later.
    "zarr": {"cuboids"},
    "dask": VOLUMES,
    "nbconvert": WRITES_PAGES,
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


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_no_garbage_is_looked_for_while_the_libraries_of_a_job_load(adapter, tmp_path):
    """It would take a tenth of the time; while the job works it is looked for."""
    first, *_ = [name for name in imports_of(adapter).splitlines() if "cellsift" in name]
    code = (
        "import gc, sys\nclass Snakemake: pass\n"
        f"snakemake = Snakemake()\n{first}\n"
        "assert not gc.isenabled()\n"
        "with job(sys.argv[1]):\n"
        "    assert gc.isenabled()\n"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", code, tmp_path / "log"], env=env, check=True)


@pytest.mark.parametrize("also", ["", ", snakemake"])
def test_who_imports_the_package_keeps_the_search_for_garbage(also):
    code = f"import gc{also}, cellsift.workflow.job; assert gc.isenabled()"
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


def test_training_and_scoring_do_not_load_the_compiler_of_torch():
    code = (
        "import sys; from cellsift.inference.device import repeatable\n"
        "with repeatable(1): pass\n"
        "sys.exit('torch._dynamo' in sys.modules or 'torch._inductor' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    assert subprocess.run([sys.executable, "-c", code], env=env).returncode == 0


def test_no_step_of_an_optimiser_nor_a_count_of_operations_loads_the_compiler_of_torch():
    """torch's own ways to do both load it, more than a second of each job."""
    code = (
        "import sys, torch\n"
        "from cellsift.inference.flops import FlopCounter\n"
        "from cellsift.training.optimisation import make_moving_average, make_optimiser, step\n"
        "model = torch.nn.Linear(8, 4)\n"
        "optimiser, average = make_optimiser(model, 0.1), make_moving_average(model, 0.9)\n"
        "with FlopCounter() as counter:\n"
        "    step(model, optimiser, lambda: model(torch.ones(2, 8)).square().mean(), 0.1)\n"
        "average.update_parameters(model)\n"
        "optimiser.load_state_dict(optimiser.state_dict())\n"
        "assert counter.total > 0\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    assert subprocess.run([sys.executable, "-c", code], env=env).returncode == 0


def test_a_volume_of_planes_is_opened_and_checked_without_zarr(tmp_path):
    planes = tmp_path / "planes"
    planes.mkdir()
    voxels = np.random.default_rng(0).integers(0, 4000, (9, 90, 90), dtype=np.uint16)
    for z, plane in enumerate(voxels):
        tifffile.imwrite(planes / f"plane_{z:03}.tif", plane)
    code = (
        "import sys\n"
        "from cellsift.preflight.volumes import check_volumes\n"
        "from cellsift.settings.brains import Brain\n"
        "from cellsift.workflow.reading_threads import limit_reading\n"
        "limit_reading(1)\n"
        "brain = {'name': 'mouse', 'signal': sys.argv[1], 'voxel_size': [5, 2, 2]}\n"
        "assert check_volumes(Brain.from_dict(brain))['signal']['shape'] == [9, 90, 90]\n"
        "sys.exit('zarr' in sys.modules)"
    )
    env = os.environ | {"PYTHONPATH": str(SCRIPTS)}
    assert subprocess.run([sys.executable, "-c", code, planes], env=env).returncode == 0
