"""What a brain's page says of its regions and of its marked blocks."""

import re

import pytest

from cellsift.reporting.region_counts import MOST_REGIONS, by_region, in_marked_blocks

ARMS = ("resnet", "features")


def row(region: str, count: int, naive: int, **more) -> dict:
    found = {"region": region, "candidates": 400, "naive": naive, "count": count, "labels": 0}
    found["in_blocks"] = 0
    return found | {"low": count - 5, "high": count + 9, "among_candidates": count - 2} | more


def document(regions=(), blocks=(), labels=0, doubts=()) -> dict:
    whole = {"candidates": 4000, "labels": labels, "blocks": 0}
    arms = {
        arm: whole
        | {
            "regions": list(regions),
            "marked_blocks": [b | {"naive": b["naive"] + extra} for b in blocks],
        }
        for extra, arm in enumerate(ARMS)
    }
    return {"best_out_of_fold": "resnet", "doubts_of_regions": list(doubts), "arms": arms}


def text_of(page: str) -> str:
    # Digits are in groups of three, with narrow spaces.
    without_marks = re.sub(r"<[^>]+>", " ", page).replace("\u202f", ",")
    return re.sub(r"\s+", " ", without_marks)


def test_the_regions_with_the_most_cells_come_first_with_their_intervals():
    found = [row("striatum", 1200, 900), row("cortex", 5400, 6000, labels=31)]
    said = text_of(by_region(document(found), False, False))
    assert said.index("cortex") < said.index("striatum")
    assert "cortex 5,400 5,395 to 5,409 6,000 400 31" in said
    assert "By resnet" in said
    assert "unmeasured" not in said


def test_candidates_in_marked_blocks_are_shown_where_there_are_any():
    rows = [row("cortex", 50, 40, in_blocks=71), row("striatum", 20, 10)]
    said = text_of(by_region(document(rows), False, False))
    assert "in marked blocks" in said
    assert "cortex 50 45 to 59 40 400 0 71" in said
    assert "in marked blocks" not in text_of(by_region(document(rows[1:]), False, False))


def test_doubts_about_the_image_of_regions_stand_beside_its_counts():
    doubt = "brain b, regions: r.tif: its axes may be turned"
    said = text_of(by_region(document([row("cortex", 50, 40)], doubts=[doubt]), False, False))
    assert f"{doubt}." in said


def test_of_many_regions_the_page_shows_the_first_and_says_that_there_are_more():
    found = [row(f"area {n:03d}", 1000 - n, 900) for n in range(MOST_REGIONS + 2)]
    said = text_of(by_region(document(found), False, False))
    assert f"area {MOST_REGIONS - 1:03d}" in said
    assert f"area {MOST_REGIONS:03d}" not in said
    assert "2 more regions have candidates" in said


@pytest.mark.parametrize(("labels", "marked"), [(0, True), (80, False)])
def test_under_alarm_counts_of_regions_are_unmeasured_unless_labels_stand_behind_them(
    labels, marked
):
    said = text_of(by_region(document([row("cortex", 50, 40)], labels=labels), True, False))
    assert ("cells, unmeasured" in said) == marked


def test_the_name_of_a_region_is_text():
    page = by_region(document([row("<script>CA1", 50, 40)]), False, False)
    assert "<script>CA1" not in page
    assert "&lt;script&gt;CA1" in page


def test_marked_cells_stand_beside_what_each_arm_calls_cells():
    said = text_of(in_marked_blocks(document(blocks=[row("block 3", 17, 21)])))
    assert "called cells by resnet called cells by features" in said
    assert "3 17 15 21 22" in said


def test_a_brain_without_either_has_no_such_part():
    assert by_region(document(), False, False) == in_marked_blocks(document()) == ""
