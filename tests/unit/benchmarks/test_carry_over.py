"""The measured page on what carries over to a new brain."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import expit

from cellsift.benchmarks.alarm.specimens import PHANTOM, Cohort
from cellsift.benchmarks.carry_over import feature_arm
from cellsift.benchmarks.carry_over.__main__ import main, write_inputs, write_labels
from cellsift.benchmarks.carry_over.adaptation import adapted, confident
from cellsift.benchmarks.carry_over.arms import VARIANTS, LeftOut, Scores, varied_contrast
from cellsift.benchmarks.carry_over.brains import Cage, wide_cohort
from cellsift.benchmarks.carry_over.counts import count_rows, held
from cellsift.benchmarks.carry_over.feature_arm import FeatureArm
from cellsift.benchmarks.carry_over.figure import draw_gaps
from cellsift.benchmarks.carry_over.measures import (
    beside_plain,
    brain_rows,
    draw_rows,
    gap_closed,
    line_rows,
)
from cellsift.benchmarks.carry_over.page import describe_inputs, describe_labels
from cellsift.benchmarks.carry_over.scores import Job, Result
from cellsift.benchmarks.carry_over.thresholds import Case, best_cut, estimated_share, fitted_line
from cellsift.cuboids.normalisation import Normalisation
from cellsift.inference.scoring import Scorer
from cellsift.io.names import CELL
from cellsift.models import create_model
from cellsift.training import augmentation
from cellsift.training.seeds import seed_of


def scores(offset: float = 0.0, share: float = 0.3, size: int = 600) -> Scores:
    """Of brains that are calibrated, and of one whose log odds of a cell differ by an offset."""
    random = np.random.default_rng(0)

    def drawn(brain: str, more: float) -> pd.DataFrame:
        logit = random.normal(0, 2.5, size) + np.log(share / (1 - share))
        is_cell = random.random(size) < expit(logit + more)
        number = np.arange(size)
        table = {"brain": brain, "candidate": number, "is_cell": is_cell, "logit": logit}
        return pd.DataFrame(table)

    learnt = pd.concat([drawn(name, 0.0) for name in "abc"], ignore_index=True)
    return Scores(drawn("new", offset).drop(columns="brain"), learnt)


def result(brain: str, job: Job, offset: float = 0.0) -> Result:
    return Result("made up", brain, job, 1, scores(offset))


def test_the_best_cut_has_the_highest_f1_of_all():
    random = np.random.default_rng(1)
    logits = random.integers(-5, 6, 60).astype(float)
    is_cell = random.random(60) < expit(logits)
    cut, f1 = best_cut(logits, is_cell)

    def of(threshold: float) -> float:
        taken = logits >= threshold
        return 2 * (taken & is_cell).sum() / (taken.sum() + is_cell.sum())

    assert f1 == pytest.approx(max(of(threshold) for threshold in logits))
    assert of(cut) == pytest.approx(f1)


def test_a_brain_like_the_others_has_their_share_and_line():
    case = Case.of(scores(size=2400))
    offset, slope = fitted_line(case.logits, case.is_cell)
    assert abs(offset) < 0.4
    assert abs(slope) < 0.3
    assert estimated_share(case) == pytest.approx(case.is_cell.mean(), abs=0.05)


def test_labels_close_the_gap_of_a_brain_whose_scores_mean_something_else():
    drawn = draw_rows(result("x", Job("small", "brain"), offset=-3.0), draws=5)
    found = gap_closed(drawn, []).set_index(["way", "labels"])
    with_train_brains = found.loc["labels and train brains", "closed"]
    assert with_train_brains[200] > 0.5
    assert (found["worst"] <= found["gain"] + 1e-12).all()


def test_variants_are_compared_in_the_same_brains_and_seeds():
    rows = pd.DataFrame(
        {
            "cohort": "c",
            "brain": ["a", "b", "a", "b"],
            "arm": "small",
            "variant": ["brain", "brain", "local", "local"],
            "seed": 1,
            "today's": [0.5, 0.9, 0.7, 0.8],
            "best possible": [0.6, 0.9, 0.8, 0.9],
        }
    )
    local = beside_plain(rows, "brain").set_index("variant").loc["local"]
    assert local["change"] == pytest.approx(0.05)
    assert local["worst"] == pytest.approx(-0.1)
    assert local["best"] == pytest.approx(0.1)


def test_an_interval_holds_the_number_more_often_than_the_naive_count_is_near_it():
    rows = count_rows(result("y", Job("small", "brain"), offset=-1.0), draws=10)
    table = held(rows, ["cohort"]).set_index("labels")
    assert table.loc[0, "held"] == 1
    assert (table["held"] > 0.5).all()
    assert table.loc[100, "width"] < table.loc[0, "width"] / 2
    assert table.loc[100, "error"] < 0.5 * table.loc[100, "naive_error"]
    few = rows.assign(low=rows["count"], high=rows["count"])
    assert (held(few, ["cohort"])["held"] < 0.5).all()


def test_the_page_tells_what_was_measured(tmp_path):
    plain = [result(name, Job("small", "brain"), offset) for name, offset in (("x", 0), ("y", -2))]
    other = [result("x", Job("small", "local", adaptation="self-training"))]
    drawn = pd.concat([draw_rows(one, draws=2) for one in plain], ignore_index=True)
    counts = pd.concat([count_rows(one, draws=2) for one in plain], ignore_index=True)
    inputs = describe_inputs(brain_rows([*plain, *other]), "Somewhere.")
    assert "| made up | small | local; self-training | 1 | 1 |" in inputs
    page = describe_labels(brain_rows(plain), line_rows(plain), drawn, counts, "Somewhere.")
    assert "| made up | small | y |" in page
    assert "| labels and train brains | 100 |" in page
    assert "| made up | small | 25 | 2 | " in page
    draw_gaps(drawn, tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes()[1:4] == b"PNG"


def test_each_part_has_its_page(tmp_path):
    plain = [result(name, Job("small", "brain")) for name in "xy"]
    write_inputs([*plain, result("x", Job("small", "local"))], tmp_path / "inputs.md")
    assert "| made up | small | local | 1 | 1 |" in (tmp_path / "inputs.md").read_text()
    write_labels(plain, 2, tmp_path / "labels.md", lambda said: None)
    assert "2 draws of each number of labels" in (tmp_path / "labels.md").read_text()
    assert (tmp_path / "labels.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize("labels", [25, 100])
def test_what_the_committed_page_concludes_is_what_its_table_has(repository, labels):
    page = (repository / "reports" / "carry_over.md").read_text()
    row = re.search(rf"\| labels and train brains \| {labels} \| (.+?) \| (\d+)% \|", page)
    assert f"{labels} labels close {row[2]}%" in page.partition("## Without labels")[0]


def test_a_folder_without_the_volumes_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CELLSIFT_DATA", str(tmp_path / "none"))
    assert main(["--cache", str(tmp_path / "cache"), "--page", str(tmp_path / "page.md")]) == 2
    assert "none" in capsys.readouterr().err
    assert not (tmp_path / "page.md").exists()


def test_what_the_arm_is_surest_of_is_learnt_from():
    sure = confident(scores(), seed=1)
    cells = sure["label"] == CELL
    assert sure["logit"][cells].min() > sure["logit"][~cells].max()
    assert 0 < cells.sum() < len(sure) < 600


@pytest.mark.parametrize("options", [{}, {"planes_as_channels": True}])
def test_batch_normalisation_follows_how_the_tissue_differs(options):
    torch.manual_seed(1)
    model = create_model("resnet", 1, (7, 13, 13), depth=18, width=4, **options).eval()
    scorer = Scorer(model, Normalisation())
    tissue, cells = torch.randn(16, 1, 7, 13, 13), torch.randn(8, 1, 7, 13, 13) + 1
    with torch.no_grad():
        answers = model(cells)
        same = adapted(scorer, [tissue, tissue], tissue)
        assert torch.allclose(same(cells), answers, atol=1e-5)
        # The stem's normalisation undoes another gain; what pads the border does not follow.
        changed = adapted(scorer, [tissue, tissue], 3 * tissue)
        assert (changed(3 * cells) - answers).abs().max() < (model(3 * cells) - answers).abs().max()


def test_contrast_is_varied_further_only_within():
    usual = augmentation.CONTRAST
    with varied_contrast(3.0):
        assert pytest.approx(3 * usual) == augmentation.CONTRAST
    assert usual == augmentation.CONTRAST


@pytest.fixture(scope="module")
def cage(tmp_path_factory):
    cohort = wide_cohort(3, seed=3)
    return Cage(Cohort("phantom", PHANTOM, cohort.specimens), tmp_path_factory.mktemp("brains"))


@pytest.mark.slow
def test_tissue_of_any_brain_looks_alike_by_its_own_statistics(cage):
    for brain in cage.brains.values():
        store = VARIANTS["tissue median"].view(brain)
        logs = np.log1p(brain.tissue.astype(float))
        seen = (logs - store.log_median[0]) / store.log_spread[0]
        assert np.median(seen) == pytest.approx(0, abs=0.05)
        assert 1.4826 * np.median(np.abs(seen)) == pytest.approx(1, abs=0.05)


@pytest.mark.slow
def test_the_arm_of_features_scores_as_if_trained_by_the_package(cage, tmp_path, monkeypatch):
    # The package's fit is that of an epoch, the first.
    monkeypatch.setattr(feature_arm, "seed_of", lambda *seeds: seed_of(*seeds, 1))
    left_out, variant = LeftOut(cage, cage.names[0], tmp_path), VARIANTS["local"]
    quick, usual = FeatureArm().scores(left_out, variant, 1), left_out.train("features", variant, 1)
    expected = usual.scores()
    assert np.allclose(quick.left_out["logit"], expected.left_out["logit"], atol=1e-4)
    keys = ["brain", "candidate"]
    both = quick.learnt.merge(expected.learnt, on=keys)
    assert len(both) == len(quick.learnt)
    assert np.allclose(both["logit_x"], both["logit_y"], atol=1e-4)
