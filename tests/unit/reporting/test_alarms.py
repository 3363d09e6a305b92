"""What pages say of a brain that is unlike the train brains, and that they say it of no other."""

import re
import shutil
from pathlib import Path

import pytest
from appearances import appearance, classified
from synthetic_results import ROLES, make_results

from cellsift.evaluation.alarm.comparison import compare
from cellsift.evaluation.alarm.reasons import not_compared, to_document
from cellsift.evaluation.alarm.statistics import statistics_of
from cellsift.io.json_files import read_json, write_json
from cellsift.reporting import alarms, brain_page, index_page, later_parts
from cellsift.reporting.run_results import RunResults
from cellsift.results import Results


def document(brighter: float = 1.0) -> dict:
    """The comparison of a brain with two usual ones."""
    train = {name: statistics_of(appearance(), classified()) for name in ("mouse_a", "mouse_b")}
    found = compare(statistics_of(appearance(brighter), classified()), train)
    return {"train_brains": list(train)} | to_document(found)


ALARM, NO_ALARM = document(brighter=30.0), document()


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("synthetic"), cells=20)


@pytest.fixture
def run(synthetic, tmp_path) -> RunResults:
    """A run of which nothing was compared yet."""
    shutil.copytree(synthetic.folder, tmp_path / "results")
    return RunResults(tmp_path / "results", synthetic.configuration, ROLES)


def note(run: RunResults, **documents: dict) -> None:
    for brain, found in documents.items():
        write_json(found, run.paths.brain(brain).alarm)


def page_of(run: RunResults, brain: str, **information) -> brain_page.BrainResults:
    return brain_page.BrainResults(run, brain, {"role": ROLES[brain], **information})


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


@pytest.mark.parametrize("role", ["train", "test", "predict"])
def test_a_page_opens_with_the_alarm_its_reasons_and_what_follows(role):
    said = words(alarms.banner(ALARM, role))
    assert "Alarm: This brain is unlike the" in said
    assert "Median intensity of the tissue: 12,100 (train brains 400)" in said
    assert ("Annotate what snakemake suggest" in said) == (role == "predict")
    assert alarms.banner(NO_ALARM, role) == alarms.banner({}, role) == ""


@pytest.mark.parametrize(
    ("role", "advice"),
    [
        ("train", "minimum_distance proposes fewer"),
        ("test", "among the train brains, detection: {method: auto}"),
        ("predict", "above all the blocks"),
    ],
)
def test_cells_called_twice_are_told_with_what_to_do_about_detection(role, advice):
    train = {n: statistics_of(appearance(), classified(seed=n)) for n in range(2)}
    found = compare(statistics_of(appearance(), classified(twice=1.0, seed=2)), train)
    said = words(alarms.banner(to_document(found), role))
    assert "the same cell may be counted twice or more" in said
    assert advice in said
    assert "counted twice" not in words(alarms.banner(ALARM, role))


def test_counts_of_a_brain_under_alarm_are_marked_as_unmeasured(run):
    note(run, mouse_d=ALARM)
    counts = brain_page.counts(page_of(run, "mouse_d"))
    assert "cells, unmeasured" in words(counts)
    assert 'class="unmeasured"' in counts
    assert "no result; see above" in words(counts)


def test_counts_of_others_are_not_marked(run):
    note(run, mouse_c=ALARM, mouse_d=NO_ALARM)
    for brain in ("mouse_c", "mouse_d"):
        assert "unmeasured" not in brain_page.counts(page_of(run, brain))
    # Of a test brain the annotation measures them.
    assert "Alarm" in brain_page.alarm(page_of(run, "mouse_c"))


def test_a_page_tells_how_far_a_brain_lies_alarm_or_not(run):
    note(run, mouse_a=not_compared(), mouse_c=NO_ALARM, mouse_d=ALARM)
    told = {name: words(brain_page.likeness(page_of(run, name))) for name in ROLES}
    assert "no other train brain" in told["mouse_a"]
    assert "was not compared" in told["mouse_b"]
    assert "its tissue is of another brightness or contrast 0.0 2.5 " in told["mouse_c"]
    assert re.search(r"another brightness or contrast [\d.]+ 2.5 alarm", told["mouse_d"])
    assert "mouse_a, mouse_b" in told["mouse_d"]


@pytest.mark.parametrize(("count", "told"), [(1, True), (2, True), (3, True), (4, False)])
def test_few_train_brains_are_told_to_notice_only_large_differences(run, count, told):
    found = NO_ALARM | {"train_brains": [f"mouse_{n}" for n in range(count)]}
    note(run, mouse_c=found)
    for said in (alarms.comparison(found), index_page.alarms(run)):
        assert ("only large differences are noticed" in said) == told
        assert (f"With only {count} train brain" in said) == told


def test_how_few_train_brains_are_is_not_told_by_what_each_of_them_is_compared_with(run):
    note(
        run,
        mouse_a=NO_ALARM | {"train_brains": ["mouse_b"]},
        mouse_c=NO_ALARM | {"train_brains": ["mouse_a", "mouse_b"]},
    )
    assert "With only 2 train brains" in index_page.alarms(run)


def test_a_brain_whose_count_rests_on_labels_of_it_is_told_so(run):
    note(run, mouse_d=ALARM)
    assert "Annotate what snakemake suggest" in words(brain_page.alarm(page_of(run, "mouse_d")))
    path = run.paths.brain("mouse_d").count
    document = read_json(path)
    document["arms"][document["best_out_of_fold"]]["labels"] = 90
    write_json(document, path)
    said = words(brain_page.alarm(page_of(run, "mouse_d")))
    assert "Its number of cells rests on what was labelled in it" in said
    assert "Annotate" not in said
    assert "Its number of cells rests on labels of it" in words(index_page.alarms(run))


def test_the_index_names_each_brain_under_alarm(run):
    note(run, mouse_a=NO_ALARM, mouse_c=NO_ALARM, mouse_d=ALARM)
    said = index_page.alarms(run)
    assert 'Alarm: <a href="brains/mouse_d.html">mouse_d</a> (predict)' in said
    assert "What the arms say of it is unmeasured" in said
    assert "mouse_a" not in said
    assert "The other brains that were compared with the train brains are like them" in said


def test_the_index_says_where_there_is_none(run):
    assert words(index_page.alarms(run)).strip() == ""
    note(run, mouse_a=NO_ALARM, mouse_c=NO_ALARM)
    assert "like them: no alarm" in index_page.alarms(run)


def test_the_verdict_on_a_foreign_test_brain_is_qualified(run):
    assert "Alarm" not in index_page.verdict(run)
    note(run, mouse_c=ALARM, mouse_d=ALARM)
    said = words(index_page.verdict(run))
    assert "Alarm: the test brain mouse_c is unlike the train brains" in said
    assert "mouse_d" not in said


def test_the_index_is_renewed_with_alarms_that_come_after_it(run):
    note(run, mouse_c=NO_ALARM)
    page = Path(run.paths.index_page)
    page.parent.mkdir(parents=True, exist_ok=True)
    around = ("<html><p>before</p>", "<p>after</p></html>")
    page.write_text(index_page.alarms(run).join(around))
    assert not later_parts.renew(run)
    note(run, mouse_d=ALARM)
    assert later_parts.renew(run)
    text = page.read_text()
    assert text.startswith(around[0])
    assert text.endswith(around[1])
    assert text.count("mouse_d.html") == 1
    assert "The brain that was compared" not in text
    assert "The other brain that was compared" in text
    assert not later_parts.renew(run)


def test_a_page_without_a_place_for_alarms_is_left_alone(run):
    note(run, mouse_d=ALARM)
    page = Path(run.paths.index_page)
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("<html>of an earlier version</html>")
    assert not later_parts.renew(run)
    assert page.read_text() == "<html>of an earlier version</html>"


def test_names_of_brains_are_no_tags(run):
    name = "a<b>"
    write_json(ALARM, Results(run.folder).brain(name).alarm)
    said = alarms.brains_under_alarm(RunResults(run.folder, roles={name: "predict"}))
    assert "<b>" not in said
