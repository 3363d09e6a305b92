"""Whole runs: what they leave behind, what a change runs again, and what a kill costs."""

import os
import re
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
import zarr
from brainglobe_utils.IO.cells import get_cells
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from cellsift.io.json_files import read_json, write_json
from cellsift.models.storage import load_model
from checkout import Checkout
from comparison import assert_same_tables

pytestmark = pytest.mark.slow

# What runs again with networks, themselves and what depends on them.
AFTER_TRAINING = {
    "count",
    "train",
    "calibrate",
    "cost",
    "classify",
    "compare",
    "evaluate",
    "explain",
} | {f"report_{page}" for page in ("brain", "index")}
PER_BRAIN = ("check_volumes", "detect", "keep_candidates", "cuboids", "projection", "describe")


@pytest.fixture
def copied(finished, tmp_path) -> Checkout:
    """A copy of the finished run, to be changed."""
    return Checkout.copied(finished.folder, tmp_path / "copied")


def test_results_are_laid_out_as_promised(finished):
    results = finished.results
    for brain in ("mouse_1", "mouse_2", "mouse_3"):
        candidates = pd.read_csv(results / "brains" / brain / "candidates.csv")
        cells = pd.read_csv(results / "brains" / brain / "small" / "cells.csv")
        assert list(cells) == ["z", "y", "x", "p_cell", "is_cell"]
        assert list(candidates)[:3] == ["z", "y", "x"]
        assert len(cells) == len(candidates) > 20
        page = results / "reports" / "brains" / f"{brain}.html"
        assert 20_000 < page.stat().st_size < 10_000_000
    assert 20_000 < (results / "reports" / "index.html").stat().st_size < 10_000_000
    assert "results/reports/index.html" in finished.output
    noted = read_json(results / "run.json")
    assert noted["config"]["arms"] == ["small"]
    assert noted["environment"]["packages"]["snakemake"]


def test_the_terminal_has_a_line_for_each_step_and_the_log_all_the_rest(finished):
    lines = finished.output.splitlines()
    steps = [re.fullmatch(r"([^;]+): [^;:]+; (\d+) of (\d+)(, about .+ left)?", x) for x in lines]
    steps = [step for step in steps if step]
    total = int(steps[0][3])
    assert f"{total} steps to do on 2 cores." in lines
    assert [int(step[2]) for step in steps] == list(range(1, total + 1))
    names = {step[1] for step in steps}
    assert len(names) == total
    assert {"train small, fold 1 of 2", "train small, fold 2 of 2", "cuboids of mouse_1"} <= names
    # Of the last steps it is known what they take.
    assert steps[-2][4]
    # What detection finds is told of each brain.
    assert len([line for line in lines if line.startswith("Note: brain mouse_")]) >= 3
    # Signs of life are few, and there is little else.
    apart = ("  ", "Note: ")
    others = [line for line in lines if line and not line.startswith(apart)]
    assert len(others) <= total + 6, finished.output
    assert "Select jobs to execute" not in finished.output
    # Dry runs of other tests came later.
    log = min((finished.folder / ".snakemake" / "log").glob("*.log")).read_text()
    assert all(part in log for part in ("Select jobs to execute", "rule train:", "Job stats:"))
    assert not list(finished.results.rglob("*.progress.*"))


def test_xml_opens_in_brainglobe(finished):
    folder = finished.results / "brains" / "mouse_3" / "small"
    cells = pd.read_csv(folder / "cells.csv")
    read = get_cells(str(folder / "cells.xml"))
    assert len(read) == len(cells)
    assert sum(cell.type == 2 for cell in read) == cells["is_cell"].sum()


def test_models_load_without_the_workflow(finished):
    model, sidecar = load_model(finished.results / "models" / "small" / "fold-0.json")
    assert sidecar["architecture"] == "resnet"
    assert not model.training


def test_tensorboard_shows_all_arms_and_folds_of_all_runs(finished, tmp_path):
    """Of a folder in which each run has its results, as the README has it."""
    folds = [f"small/fold-{fold}/tensorboard" for fold in range(2)]
    for run in ("one", "two"):
        shutil.copytree(finished.results / "training", tmp_path / run / "training")
    shown = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    runs = shown.Runs()
    assert sorted(runs) == [f"{run}/training/{fold}" for run in ("one", "two") for fold in folds]
    assert all("validation_loss" in run["scalars"] for run in runs.values())


def test_a_finished_run_has_nothing_left_to_do(finished):
    assert finished.planned() == []


def test_a_run_with_nothing_to_do_says_where_the_report_is(finished):
    code, output = finished.run("--cores", "1")
    assert code == 0
    assert "Nothing to be done" in output
    assert "The report is in results/reports/index.html" in output


def test_a_new_arm_trains_that_arm_only(copied):
    copied.write_arm("another", options={"depth": 18, "width": 8})
    copied.write_config("small.yaml", arms=["small", "another"])
    jobs = copied.planned()
    trained = [wildcards for rule, wildcards in jobs if rule == "train"]
    assert sorted(trained) == ["arm=another, fold=0", "arm=another, fold=1"]
    assert not {rule for rule, _ in jobs} & {*PER_BRAIN, "label", "folds"}
    assert all("small" not in wildcards for rule, wildcards in jobs)


def test_a_student_trains_on_the_models_that_its_teacher_has(copied):
    taught = {"architecture": "deit3d", "options": {"width": 24, "depth": 2}}
    copied.write_arm("student", **taught, training={"teacher": "small", "epochs": 1})
    copied.write_config("small.yaml", arms=["small", "student"])
    target = "results/models/student/fold-0.json"
    jobs = copied.planned("--", target)
    code, output = copied.run("--cores", "1", "--", target)
    assert jobs == [("train", "arm=student, fold=0")]
    assert code == 0, output


def test_arms_that_name_a_pretraining_share_it_and_start_from_it(copied):
    network = {"architecture": "resnet", "options": {"depth": 18, "width": 4}}
    settings = {"method": "dino", **network, "epochs": 1, "prototypes": 16, "local_views": 0}
    folder = copied.folder / "config" / "pretraining"
    (folder / "quick.yaml").write_text(yaml.safe_dump(settings))
    for name in ("first", "second"):
        copied.write_arm(name, **network, training={"pretraining": "quick", "epochs": 1})
    copied.write_config("small.yaml", arms=["small", "first", "second"])
    targets = [f"results/models/{name}/fold-0.json" for name in ("first", "second")]
    jobs = copied.planned("--", *targets)
    code, output = copied.run("--cores", "2", "--", *targets)
    assert sorted(jobs) == [
        ("pretrain", "pretraining=quick"),
        ("train", "arm=first, fold=0"),
        ("train", "arm=second, fold=0"),
    ]
    assert code == 0, output
    made = read_json(copied.results / "models" / "first" / "fold-0.json")["provenance"]
    learnt = read_json(copied.results / "pretraining" / "quick" / "backbone.json")["provenance"]
    assert made["starting_point"]
    assert learnt["brains"] == ["mouse_1", "mouse_2"]


def test_an_arm_starts_from_the_model_of_other_brains_and_of_no_others(copied, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(copied.results / "models" / "small", elsewhere)
    sidecar = read_json(elsewhere / "fold-0.json")
    sidecar["provenance"] |= {"brains": ["another_mouse"], "judged_on": ["a_third_mouse"]}
    target = "results/models/started/fold-1.json"
    copied.write_arm("started", training={"init_from": str(elsewhere), "epochs": 1})
    copied.write_config("small.yaml", arms=["small", "started"])
    refused = copied.run("--cores", "1", "--", target)
    write_json(sidecar, elsewhere / "fold-0.json")
    code, output = copied.run("--cores", "1", "--", target)
    assert refused[0] == 1
    assert "has learnt from brain mouse_1" in refused[1]
    assert "Traceback" not in refused[1]
    assert code == 0, output
    assert read_json(copied.folder / target)["provenance"]["starting_point"]


def test_an_arm_with_a_search_is_trained_with_what_was_found(finished, tmp_path):
    """Two jobs at once share the trials of each search."""
    run = Checkout.copied(finished.folder, tmp_path / "checkout")
    space = {"learning_rate": {"low": 0.001, "high": 0.01, "log": True}}
    search = {"trials": 2, "jobs": 2, "space": space}
    run.write_arm("sought", training={"epochs": 1}, search=search)
    run.write_config("small.yaml", arms=["small", "sought"])
    jobs = run.planned()
    for rule, each in (("search", 2), ("choose_recipe", 1)):
        of_rule = [wildcards for name, wildcards in jobs if name == rule]
        studies = sorted(wildcards.split("study=")[1].split(",")[0] for wildcards in of_rule)
        assert studies == sorted(["all", "fold-0", "fold-1"] * each)
    # Pages of brains do not show searches.
    code, output = run.run("--cores", "2", "--", "results/reports/index.html")
    assert code == 0, output
    found = run.results / "search" / "sought"
    for study in ("all", "fold-0", "fold-1"):
        tables = [pd.read_csv(found / study / f"job-{job}.csv") for job in (1, 2)]
        both = tables[0].merge(tables[1], on="trial")
        assert len(both) >= 2
        assert (both["learning_rate_x"] == both["learning_rate_y"]).all()
        # A job may have begun one more while the other ended the last.
        assert len(pd.read_csv(found / study / "trials.csv")) in (2, 3)
    for fold in range(2):
        chosen = read_json(found / f"fold-{fold}" / "chosen.json")["values"]["learning_rate"]
        made = read_json(run.results / "models" / "sought" / f"fold-{fold}.json")["provenance"]
        assert made["recipe"]["learning_rate"] == chosen
    page = (run.results / "reports" / "index.html").read_text()
    assert "What the searches for better recipes found" in page
    assert "without fold-1" in page
    shutil.copy(found / "sought_searched.yaml", run.folder / "config" / "arms")
    run.write_config("small.yaml", arms=["small", "sought", "sought_searched"])
    trained = {wildcards for rule, wildcards in run.planned() if rule in ("train", "search")}
    assert trained == {f"arm=sought_searched, fold={fold}" for fold in range(2)}


def test_a_new_brain_to_predict_trains_nothing(copied):
    copied.write_table(copied.row("mouse_4", "predict", source="mouse_3"))
    jobs = copied.planned()
    rules = {rule for rule, _ in jobs}
    assert {*PER_BRAIN, "classify", "compare", "report_brain"} <= rules
    assert not rules & {"label", "folds", "train", "calibrate", "evaluate", "cost", "explain"}
    assert all(
        "mouse_4" in wildcards
        for rule, wildcards in jobs
        if rule in (*PER_BRAIN, "classify", "compare")
    )


def test_an_edited_notebook_computes_nothing(copied):
    (copied.folder / "reports" / "index.ipynb").touch()
    assert {rule for rule, _ in copied.planned()} <= {"report_index", "all"}


@pytest.mark.parametrize(
    ("edited", "again"),
    [
        ("evaluation/curves.py", {"evaluate", "report_index"}),
        ("inference/trained_arm.py", AFTER_TRAINING - {"train", "calibrate", "cost"}),
        ("interop/keras_files.py", AFTER_TRAINING),
        ("models/classifiers/resnet.py", AFTER_TRAINING),
        ("reporting/maps.py", {"report_brain"}),
        # Other families and detectors, what no arm asks for, and what shows how a job goes.
        ("models/classifiers/vit.py", set()),
        ("detection/cellfinder.py", set()),
        ("training/pretraining/dino.py", set()),
        ("workflow/job.py", set()),
    ],
)
def test_an_edited_module_runs_again_just_what_reaches_it(copied, edited, again):
    """And what depends on that."""
    module = copied.folder / "scripts" / "cellsift" / edited
    before = module.read_text()
    module.write_text(before + "\n# edited\n")
    rules = {rule for rule, _ in copied.planned()}
    assert rules - {"all"} == again


def test_slabs_that_an_older_detection_left_are_made_anew(new_checkout):
    """Or an interrupted brain would be made of what two versions found."""
    checkout = new_checkout()
    slab = "results/brains/mouse_1/detection/detect-0.npz"
    code, output = checkout.run("--cores", "1", "--notemp", "--", slab)
    assert code == 0, output
    assert checkout.planned("--", slab) == []
    module = checkout.folder / "scripts" / "cellsift" / "detection" / "dog.py"
    module.write_text(module.read_text() + "\n# edited\n")
    assert {rule for rule, _ in checkout.planned("--", slab)} == {
        "check_volumes",
        "accept_volumes",
        "detect_slab",
    }


def rules_after_editing(copied, brain: str, to: Path) -> set[str]:
    """Rules of the jobs that a run would do if this brain's annotation were another file."""
    shutil.copy(copied.folder / "brains" / brain / "cells.csv", to)
    rows = copied.rows
    copied.rows = [row.replace(f"brains/{brain}/cells.csv", str(to)) for row in rows]
    copied.write_table()
    rules = {rule for rule, _ in copied.planned()}
    copied.rows = rows
    return rules


def test_an_edited_annotation_detects_nothing_again(copied, tmp_path):
    """What is learnt from it or measured by it is made anew, and nothing else."""
    to_learn = rules_after_editing(copied, "mouse_1", tmp_path / "one.csv")
    assert {"preflight", "choose_contrast", "label", "train", "evaluate"} <= to_learn
    assert not to_learn & {"check_volumes", "accept_volumes", "detect_slab", "detect", "projection"}
    to_measure = rules_after_editing(copied, "mouse_3", tmp_path / "three.csv")
    assert {"preflight", "label", "evaluate"} <= to_measure
    assert not to_measure & {*PER_BRAIN, "detect_slab", "choose_contrast", "train", "calibrate"}


def test_a_new_description_of_an_arm_trains_nothing(copied):
    copied.write_arm("small", description="said in other words")
    rules = {rule for rule, _ in copied.planned()}
    assert rules <= {"report_index", "all"}


def kill_when(checkout, reached) -> None:
    """Start a run and kill it, jobs and all, when `reached()`."""
    process = checkout.start("--cores", "2")
    while not reached():
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_killed_runs_end_with_the_same_tables(finished, new_checkout):
    """SIGKILL in detection, training and afterwards, then another number of cores: the same."""
    checkout = new_checkout()
    results = checkout.results
    for moment in ("brains/*/detection/*", "training/checkpoints/*/*.pt", "brains/*/small/*.csv"):
        kill_when(checkout, lambda moment=moment: any(results.glob(moment)))
    code, output = checkout.run("--cores", "1")
    assert code == 0, output
    assert_same_tables(finished.results, results)
    assert checkout.leftovers == []


def test_a_second_run_in_the_folder_is_told(new_checkout):
    checkout = new_checkout()
    first = checkout.start("--cores", "1")
    try:
        time.sleep(3)
        code, output = checkout.run("--cores", "1")
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    assert code != 0
    assert "Another run is at work" in output


def test_bad_input_is_refused_before_any_work(new_checkout):
    checkout = new_checkout()
    (checkout.folder / "empty").mkdir()
    broken = checkout.row("mouse_5", "predict", source="mouse_3")
    checkout.write_table(broken.replace("brains/mouse_3/signal", "empty"))
    code, output = checkout.run("--cores", "1")
    assert code != 0
    messages = [line for line in output.splitlines() if line.startswith("Error: ")]
    assert len(messages) == 1
    assert "mouse_5" in messages[0]
    assert "empty" in messages[0]
    found = {path.name for path in (checkout.results / "brains").rglob("*") if path.is_file()}
    assert found <= {"checked.json", "volumes.json", "preflight.json"}


def test_paths_that_lead_nowhere_are_refused_before_any_brain_is_looked_at(new_checkout):
    checkout = new_checkout()
    checkout.write_table(checkout.row("mouse_5", "predict"))
    code, output = checkout.run("--cores", "1")
    assert code != 0
    for column in ("signal", "background"):
        assert f"brain mouse_5, {column}: brains/mouse_5/{column}: there is no such" in output
    assert "Traceback" not in output
    assert not [path for path in (checkout.results / "brains").rglob("*") if path.is_file()]


def write_ome_zarr(path: Path, planes: Path) -> None:
    """An OME-Zarr of these planes, in chunks of 7."""
    voxels = np.stack([tifffile.imread(plane) for plane in sorted(planes.iterdir())])
    group = zarr.create_group(path)
    group.create_array("0", data=voxels, chunks=(7, 75, 90))
    scale = {"type": "scale", "scale": [5, 2, 2]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    image = {"axes": [{"name": axis} for axis in "zyx"], "datasets": [dataset]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}


def test_a_half_copied_ome_zarr_is_told_before_any_work(new_checkout, small_brains):
    """In the terminal, and in what the brain's page is made of."""
    checkout = new_checkout()
    volume = checkout.folder / "signal.zarr"
    write_ome_zarr(volume, small_brains / "mouse_3" / "signal")
    (volume / "0" / "c" / "2" / "0" / "1").unlink()
    row = checkout.row("half", "predict", source="mouse_3")
    checkout.write_table(row.replace("brains/mouse_3/signal", volume.name))
    found = "results/brains/half/preflight.json"
    code, output = checkout.run("--cores", "1", "--", found)
    assert code == 0, output
    told = "brain half: signal.zarr: 1 of 16 chunks have no file and read as 0 everywhere."
    (note,) = [line for line in output.splitlines() if line.startswith("Note: ")]
    assert note.startswith(f"Note: {told}")
    (warning,) = read_json(checkout.folder / found)["warnings"]
    assert warning.startswith(told)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"arms": ["missing"]}, "no arm 'missing'"), ({"cuboids": 1}, "unknown key 'cuboids'")],
)
def test_bad_config_is_one_clear_error(new_checkout, change, message):
    checkout = new_checkout()
    checkout.write_config("small.yaml", **change)
    code, output = checkout.run("--cores", "1")
    assert code != 0
    assert message in output
    assert "Traceback" not in output
    assert not checkout.results.exists()


def test_a_model_from_phantoms_classifies_real_cortex(copied, shared_data):
    crop = shared_data / "cortex_two_channel"
    row = ["cortex", "predict", f"{crop}/signal", f"{crop}/background", "5", "2", "2", "", ""]
    copied.write_table("\t".join(row))
    code, output = copied.run("--cores", "2")
    assert code == 0, output
    assert "rule classify:" in copied.full_log
    assert "rule train:" not in copied.full_log
    cells = pd.read_csv(copied.results / "brains" / "cortex" / "small" / "cells.csv")
    assert len(cells) > 20
    assert cells["p_cell"].between(0, 1).all()
    assert (copied.results / "reports" / "brains" / "cortex.html").stat().st_size < 10_000_000
