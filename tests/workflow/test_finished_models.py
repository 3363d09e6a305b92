"""Arms that are finished models, folders of trained arms: runs in which nothing is trained."""

import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from keras_networks import cellfinder_network

from cellsift.cuboids.store import CuboidStore
from cellsift.inference.classify import classify_brain
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table
from cellsift.models.storage import load_model, save_model
from checkout import CONFIG, Checkout

pytestmark = pytest.mark.slow

DETECTION = {"method": "dog", "soma_diameter": 14}
# Nothing is said of cuboids: the model's are taken.
GIVEN = {key: value for key, value in CONFIG.items() if key not in ("cuboid", "training")}
OF_TRAINING = {"folds", "train", "calibrate", "search", "pretrain"}
NETWORKS = range(2)


def with_model(source: Checkout, folder) -> Checkout:
    """A checkout without results, with the model of a finished run and an arm that uses it."""
    checkout = Checkout.copied(source.folder, folder)
    shutil.move(checkout.results / "models" / "small", checkout.folder / "given")
    shutil.rmtree(checkout.results)
    shutil.rmtree(checkout.folder / ".snakemake")
    write_arm(checkout)
    return checkout


def write_arm(checkout: Checkout, name: str = "as_it_is", **content) -> None:
    path = checkout.folder / "config" / "arms" / f"{name}.yaml"
    write_json({"model": "given"} | content, path)


def write_config(checkout: Checkout, **changes) -> None:
    content = GIVEN | {"arms": ["as_it_is"], "detection": DETECTION} | changes
    write_json({key: value for key, value in content.items() if value is not None}, checkout.config)


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    """A finished run of a brain of role predict alone."""
    checkout = with_model(finished, tmp_path_factory.mktemp("models") / "checkout")
    checkout.config = checkout.folder / "small.yaml"
    checkout.rows = [checkout.row("mouse_9", "predict", source="mouse_3")]
    checkout.write_table()
    write_config(checkout)
    checkout.jobs = checkout.planned()
    code, checkout.output = checkout.run("--cores", "2")
    assert code == 0, checkout.output
    return checkout


@pytest.fixture
def copied(run, tmp_path) -> Checkout:
    checkout = Checkout.copied(run.folder, tmp_path / "copied")
    checkout.config = checkout.folder / "small.yaml"
    return checkout


def words(page) -> str:
    """The text of a page, without its pictures."""
    text = re.sub(r'src="data:[^"]*"', "", page.read_text())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_a_brain_to_predict_is_all_that_a_finished_model_needs(run):
    rules = {rule for rule, _ in run.jobs}
    assert not rules & OF_TRAINING
    accepted = [wildcards for rule, wildcards in run.jobs if rule == "accept_fold"]
    assert sorted(accepted) == [f"arm=as_it_is, fold={fold}" for fold in NETWORKS]
    folder = run.results / "brains" / "mouse_9"
    store = CuboidStore.open([folder / "cuboids" / "1-of-1.zarr"])
    cells = classify_brain(run.folder / "given", store, device="cpu")
    written = read_table(folder / "as_it_is" / "cells.csv")
    pd.testing.assert_frame_equal(written, cells, check_exact=False, atol=1e-6, rtol=0)
    assert 0 < written["is_cell"].sum() < len(written)
    assert (folder / "as_it_is" / "cells.xml").stat().st_size > 1000
    assert (run.results / "explanations" / "as_it_is" / "montage.png").stat().st_size > 10_000


def test_the_count_rests_on_brains_measured_before_and_says_so(run):
    document = read_json(run.results / "brains" / "mouse_9" / "count.json")
    found = document["arms"]["as_it_is"]
    assert found["low"] < found["count"] < found["high"]
    assert "there is no annotated train brain, so this rests on how brains measured" in run.output


def test_pages_say_nothing_of_train_brains_that_there_are_not(run):
    index = words(run.results / "reports" / "index.html")
    brain = words(run.results / "reports" / "brains" / "mouse_9.html")
    for page in (index, brain):
        assert "out of fold" not in page.lower()
        assert "out-of-fold" not in page.lower()
        assert "arm that did best" not in page
    assert "as_it_is is a finished model, used as it is" in index
    assert "a finished model, given, of 2 networks; learnt from mouse_1, mouse_2" in index
    assert "No arm was trained in this run" in index
    assert "There is no annotated train brain to compare with" in index
    assert "no other train brain, with annotation, to compare this one with" in brain
    assert "by as_it_is, the first arm of the config" in brain


def test_the_index_has_the_pictures_that_came_after_it(run):
    assert (
        "Evidence in candidates by as_it_is" in (run.results / "reports" / "index.html").read_text()
    )


def test_then_nothing_is_left_to_do(run):
    assert run.planned() == []


def test_other_weights_are_used_anew(copied):
    """Classified anew, and all that rests on it; nothing is detected or cut again."""
    path = copied.folder / "given" / "fold-1.json"
    network, sidecar = load_model(path)
    for parameter in network.parameters():
        parameter.data *= 1.01
    save_model(path, network, sidecar)
    rules = {rule for rule, _ in copied.planned()}
    assert {"accept_fold", "accept_model", "classify", "count", "explain"} <= rules
    assert not rules & {*OF_TRAINING, "detect", "cuboids", "projection", "describe"}


def test_another_threshold_scores_no_cuboid_by_other_networks(copied):
    write_arm(copied, threshold=1)
    rules = [rule for rule, _ in copied.planned()]
    assert "accept_model" in rules
    assert "accept_fold" not in rules


def test_annotated_brains_measure_it_and_are_told_apart_from_those_learnt_from(copied):
    """Train brains that the model does not know are plain brains to it; one is a test brain."""
    for fold in NETWORKS:
        path = copied.folder / "given" / f"fold-{fold}.json"
        content = read_json(path)
        content["provenance"] |= {"brains": ["other_1"], "judged_on": ["other_2"]}
        write_json(content, path)
    copied.rows = [row for row in copied.rows_of_brains() if not row.startswith("mouse_2")]
    copied.write_table()
    write_config(copied)
    assert not {rule for rule, _ in copied.planned()} & OF_TRAINING
    code, output = copied.run("--cores", "2", "results/reports/index.html")
    assert code == 0, output
    scores = read_table(copied.results / "evaluation" / "end_to_end.csv").set_index("brain")
    of_arm = scores[scores["arm"] == "as_it_is"]
    assert of_arm.loc["mouse_3", "scores"].unique() == ["locked"]
    assert of_arm.loc["mouse_1", "scores"].unique() == ["model as it is"]
    f1 = of_arm[of_arm["metric"] == "f1"]["value"]
    assert f1.between(0.05, 1).all()
    index = words(copied.results / "reports" / "index.html")
    assert "as_it_is, reaches F1" in index
    assert "out of fold" not in index.lower()
    document = read_json(copied.results / "brains" / "mouse_3" / "count.json")
    assert document["train_brains"] == ["mouse_1"]


def test_beside_arms_that_are_trained(copied):
    for fold in NETWORKS:
        path = copied.folder / "given" / f"fold-{fold}.json"
        content = read_json(path)
        content["provenance"] |= {"brains": ["other_1"], "judged_on": ["other_2"]}
        write_json(content, path)
    copied.rows = copied.rows_of_brains()
    copied.write_table()
    write_config(copied, arms=["as_it_is", "small"], training=CONFIG["training"] | {"folds": 3})
    jobs = copied.planned()
    folds = [wildcards for rule, wildcards in jobs if rule == "train"]
    assert sorted(folds) == [f"arm=small, fold={fold}" for fold in range(3)]
    accepted = [wildcards for rule, wildcards in jobs if rule == "accept_fold"]
    assert sorted(accepted) == [f"arm=as_it_is, fold={fold}" for fold in NETWORKS]


def test_damaged_weights_are_refused_and_nothing_is_left(copied):
    weights = copied.folder / "given" / "fold-1.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    shutil.rmtree(copied.results / "models")
    code, output = copied.run("--cores", "1", "results/models/as_it_is/model.json")
    assert code != 0
    assert "holds other weights than those fold-1.json was written for" in output
    left = [path.name for path in (copied.results / "models").rglob("*") if path.is_file()]
    assert not {"model.json", "fold-1.json", "fold-1.safetensors"} & set(left)


def test_cellfinders_weights_classify_a_brain(copied):
    """In cellfinder's own cuboids, by its own decision."""
    cellfinder_network().save(copied.folder / "resnet18.h5")
    write_arm(copied, "of_cellfinder", model="resnet18.h5")
    write_config(copied, arms=["of_cellfinder"])
    code, output = copied.run("--cores", "2", "results/brains/mouse_9/of_cellfinder/cells.csv")
    assert code == 0, output
    folder = copied.results / "brains" / "mouse_9"
    assert CuboidStore.open([folder / "cuboids" / "1-of-1.zarr"]).shape == (20, 50, 50)
    cells = read_table(folder / "of_cellfinder" / "cells.csv")
    assert cells["is_cell"].equals(cells["p_cell"] >= 0.5)


def test_a_config_that_names_no_detection_proposes_what_the_model_learnt_from(copied, finished):
    """Down to the contrast that was chosen on its train brains; mouse_9 is mouse_3."""
    write_config(copied, detection=None)
    code, output = copied.run("--cores", "2", "results/brains/mouse_9/candidates.csv")
    assert code == 0, output
    assert "Note: detection is as given learnt, {method: dog, keep: {'contrast': " in output
    found = read_table(copied.results / "brains" / "mouse_9" / "candidates.csv")
    known = read_table(finished.results / "brains" / "mouse_3" / "candidates.csv")
    pd.testing.assert_frame_equal(found, known)
    everything = read_table(copied.results / "brains" / "mouse_9" / "detected.csv")
    assert len(found) < len(everything)


def blocks(repository, language: str = "") -> list[str]:
    """The code blocks of the README's section on models as they are."""
    text = (repository / "README.md").read_text()
    section = text.split("## Use a model as it is")[1].split("\n## ")[0]
    found = re.findall(r"^```(\w*)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)
    return [content for name, content in found if name == language]


def test_what_the_readme_says_is_planned_as_it_stands_there(copied, repository):
    shutil.move(copied.folder / "given", copied.folder / "models" / "cfos-2026")
    arm, config = blocks(repository, "yaml")
    (copied.folder / "config" / "arms" / "as_it_is.yaml").write_text(arm)
    (copied.folder / "new.yaml").write_text(config)
    shutil.copy(copied.folder / "brains.tsv", copied.folder / "new.tsv")
    (command,) = [block.strip() for block in blocks(repository) if "run.py" in block]
    dry = subprocess.run(
        [sys.executable, *command.split()[1:], "--dry-run"],
        cwd=copied.folder,
        env=os.environ | {"PYTHONPATH": str(copied.folder / "scripts")},
        capture_output=True,
        text=True,
    )
    assert dry.returncode == 0, dry.stdout + dry.stderr
    assert "accept_model" in dry.stdout
    assert not re.search(rf"^(local)?rule ({'|'.join(OF_TRAINING)}):", dry.stdout, re.MULTILINE)


def test_the_readmes_lines_of_python_classify_a_brain(copied, repository, small_brains):
    shutil.move(copied.folder / "given", copied.folder / "models" / "cfos-2026")
    shutil.copytree(small_brains / "mouse_3", copied.results / "phantom" / "phantom_b")
    (example,) = blocks(repository, "python")
    run = subprocess.run(
        [sys.executable, "-c", example],
        cwd=copied.folder,
        env=os.environ | {"PYTHONPATH": str(repository / "scripts")},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found = read_table(copied.results / "brains" / "mouse_9" / "as_it_is" / "cells.csv")
    assert f"{found['is_cell'].sum()} of {len(found)} candidates are called cells" in run.stdout


def test_something_to_annotate_is_suggested_too(copied):
    assert {rule for rule, _ in copied.planned("suggest")} & {"suggest_brain", *OF_TRAINING} == {
        "suggest_brain"
    }
