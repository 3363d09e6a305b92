"""What a brain's page says of the number of its cells."""

import re
from pathlib import Path

import pytest

from cellsift.io.json_files import write_json
from cellsift.reporting import later_parts
from cellsift.reporting.counting import corrected, counted, counts_of_brains, draw_counts
from cellsift.reporting.run_results import RunResults

ROW = {
    "candidates": 4000,
    "naive": 1200,
    "count": 1500,
    "low": 1350,
    "high": 1690,
    "among_candidates": 1400,
    "labels": 100,
    "blocks": 0,
    "in_blocks": 0,
    "further": [
        {"labels": labels, "blocks": 0, "width": width}
        for labels, width in ((0, 0.23), (100, 0.17))
    ],
}
KNOWN = {"train_brains": ["a", "b"], "spread_known": True}
SURE = {"threshold": 0.5, "precision": 0.9, "recall": 0.8, "f1": 0.85}
CHANGED = {"to_cell": 31, "to_no_cell": 1200}


READ = {"answers": {"labels": 41, "blocks": 3}, "corrected": False}


def page(annotated=None, unlike=False, wholly=True, told=None, **changes) -> str:
    arms = {"resnet": ROW | changes, "features": ROW | {"low": 1000, "high": 1100, "count": 1050}}
    document = {
        "train_brains": ["a", "b"],
        "spread_known": True,
        "best_out_of_fold": "resnet",
        "arms": arms,
        **(told or {}),
    }
    # Digits are in groups of three, with narrow spaces.
    return re.sub(r"<[^>]+>", " ", counted(document, annotated, unlike, wholly)).replace(
        "\u202f", ","
    )


def test_the_first_sentence_is_the_number_with_its_interval():
    assert page().split(".")[0].strip() == (
        "About 1,500 cells, most likely 1,350 to 1,690, by resnet, the arm that did best out of "
        "fold; it calls 1,200 candidates cells"
    )


def test_it_says_what_the_numbers_rest_on():
    said = page()
    assert "rest on 100 labels of this brain" in said
    assert "no block of tissue was marked here" in said
    said = page(blocks=3, in_blocks=67)
    assert "rest on 100 labels and 3 blocks with 67 candidates of this brain" in said
    assert "no block" not in said


def test_it_says_how_many_candidates_share_a_cell():
    assert "labelled as cells 12 lie within the matching distance of others" in page(sharing=12)
    assert "matching distance" not in page(sharing=0)


def test_without_a_sample_it_warns_and_says_how_to_get_one():
    said = page(labels=0)
    assert "No sample of this brain was labelled" in said
    assert "snakemake suggest" in said
    assert "The alarm above" not in said
    assert "The alarm above says that it is not" in page(labels=0, unlike=True)


def test_under_alarm_a_count_without_labels_of_the_brain_is_marked_as_no_result():
    said = page(labels=0, unlike=True)
    assert "Unmeasured, and no result: about 1,500 cells" in said
    assert "cells, unmeasured" in said
    assert "95% interval, unmeasured" in said
    for measured in (page(unlike=True), page(labels=0), page(annotated=1400, unlike=True)):
        assert "nmeasured" not in measured
    # Of what is annotated in part nobody knows the number.
    assert "Unmeasured" in page(annotated=1400, wholly=False, unlike=True, labels=0)


def test_an_arm_that_called_no_cell_has_a_row():
    none = {"threshold": 0.5, "precision": None, "recall": 0.0, "f1": 0.0}
    found = {"labels": 80, "before": none, "after": SURE, "changed": CHANGED}
    said = corrected({"resnet": found})
    assert "–" in said


def test_of_an_annotated_brain_it_does_not_ask_for_labels():
    said = page(annotated=1400, labels=0)
    assert "Its annotation has no part" in said
    assert "snakemake suggest draws" not in said


@pytest.mark.parametrize("annotated", [None, 1400])
def test_answers_that_do_not_count_are_told_of_with_what_to_change(annotated):
    told = READ | {"corrected_with": ["predict", "mouse_3"]}
    said = page(annotated, labels=0, told=told)
    assert "Answers (41 labels and 3 blocks) were read but do not count here" in said
    assert said.count("write counts: {corrected: [predict, mouse_3]} in the config") == 2
    assert "No sample of this brain was labelled" not in said
    said = page(annotated, labels=0, told=READ | {"corrected_with": []})
    assert "do not count: none is of what was drawn at random" in said
    assert "write counts" not in said


def test_what_labels_would_buy_is_told_with_what_makes_them_count():
    nothing = {"answers": {"labels": 0, "blocks": 0}, "corrected": False}
    said = page(labels=0, told=nothing | {"corrected_with": ["mouse_3"]})
    assert "For labels of this brain to count, write counts: {corrected: [mouse_3]}" in said
    assert "No sample of this brain was labelled" in said


def test_where_no_label_counts_it_says_that_the_correction_changes_nothing():
    found = {"labels": 0, "before": {"threshold": 0.5}, "after": {"threshold": 0.5}}
    assert "corrected.csv of each arm has the cells as they were before" in corrected(
        {"one": found}
    )


def test_marked_blocks_alone_correct_a_brain_and_are_shown():
    reached = {"threshold": 0.5, "precision": 0.8, "recall": 0.9, "f1": 0.85}
    found = {"labels": 0, "blocks": 3, "in_blocks": 67, "before": reached, "after": reached}
    said = corrected({"one": found | {"changed": {"to_cell": 2, "to_no_cell": 5}}})
    assert "as they were before" not in said
    assert ">67<" in said


def test_the_annotation_is_set_against_the_intervals():
    assert "within the intervals of 1 of 2 arms" in page(annotated=1400)


def test_positions_that_annotators_dispute_are_said_to_be_left_out_of_their_number():
    document = KNOWN | {"best_out_of_fold": "resnet", "arms": {"resnet": ROW}}
    said = counted(document, 1400, unlike=False, in_doubt=12)
    assert "12 more positions are in doubt" in said
    assert "1 more position is in doubt" in counted(document, 1400, unlike=False, in_doubt=1)
    assert "in doubt" not in counted(document, 1400, unlike=False)


def test_what_is_annotated_in_part_is_no_number_to_compare_with():
    said = page(annotated=1400, wholly=False, labels=0)
    assert "annotated in part: the 1,400 annotated cells are not all" in said
    assert "within the intervals" not in said
    assert "dotted" not in said
    assert "snakemake suggest draws" in said


def test_it_says_what_further_labels_would_buy():
    said = page()
    assert "as now" in said
    assert "23%" in said
    assert "+100" in said
    assert "17%" in said


def test_it_says_what_blocks_would_buy_before_one_is_marked():
    rows = [{"labels": 0, "blocks": blocks, "width": 0.3 - blocks / 100} for blocks in (0, 3, 6)]
    said = page(further=rows, cells_per_block=12.4)
    assert "+6 blocks" in said
    assert "24%" in said
    assert "A block is taken to hold 12 cells, as many as candidates are called cells" in said
    said = page(further=rows, cells_per_block=3.26, blocks=2, block_cells=6)
    assert "to hold 3.3 cells, as those marked do" in said
    said = page(further=rows, cells_per_block=12.4, blocks=2, block_cells=0)
    assert "as many as candidates are called cells where blocks are drawn: those marked" in said


def test_a_brain_without_candidates_has_a_page():
    assert "About 0 cells" in page(count=0, low=0, high=0, naive=0, further=[])


def test_what_a_correction_brings_is_a_table():
    after = SURE | {"threshold": 0.62}
    found = {"labels": 80, "before": SURE | {"f1": 0.7}, "after": after, "changed": CHANGED}
    said = corrected({"resnet": found, "other": {"labels": 0, "before": {}, "after": {}}})
    for part in ("0.5 → 0.62", "0.70 → 0.85", "31", "1\u202f200"):
        assert part in said
    assert "other" not in said
    assert corrected({}) == ""


@pytest.mark.parametrize("annotated", [None, 1400])
def test_the_figure_has_a_line_for_every_arm(annotated):
    axis = draw_counts({"resnet": ROW, "features": ROW}, annotated).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["resnet", "features"]
    assert axis.get_xlabel() == "number of cells"


class TestIndex:
    def run(self, folder, **documents) -> RunResults:
        roles = {"mouse_a": "test", "mouse_b": "predict"}
        results = RunResults(folder, roles=roles)
        for name, document in documents.items():
            write_json(document, results.paths.brain(name).count)
        return results

    DOCUMENT = {
        "train_brains": ["a"],
        "spread_known": True,
        "best_out_of_fold": "resnet",
        "arms": {"resnet": ROW},
    }

    def test_every_counted_brain_has_a_row_with_a_link_and_what_it_rests_on(self, tmp_path):
        unsure = self.DOCUMENT | {"arms": {"resnet": ROW | {"labels": 0}}}
        run = self.run(tmp_path, mouse_a=self.DOCUMENT, mouse_b=unsure)
        labelled = {"annotated": 1444, "complete": True, "in_doubt": 7}
        write_json(labelled, run.paths.brain("mouse_a").labels_summary)
        write_json(labelled | {"complete": False}, run.paths.brain("mouse_b").labels_summary)
        said = counts_of_brains(run).replace("\u202f", ",")
        assert 'href="brains/mouse_a.html"' in said
        assert "1,350 to 1,690" in said
        assert said.count("1,444, 7 in doubt") == 1
        assert "in part" in said
        assert "100 labels" in said
        assert "the train brains alone<" in said
        unused = unsure | READ | {"corrected_with": ["mouse_b"]}
        run = self.run(tmp_path, mouse_b=unused)
        assert "the train brains alone; answers do not count" in counts_of_brains(run)

    def test_the_row_of_a_brain_under_alarm_is_marked_unless_it_rests_on_labels(self, tmp_path):
        unsure = self.DOCUMENT | {"arms": {"resnet": ROW | {"labels": 0}}}
        run = self.run(tmp_path, mouse_a=self.DOCUMENT, mouse_b=unsure)
        for name in ("mouse_a", "mouse_b"):
            assert "unmeasured" not in counts_of_brains(run)
            write_json({"alarm": True}, run.paths.brain(name).alarm)
        said = counts_of_brains(RunResults(tmp_path, roles=run.brains))
        assert said.count(", unmeasured") == said.count('class="unmeasured"') == 1
        assert "the train brains alone, which it is unlike" in said

    def test_a_brain_that_is_counted_later_comes_into_the_page(self, tmp_path):
        run = self.run(tmp_path, mouse_a=self.DOCUMENT)
        page = Path(run.paths.index_page)
        page.parent.mkdir(parents=True)
        page.write_text("<p>before</p>" + later_parts.part("counts", run) + "<p>after</p>")
        assert not later_parts.renew(run)
        self.run(tmp_path, mouse_b=self.DOCUMENT)
        assert later_parts.renew(run)
        text = page.read_text()
        assert text.startswith("<p>before</p>")
        assert text.endswith("<p>after</p>")
        assert "mouse_b.html" in text
