"""An ensemble among the arms of a run: made of what is there, and followed up when that changes."""

import numpy as np
import pandas as pd
import pytest

from cellsift.cuboids.store import CuboidStore
from cellsift.inference.classify import classify_brain
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from checkout import Checkout

pytestmark = pytest.mark.slow

ARMS = ["small", "another"]
ANOTHER = {"options": {"depth": 18, "width": 6}}
STACKED = {"architecture": "ensemble", "options": {"members": ARMS, "method": "stacking"}}
OF_ENSEMBLES = {"combine", "classify_ensemble", "cost_ensemble"}
OF_COMPARISONS = {"count", "evaluate", "report_index", "report_brain", "all"}


@pytest.fixture(scope="module")
def run(finished, tmp_path_factory):
    """The finished run, gone on with a second arm, and then with an ensemble of both."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("ensembles") / "checkout")
    checkout.write_arm("another", **ANOTHER)
    checkout.write_arm("stacked", **STACKED)
    checkout.jobs = []
    for arms in (ARMS, [*ARMS, "stacked"]):
        checkout.write_config("small.yaml", arms=arms)
        checkout.jobs = checkout.planned()
        code, output = checkout.run("--cores", "2")
        assert code == 0, output
    return checkout


def test_adding_an_ensemble_uses_no_network_but_to_explain_it(run):
    rules = {rule for rule, _ in run.jobs}
    assert rules == OF_ENSEMBLES | OF_COMPARISONS | {"explain"}
    assert [wildcards for rule, wildcards in run.jobs if rule == "explain"] == ["arm=stacked"]
    assert [rule for rule, _ in run.jobs].count("classify_ensemble") == 3


def test_then_nothing_is_left_to_do(run):
    assert run.planned() == []


def test_an_ensemble_follows_its_members(run):
    run.write_arm("another", training={"weight_decay": 0.01}, **ANOTHER)
    try:
        jobs = run.planned()
    finally:
        run.write_arm("another", **ANOTHER)
    trained = [wildcards for rule, wildcards in jobs if rule == "train"]
    assert sorted(trained) == ["arm=another, fold=0", "arm=another, fold=1"]
    assert {rule for rule, _ in jobs} >= OF_ENSEMBLES | OF_COMPARISONS
    assert "arm=stacked" in [wildcards for rule, wildcards in jobs if rule == "explain"]


def test_another_method_trains_nothing(run):
    run.write_arm("stacked", **STACKED | {"options": {"members": ARMS, "method": "mean"}})
    try:
        rules = {rule for rule, _ in run.planned()}
    finally:
        run.write_arm("stacked", **STACKED)
    assert {"combine", "classify_ensemble", "evaluate"} <= rules
    assert not rules & {"train", "calibrate", "classify", "cost"}


def test_cells_are_those_that_the_stored_models_give(run):
    models, brains = run.results / "models", run.results / "brains"
    scores = read_table(run.results / "training" / "stacked" / "scores.csv")
    for brain in ("mouse_1", "mouse_2", "mouse_3"):
        store = CuboidStore.open([brains / brain / "cuboids" / "1-of-1.zarr"])
        known = scores[scores["brain"] == brain] if brain != "mouse_3" else None
        cells = classify_brain(models / "stacked", store, known, device="cpu")
        written = read_table(brains / brain / "stacked" / "cells.csv")
        pd.testing.assert_frame_equal(written, cells, check_exact=False, atol=1e-6, rtol=0)
        assert (written["is_cell"] == cells["is_cell"]).all()
        assert (brains / brain / "stacked" / "cells.xml").stat().st_size > 1000


def test_logits_are_kept_in_full(run):
    for brain in ("mouse_1", "mouse_3"):
        folder = run.results / "brains" / brain / "small"
        logits, cells = np.load(folder / "logits.npy"), read_table(folder / "cells.csv")
        temperature = read_json(run.results / "models" / "small" / "model.json")["temperature"]
        assert logits.dtype == np.float64
        p_cell = 1 / (1 + np.exp(-logits / temperature))
        np.testing.assert_allclose(p_cell, cells["p_cell"], atol=1e-6)


def test_every_table_and_page_has_the_ensemble(run):
    evaluation = run.results / "evaluation"
    for name in ("classification", "end_to_end", "confusion", "calibration_curve"):
        assert "stacked" in set(read_table(evaluation / f"{name}.csv")["arm"])
    compared = read_table(evaluation / "comparison.csv")
    assert {"small", "another", "stacked"} <= {*compared["arm_a"], *compared["arm_b"]}
    cost = {arm: read_json(evaluation / "cost" / f"{arm}.json") for arm in (*ARMS, "stacked")}
    assert cost["stacked"]["parameters"] == sum(cost[arm]["parameters"] for arm in ARMS)
    assert cost["stacked"]["training_seconds"] > 0
    assert (run.results / "explanations" / "stacked" / "montage.png").stat().st_size > 10_000
    page = (run.results / "reports" / "index.html").read_text()
    assert "ensemble, stacking: small × " in page or "ensemble, stacking: another × " in page
    assert "stacked" in (run.results / "reports" / "brains" / "mouse_3.html").read_text()
