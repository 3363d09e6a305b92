"""From suggestions to labels and back, in whole runs: what is asked for, and what runs again."""

import numpy as np
import pandas as pd
import pytest
import yaml
from html_page import Page

from cellsift.io.json_files import read_json
from checkout import CONFIG, Checkout

pytestmark = pytest.mark.slow

BRAIN = "mouse_3"
ZYX = ["z", "y", "x"]
ANNOTATION = {"candidates": 40, "blocks": 2, "block_um": 100}
# What labels may run: themselves, what counts by them, and pages.
AFTER_LABELS = {"sample", "count", "correct", "report_brain", "report_index", "all"}
# Of all the brains of the run it is the one of role test.
COUNTS = {"corrected": [BRAIN]}


@pytest.fixture(scope="module")
def suggested(finished, tmp_path_factory) -> Checkout:
    """A finished run in which everything was suggested, its pages with the config that says so."""
    run = Checkout.copied(finished.folder, tmp_path_factory.mktemp("suggested") / "checkout")
    (run.folder / "small.yaml").write_text(
        yaml.safe_dump(CONFIG | {"annotation": ANNOTATION, "counts": COUNTS})
    )
    # Counts tell what blocks would buy.
    assert {rule for rule, _ in run.planned()} <= {"count", "report_brain", "report_index", "all"}
    code, output = run.run("--cores", "2")
    assert code == 0, output
    jobs = run.planned("suggest")
    assert {rule for rule, _ in jobs} == {"sample", "suggest_brain", "show_suggestions", "suggest"}
    code, run.output = run.run("--cores", "2", "suggest")
    assert code == 0, run.output
    return run


@pytest.fixture
def copied(suggested, tmp_path) -> Checkout:
    return Checkout.copied(suggested.folder, tmp_path / "copied")


def label_by_truth(run: Checkout, author: str = "anna") -> pd.DataFrame:
    """Do a person's work on all that is suggested in a brain; gives the table as filled in."""
    files, answers = run.results / "suggestions" / BRAIN, run.folder / "annotations" / BRAIN
    known = pd.read_csv(run.results / "brains" / BRAIN / "labels.csv")["label"]
    table = pd.read_csv(files / "candidates.csv")
    table["label"] = known.replace("ambiguous", "no_cell")[table["candidate"]].to_numpy()
    number = table["round"].iloc[0]
    table.to_csv(answers / f"round-{number}..{author}.csv", index=False)
    truth = pd.read_csv(run.folder / "brains" / BRAIN / "cells.csv")[ZYX]
    for block in pd.read_csv(files / "blocks.csv").itertuples():
        corner = [block.z0, block.y0, block.x0]
        inside = truth[cells_in(truth, block)]
        cells = answers / f"block-{block.block}_cells..{author}.csv"
        (inside - corner).to_csv(cells, index=False)
    return table


def cells_in(truth: pd.DataFrame, block) -> pd.Series:
    place = np.rint(truth)
    ends = (
        place[axis].between(getattr(block, f"{axis}0"), getattr(block, f"{axis}1") - 1)
        for axis in ZYX
    )
    return np.logical_and.reduce(list(ends))


def test_every_brain_has_its_suggestions_in_files_for_three_programs(suggested):
    for brain in ("mouse_1", "mouse_2", BRAIN):
        folder = suggested.results / "suggestions" / brain
        table = pd.read_csv(folder / "candidates.csv")
        assert len(table) == 40
        assert (table["why"][:20] == "random").all()
        assert not [name for name in table if name.startswith("p_cell")]
        for name in ("candidates.xml", "label_studio.json", "label_studio_config.xml"):
            assert (folder / name).stat().st_size > 100
        for block in pd.read_csv(folder / "blocks.csv")["block"]:
            assert (folder / "blocks" / f"block-{block}.tif").is_file()
        page = Page(suggested.results / "reports" / "suggestions" / f"{brain}.html")
        assert f"annotations/{brain}" in page.text
        assert f"Answers belong in annotations/{brain}." in suggested.output
        change = f"They will not count: for that write counts: {{corrected: [{BRAIN}, {brain}]}}"
        assert (change in suggested.output) == (brain != BRAIN)
    overview = pd.read_csv(suggested.results / "suggestions" / "overview.csv")
    assert list(overview["brain"]) == ["mouse_1", "mouse_2", BRAIN]


def test_to_suggest_leaves_a_finished_run_finished(suggested):
    assert suggested.planned() == []
    assert suggested.planned("suggest") == []


def test_labels_are_read_and_told_of_and_nothing_is_trained(copied):
    folder = copied.results / "brains" / BRAIN
    before = pd.read_csv(folder / "counts.csv").iloc[0]
    table = label_by_truth(copied)
    jobs = copied.planned()
    assert {rule for rule, _ in jobs} <= AFTER_LABELS
    assert {wildcards for rule, wildcards in jobs if rule in ("sample", "report_brain")} == {
        f"brain={BRAIN}"
    }
    code, output = copied.run("--cores", "2")
    assert code == 0, output
    sample = pd.read_csv(folder / "sample.csv").set_index("candidate")
    given = table.set_index("candidate").loc[sample.index]
    assert len(sample) == 40
    assert (sample["label"] == given["label"]).all()
    assert np.allclose(sample["probability"], given["probability"], equal_nan=True)
    assert set(sample["author"]) == {"anna"}
    blocks = pd.read_csv(folder / "sample_blocks.csv")
    cells = pd.read_csv(folder / "sample_block_cells.csv")
    truth = pd.read_csv(copied.folder / "brains" / BRAIN / "cells.csv")[ZYX]
    for block in blocks.itertuples():
        marked = cells.loc[cells["block"] == block.block, ZYX].to_numpy()
        assert np.allclose(marked, truth[cells_in(truth, block)].to_numpy(), atol=1e-5)
    page = Page(copied.results / "reports" / "brains" / f"{BRAIN}.html")
    assert "Labelled by people: 40 candidates, 20 of them drawn at random" in page.text
    after = pd.read_csv(folder / "counts.csv").iloc[0]
    assert after["high"] - after["low"] < 0.8 * (before["high"] - before["low"])
    assert after["low"] <= len(truth) <= after["high"]
    assert (before["labels"], after["blocks"]) == (0, 2)
    check_correction(folder, set(sample.index))
    assert "no block of tissue was marked here" not in page.text
    assert copied.planned() == []


def test_answers_on_a_brain_that_the_config_does_not_name_are_told_of(copied):
    copied.write_config("small.yaml", annotation=ANNOTATION)
    label_by_truth(copied)
    target = copied.results / "brains" / BRAIN / "count.json"
    code, output = copied.run("--cores", "2", "--", str(target.relative_to(copied.folder)))
    assert code == 0, output
    assert "answers (40 labels and 2 blocks) were read but do not count here" in output
    assert f"write counts: {{corrected: [predict, {BRAIN}]}} in the config" in output
    assert not read_json(target)["corrected"]


def check_correction(folder, labelled: set[int]) -> None:
    """Candidates without a label change sides where they lie between the two thresholds."""
    correction = read_json(folder / "small" / "correction.json")
    cells = pd.read_csv(folder / "small" / "cells.csv")
    corrected = pd.read_csv(folder / "small" / "corrected.csv")
    assert (corrected[ZYX] == cells[ZYX]).all(axis=None)
    others = ~cells.index.isin(list(labelled))
    for block in pd.read_csv(folder / "sample_blocks.csv").itertuples():
        others &= ~cells_in(cells, block)
    used, chosen = (correction[time]["threshold"] for time in ("before", "after"))
    assert (cells["is_cell"] == (cells["p_cell"] >= used)).all()
    assert (corrected["is_cell"] == (cells["p_cell"] >= chosen))[others].all()
    changed = (corrected["is_cell"] != cells["is_cell"])[others].sum()
    assert 0 < changed <= sum(correction["changed"].values())


def test_a_second_round_asks_for_others_and_both_count_together(copied):
    first = label_by_truth(copied)
    code, output = copied.run("--cores", "2", "suggest")
    assert code == 0, output
    second = label_by_truth(copied)
    assert set(second["round"]) == {2}
    assert not set(first["candidate"]) & set(second["candidate"])
    target = copied.results / "brains" / BRAIN / "sample.csv"
    code, output = copied.run("--cores", "2", "--", str(target.relative_to(copied.folder)))
    assert code == 0, output
    sample, candidates = pd.read_csv(target), len(pd.read_csv(target.parent / "candidates.csv"))
    assert len(sample) == 80
    assert sample["weight"].sum() == pytest.approx(candidates, rel=0.3)
    states = read_json(target.with_suffix(".json"))["rounds"]
    assert [state["random_labelled"] for state in states] == [20, 20]


def test_a_list_that_people_work_on_outlives_the_results(copied):
    """Also if the config asks for fewer now."""
    table = copied.results / "suggestions" / BRAIN / "candidates.csv"
    before = pd.read_csv(table)
    files = [copied.results / "suggestions", copied.results / "reports" / "suggestions"]
    for path in (p for folder in files for p in folder.rglob("*") if p.is_file()):
        path.unlink()
    copied.write_config("small.yaml", annotation=ANNOTATION | {"candidates": 10}, counts=COUNTS)
    code, output = copied.run("--cores", "2", "--", str(table.relative_to(copied.folder)))
    assert code == 0, output
    assert "round 1 waits for its first answer in annotations/mouse_3" in output
    pd.testing.assert_frame_equal(pd.read_csv(table), before)


def test_a_wrong_answer_is_refused_with_its_file_and_row(copied):
    table = label_by_truth(copied)
    path = copied.folder / "annotations" / BRAIN / "round-1..anna.csv"
    table.loc[3, "x"] += 30
    table.to_csv(path, index=False)
    code, output = copied.run("--cores", "1")
    assert code == 1
    assert f"annotations/{BRAIN}/round-1..anna.csv: row 4" in output
    assert "Traceback" not in output
