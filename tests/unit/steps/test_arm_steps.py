"""The steps that make, use and explain an arm, one after the other on small made-up cuboids."""

import shutil
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from synthetic_cuboids import SHAPE, make_brains, narrow_arm
from trained_folds import fold_files

from cellsift.inference.classify import score_brain
from cellsift.io.cells import read_points
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.project import arms as project_arms
from cellsift.project.arms import read_arm
from cellsift.project.searches import read_search
from cellsift.results import Results
from cellsift.settings.learnt_detection import LearntDetection
from cellsift.settings.pretraining import Pretraining, PretrainingRecipe
from cellsift.settings.recipe import Recipe
from cellsift.settings.search import recipe_with
from cellsift.steps.calibrate import calibrate
from cellsift.steps.choose_recipe import choose_recipe
from cellsift.steps.classify import classify
from cellsift.steps.classify_ensemble import classify_ensemble
from cellsift.steps.combine import combine
from cellsift.steps.cost import cost
from cellsift.steps.cost_ensemble import cost_ensemble
from cellsift.steps.explain import explain
from cellsift.steps.pretrain import pretrain
from cellsift.steps.score_chunk import score_chunk
from cellsift.steps.search import search
from cellsift.steps.searched_arm import searched_arm
from cellsift.steps.train import train
from cellsift.training.engine import RunOptions
from cellsift.training.search.files import SearchFiles

ARM = narrow_arm(epochs=1)
MEMBERS = ("narrow", "other")
FOLDS = (0, 1)
DETECTION = {"method": "dog", "soma_diameter": 14}
RUN = RunOptions(device="cpu")


class Trained:
    """Results of two brains to learn from, and how to find what the steps need of them."""

    def __init__(self, folder):
        self.results = Results(folder / "results")
        self.stores, table = make_brains(folder)
        write_table(table, self.results.folds, decimals=None)

    @property
    def cuboids(self):
        return {name: store.paths for name, store in self.stores.items()}

    def train(self, name, fold, run=RUN, arm=ARM, chosen=None):
        model, training = self.results.model(name), self.results.training(name)
        checkpoint = self.results.training_checkpoint(name, fold)
        files = fold_files(model.path, training.fold(fold).path, checkpoint, fold)
        arm = replace(arm, name=name)
        train(arm, self.cuboids, self.results.folds, fold, files, run, chosen=chosen)
        return files

    def scores(self, name):
        return [self.results.training(name).fold(fold).scores for fold in FOLDS]

    def classify(self, brain, arm, scores=(), chunks=()):
        files, model = self.results.brain(brain), self.results.model(arm).description
        paths = (files.logits(arm), files.cells(arm), files.cells_xml(arm))
        store = self.stores.get(brain, self.stores["one"])
        classify(brain, model, store.paths, scores, chunks, *paths, device="cpu")
        return np.load(paths[0]), read_table(paths[1])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Trained:
    """Two arms of two folds, trained with different seeds, and their ensemble."""
    trained = Trained(tmp_path_factory.mktemp("trained"))
    results = trained.results
    for seed, name in enumerate(MEMBERS):
        for fold in FOLDS:
            trained.train(name, fold, replace(RUN, seed=seed))
        model = results.model(name)
        sidecars = [model.sidecar(fold) for fold in FOLDS]
        write_json({"threshold": 0.2}, results.contrast_threshold)
        detected = {"one": DETECTION, "two": DETECTION}, results.contrast_threshold, []
        calibrate(sidecars, trained.scores(name), "f1", *detected, model.description)
    both = results.model("both").description
    scores = {name: trained.scores(name) for name in MEMBERS}
    combine(scores, "mean", "f1", both, results.training("both").scores)
    return trained


def test_a_training_leaves_what_its_rule_promises_and_no_checkpoint(trained):
    results = trained.results
    for fold in FOLDS:
        model, training = results.model("narrow"), results.training("narrow").fold(fold)
        assert model.weights(fold).is_file()
        assert read_json(model.sidecar(fold))["provenance"]["fold"] == fold
        assert read_table(training.history)["epoch"].tolist() == [1]
        assert set(read_table(training.scores)["fold"]) == {fold}
        assert not results.training_checkpoint("narrow", fold).exists()


def test_every_candidate_has_one_score_by_a_network_that_did_not_see_it(trained):
    known = chain.from_iterable(
        zip(table["brain"], table["candidate"], strict=True)
        for table in map(read_table, trained.scores("narrow"))
    )
    folds = read_table(trained.results.folds)
    assert sorted(known) == sorted(zip(folds["brain"], folds["candidate"], strict=True))


def test_a_calibrated_arm_lists_its_folds(trained):
    described = read_json(trained.results.model("narrow").description)
    assert described["folds"] == ["fold-0.json", "fold-1.json"]
    assert described["temperature"] > 0
    assert 0 <= described["threshold"] <= 1


@pytest.mark.parametrize("name", [*MEMBERS, "both"])
def test_an_arm_and_an_ensemble_record_what_their_candidates_were_detected_by(trained, name):
    path = trained.results.model(name).description
    learnt = LearntDetection.in_description(read_json(path), path)
    assert learnt == LearntDetection("dog", {"soma_diameter": 14}, 0.2)


def test_a_record_has_the_detector_that_was_searched_for(trained, tmp_path):
    chosen = {"method": "cellfinder", "soma_diameter": 9.5}
    write_json({"detection": chosen}, tmp_path / "chosen.json")
    sidecars = [trained.results.model("narrow").sidecar(fold) for fold in FOLDS]
    for sidecar in sidecars:
        shutil.copy(sidecar, tmp_path)
    auto = {"one": {"method": "auto", "trials": 9}, "two": {"method": "auto", "trials": 9}}
    detected = auto, trained.results.contrast_threshold, [tmp_path / "chosen.json"]
    out = tmp_path / "model.json"
    calibrate(sidecars, trained.scores("narrow"), "f1", *detected, out)
    learnt = LearntDetection.in_description(read_json(out), out)
    assert learnt == LearntDetection("cellfinder", {"soma_diameter": 9.5}, 0.2)


def test_a_brain_that_was_learnt_from_keeps_its_out_of_fold_scores(trained):
    logits, cells = trained.classify("one", "narrow", trained.scores("narrow"))
    scores = [read_table(path).query("brain == 'one'") for path in trained.scores("narrow")]
    by_candidate = {
        row.candidate: row.logit for table in scores for row in table.itertuples(index=False)
    }
    assert logits.tolist() == pytest.approx([by_candidate[row] for row in range(len(logits))])
    assert len(cells) == len(trained.stores["one"])


def test_chunks_are_scored_as_the_whole_brain_is(trained, tmp_path):
    model, cuboids = trained.results.model("narrow").description, trained.stores["one"].paths
    chunks = [tmp_path / f"{chunk}.npy" for chunk in (1, 2)]
    for chunk, path in enumerate(chunks, 1):
        score_chunk(model, cuboids, chunk, 2, path, device="cpu")
    in_chunks, cells = trained.classify("new", "narrow", chunks=chunks)
    at_once, again = trained.classify("new", "narrow")
    np.testing.assert_array_equal(in_chunks, at_once)
    assert cells.equals(again)
    xml = trained.results.brain("new").cells_xml("narrow")
    assert len(read_points(xml, "cell")) == cells["is_cell"].sum()


def test_an_ensemble_classifies_by_the_logits_of_its_members(trained, tmp_path):
    results, files = trained.results, trained.results.brain("new")
    logits = {}
    for name in MEMBERS:
        trained.classify("new", name)
        logits[name] = files.logits(name)
    table, xml = files.cells("both"), files.cells_xml("both")
    model, store = results.model("both").description, trained.stores["one"]
    classify_ensemble("new", model, files.cells("narrow"), logits, [], table, xml)
    by_networks = score_brain(model.parent, store, device="cpu")
    p_cell = 1 / (1 + np.exp(-by_networks / read_json(model)["temperature"]))
    np.testing.assert_allclose(read_table(table)["p_cell"], p_cell, atol=2e-6)


def test_an_ensemble_costs_what_its_members_do(trained, tmp_path):
    results = trained.results
    for name in MEMBERS:
        histories = [results.training(name).fold(fold).history for fold in FOLDS]
        sidecar = results.model(name).sidecar(0)
        cost(name, sidecar, histories, results.cost(name), device="cpu")
    cost_ensemble("both", map(results.cost, MEMBERS), results.cost("both"))
    one, other, both = (read_json(results.cost(name)) for name in (*MEMBERS, "both"))
    assert (one["arm"], both["arm"]) == ("narrow", "both")
    assert one["training_epochs"] == len(FOLDS)
    assert both["parameters"] == one["parameters"] + other["parameters"] > 0


def test_an_arm_is_explained_by_the_folds_that_did_not_see_a_candidate(trained):
    results, files = trained.results, trained.results.explanation("narrow")
    folds = read_table(results.folds)
    labels, cells = {}, {}
    for brain in trained.stores:
        trained.classify(brain, "narrow", trained.scores("narrow"))
        of_brain = folds[folds["brain"] == brain].sort_values("candidate")
        labels[brain], cells[brain] = (
            results.brain(brain).labels,
            results.brain(brain).cells("narrow"),
        )
        write_table(of_brain, labels[brain])
    model = results.model("narrow").description
    explain("narrow", model, trained.cuboids, labels, cells, results.folds, files, examples=1)
    chosen = read_table(files.chosen)
    assert len(chosen) > 0
    fold_of = folds.set_index(["brain", "candidate"])["fold"]
    for row in chosen.itertuples():
        assert row.fold == fold_of[row.brain, row.candidate]
    assert files.montage.is_file()
    assert files.saliency.is_file()


def test_a_search_chooses_a_recipe_that_its_fold_is_trained_by(trained, tmp_path, monkeypatch):
    space = {"learning_rate": [0.001, 0.003]}
    arm = replace(ARM, search=read_search({"trials": 2, "space": space}, ARM.recipe, "narrow.yaml"))
    results = Results(tmp_path)
    for study in ("fold-0", "all"):
        found = results.search("narrow", study)
        search(arm, trained.cuboids, trained.results.folds, study, SearchFiles(found.job(1)), RUN)
        choose_recipe(arm, [found.job(1)], found)
        assert len(read_table(found.trials)) == 2
    chosen = results.search("narrow", "fold-0").chosen
    files = trained.train("searched", 0, arm=arm, chosen=chosen)
    best = recipe_with(arm.recipe, read_json(chosen)["values"])
    assert read_json(files.model)["provenance"]["recipe"] == best.to_dict()
    # What the study on all folds found is an arm of its own.
    overall, out = results.search("narrow").chosen, results.searched_arm("narrow")
    searched_arm(arm, overall, out)
    monkeypatch.setattr(project_arms, "ARMS", out.parent)
    assert read_arm(out.stem).recipe == recipe_with(arm.recipe, read_json(overall)["values"])


def test_a_pretraining_leaves_a_backbone_that_an_arm_starts_from(trained, tmp_path):
    recipe = PretrainingRecipe(
        epochs=1,
        batch_size=20,
        learning_rate=0.001,
        weight_decay=0.05,
        cuboids_per_epoch=40,
        normalisation="brain",
        augmentation=Recipe().augmentation,
    )
    of_method = {"local_views": 1, "prototypes": 16, "teacher_momentum": 0.9}
    network = (ARM.architecture, ARM.options)
    settings = Pretraining("mine", "dino", *network, "all", recipe, of_method)
    made = Results(tmp_path).pretraining("mine")
    pretrain(settings, trained.cuboids, made, tmp_path / "checkpoint.pt", RUN)
    assert read_json(made.sidecar)["cuboid"]["shape"] == list(SHAPE)
    assert read_table(made.history)["epoch"].tolist() == [1]
    assert made.weights.is_file()
    assert not (tmp_path / "checkpoint.pt").exists()
