"""The modes of a run: a draft, the comparison, and a release."""

import re

import pytest

from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from cellsift.releases.fetch import fetch
from cellsift.settings.draft import MEANING
from checkout import CONFIG, Checkout

pytestmark = pytest.mark.slow

SIX = {"training": CONFIG["training"] | {"epochs": 6}}
RELEASE = {"mode": "release", "release": {"arm": "small", "name": "cfos-2026"}}
DETECTION = {"detect", "detect_slab", "cuboids", "label", "describe", "projection", "preflight"}


def words(page) -> str:
    """The text of a page, without its pictures."""
    text = re.sub(r'src="data:[^"]*"', "", page.read_text())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


@pytest.fixture(scope="module")
def draft(finished, tmp_path_factory):
    """The finished run, gone on with as a draft of trainings of six epochs."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("draft") / "checkout")
    checkout.write_config("small.yaml", mode="draft", **SIX)
    checkout.jobs = checkout.planned()
    code, checkout.output = checkout.run("--cores", "2")
    assert code == 0, checkout.output
    return checkout


def test_without_a_word_it_is_the_comparison(finished):
    finished.write_config("small.yaml", mode="crossval")
    try:
        assert finished.planned() == []
    finally:
        finished.write_config("small.yaml")


def test_a_draft_trains_one_network_and_detects_nothing_anew(draft):
    trained = [wildcards for rule, wildcards in draft.jobs if rule == "train"]
    assert trained == ["arm=small, fold=0"]
    assert not {rule for rule, _ in draft.jobs} & DETECTION
    model = read_json(draft.results / "models" / "small" / "model.json")
    assert model["draft"] is True
    assert model["folds"] == ["fold-0.json"]
    assert model["provenance"]["recipe"]["epochs"] == 5


def test_a_draft_is_told_as_one_wherever_it_is_looked_at(draft):
    pages = [*(draft.results / "reports").rglob("*.html")]
    assert len(pages) >= 4
    for page in pages:
        assert MEANING in words(page)
    assert MEANING in draft.output
    assert draft.planned() == []
    assert MEANING in draft.run("--cores", "1")[1]


def test_nothing_is_measured_on_a_brain_that_the_draft_has_learnt_from(draft):
    folds = read_table(draft.results / "training" / "folds.csv")
    (judged,) = set(folds.loc[folds["fold"] == 0, "brain"])
    (known,) = {"mouse_1", "mouse_2"} - {judged}
    for name in ("classification", "end_to_end", "confusion", "roc"):
        table = read_table(draft.results / "evaluation" / f"{name}.csv")
        assert set(table["brain"]) == {judged, "mouse_3"}
    count = read_json(draft.results / "brains" / "mouse_3" / "count.json")
    assert count["train_brains"] == [judged]
    chosen = read_table(draft.results / "explanations" / "small" / "chosen.csv")
    assert known not in set(chosen["brain"])
    model = read_json(draft.results / "models" / "small" / "model.json")
    labelled = folds[(folds["fold"] == 0) & folds["label"].isin(["cell", "no_cell"])]
    assert model["calibration"]["n"] == len(labelled)
    page = words(draft.results / "reports" / "brains" / f"{known}.html")
    assert "in this draft all networks have learnt from it" in page
    index = words(draft.results / "reports" / "index.html")
    assert f"{known} was learnt from and nothing is judged there" in index
    cells = read_table(draft.results / "brains" / known / "small" / "cells.csv")
    assert len(cells) == (folds["brain"] == known).sum()


def test_after_a_draft_the_comparison_trains_its_networks_anew(draft):
    draft.write_config("small.yaml", **SIX)
    try:
        jobs = draft.planned()
    finally:
        draft.write_config("small.yaml", mode="draft", **SIX)
    trained = [wildcards for rule, wildcards in jobs if rule == "train"]
    assert sorted(trained) == ["arm=small, fold=0", "arm=small, fold=1"]
    assert {"calibrate", "evaluate", "report_index"} <= {rule for rule, _ in jobs}
    assert not {rule for rule, _ in jobs} & DETECTION


@pytest.fixture(scope="module")
def released(finished, tmp_path_factory):
    """The finished run, gone on with to release its arm."""
    checkout = Checkout.copied(finished.folder, tmp_path_factory.mktemp("release") / "checkout")
    checkout.write_config("small.yaml", **RELEASE)
    checkout.jobs = checkout.planned()
    code, checkout.output = checkout.run("--cores", "2")
    assert code == 0, checkout.output
    return checkout


def test_a_release_trains_one_network_more_and_does_nothing_again(finished, released):
    rules = sorted(rule for rule, _ in released.jobs)
    assert rules == ["all", "release", "train_final"]
    for file in (finished.results / "models").rglob("fold-*"):
        copy = released.results / file.relative_to(finished.results)
        assert copy.read_bytes() == file.read_bytes()
    assert released.planned() == []


def test_a_release_is_there_to_be_used_by_its_name(released, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    releases = released.results / "releases"
    assert f"{releases.relative_to(released.folder)}/cfos-2026-1.0.0.zip" in released.output
    found = fetch("cfos-2026@1.0.0", str(releases))
    described = read_json(found.model / "model.json")
    assert described["provenance"]["brains"] == ["mouse_1", "mouse_2", "mouse_3"]
    compared = read_json(released.results / "models" / "small" / "model.json")
    assert described["threshold"] == compared["threshold"]
    assert (found.folder / "snapshot" / "config.yaml").read_text().startswith("mode: release")


def test_then_the_comparison_is_still_there(released):
    released.write_config("small.yaml")
    try:
        assert released.planned() == []
    finally:
        released.write_config("small.yaml", **RELEASE)


def test_a_run_takes_the_release_from_the_index_its_config_names(released, tmp_path, monkeypatch):
    """And refuses to judge it on a brain that it knows."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    other = Checkout.copied(released.folder, tmp_path / "checkout")
    other.write_arm("as_it_is")
    (other.folder / "config" / "arms" / "as_it_is.yaml").write_text("model: cfos-2026\n")
    content = {"arms": ["as_it_is"], "models": "results/releases", "results": "new"}
    detection = {"detection": {"method": "dog", "soma_diameter": 14}}
    other.write_config("small.yaml", **content, **detection)
    code, output = other.run("--cores", "1", "--dry-run")
    assert code != 0
    assert "has learnt from brain mouse_1, mouse_2, mouse_3, which is to be judged here" in output
    other.rows = [other.row("mouse_9", "predict", source="mouse_3")]
    other.write_table()
    assert {rule for rule, _ in other.planned()} >= {"accept_model", "classify"}
