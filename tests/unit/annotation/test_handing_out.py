"""Rounds: nobody's list is replaced while they work on it, and no label is asked for twice."""

import base64
import dataclasses
import json
import re

import imagecodecs
import numpy as np
import pandas as pd
import pytest
from defusedxml.ElementTree import fromstring
from handed_out import SIZE, WISH, HandedOut, make_handed_out

from cellsift.annotation.drawing import CORNERS
from cellsift.annotation.drawn import read_rounds
from cellsift.annotation.pictures import picture_of
from cellsift.errors import InputError
from cellsift.io.cells import read_markers


@pytest.fixture
def made(tmp_path) -> HandedOut:
    return make_handed_out(tmp_path)


def test_a_list_that_waits_for_its_first_answer_stays_as_it_is(made):
    """Also if the arms have learnt meanwhile, or less is wished for."""
    before = made.table
    made.p_cell = made.p_cell[::-1].copy()
    drawn = made.hand_out(dataclasses.replace(WISH, candidates=5), seed=9)
    after = made.table
    assert drawn.number == 1
    pd.testing.assert_frame_equal(after, before)


def test_other_candidates_have_a_list_of_their_own(made):
    made.positions = made.positions[:-1]
    made.p_cell, made.truth = made.p_cell[:-1], made.truth[:-1]
    assert made.hand_out().number == 2
    assert made.read().summary["told"] == []


def test_after_the_first_answer_a_second_round_asks_for_what_is_not_labelled(made):
    first = made.table
    made.fill_in(rows=slice(20))
    made.hand_out()
    second = made.table
    assert set(second["round"]) == {2}
    assert not set(second["candidate"]) & set(first["candidate"][:20])
    known = read_rounds(made.answers)[1].candidates
    known = known[known["why"] == "known"]
    assert set(known["candidate"]) == set(first["candidate"][:20])


def test_the_answers_of_two_rounds_are_one_sample(made):
    first = made.table
    made.fill_in("one.csv")
    made.hand_out()
    made.fill_in("two.csv")
    sample = made.read()
    assert len(sample.candidates) == 60
    assert [state["random_labelled"] for state in sample.summary["rounds"]] == [15, 15]
    assert [state["population"] for state in sample.summary["rounds"]] == [150, 120]
    at_random = sample.candidates["probability"].notna()
    assert at_random.sum() == 30
    of_first = sample.candidates[sample.candidates["candidate"].isin(first["candidate"])]
    assert (of_first["round"] == 1).all()
    # What was known before the second draw counts in it for sure, random or not.
    weights = sample.candidates["weight"]
    assert (weights.isna() == (~at_random & (sample.candidates["round"] == 2))).all()
    assert weights[~at_random].max() < 1
    assert sample.candidates["weight"].sum() == pytest.approx(150, rel=0.25)


def test_answers_that_are_gone_since_a_later_draw_are_told_of(made):
    made.fill_in("one.csv")
    made.hand_out()
    made.fill_in("two.csv")
    (made.answers / "one.csv").unlink()
    sample = made.read()
    (told,) = sample.summary["told"]
    assert "of 30 candidates that had an answer when a later round was drawn, 30 have none" in told
    assert sample.candidates["weight"].isna().all()


def test_rounds_go_on_until_all_is_known(made):
    for number in range(1, 6):
        made.fill_in(f"{number}.csv")
        made.hand_out()
    assert not len(made.table)
    sample = made.read().candidates
    assert len(sample) == 150
    assert np.allclose(sample["weight"], 1)


def test_blocks_of_later_rounds_are_others_and_have_numbers_of_their_own(made):
    first = pd.read_csv(made.files.blocks)
    (made.answers / "block-1_cells.csv").write_text("z,y,x\n0,0,0\n")
    made.hand_out(dataclasses.replace(WISH, blocks=3))
    second = pd.read_csv(made.files.blocks)
    assert list(second["block"]) == [3, 4, 5]
    assert not len(second.merge(first[first["block"] == 1], on=CORNERS))
    assert list(made.read().blocks["block"]) == [1]
    made.fill_in()
    smaller = dataclasses.replace(WISH, block_um=70)
    with pytest.raises(InputError, match=r"block_um is 70, but blocks of another size"):
        made.hand_out(smaller)


def test_no_block_is_drawn_where_none_is_wished_for(tmp_path, made):
    made.fill_in()
    made.hand_out(dataclasses.replace(WISH, blocks=0))
    assert not len(pd.read_csv(made.files.blocks))
    assert not list(made.files.block_images.glob("*.tif"))
    assert len(read_rounds(made.answers)[1].blocks) == 0


def test_neither_table_nor_xml_tells_what_the_arms_think(made):
    """It would sway who labels."""
    markers, _ = read_markers(made.files.candidates_xml)
    assert len(markers) == len(made.table)
    assert markers["is_cell"].nunique() == 1
    assert list(made.table) == [
        *("suggestion", "candidate", "z", "y", "x", "why", "probability"),
        *("round", "label", "author"),
    ]


def test_tasks_of_label_studio_show_the_candidate_and_hide_the_verdict(made):
    tasks = json.loads(made.files.label_studio.read_text())
    config = fromstring(made.files.label_studio_config.read_text())
    choices = [choice.get("value") for choice in config.iter("Choice")]
    assert choices == ["cell", "no_cell", "unsure"]
    (image,) = config.iter("Image")
    assert image.get("value") == "$image"
    for task, (_, row) in zip(tasks, made.table.iterrows(), strict=True):
        assert set(task) == {"data"}
        assert task["data"]["candidate"] == row["candidate"]
        assert not re.search("p_cell", json.dumps(task["data"]))
        kind, content = task["data"]["image"].split(",")
        assert kind == "data:image/png;base64"
        assert imagecodecs.png_decode(base64.b64decode(content)).ndim == 2


def test_a_picture_has_both_views_of_both_channels():
    cuboid = np.full((2, 9, 20, 20), 100, np.uint16)
    # A spot off the central plane in the signal, one in it in the background.
    cuboid[0, 1, 3:6, 3:6] = 9000
    cuboid[1, 4, 12:15, 12:15] = 9000
    picture = picture_of(cuboid)
    side = (picture.shape[0] - 4) // 2
    assert picture.shape == (2 * side + 4, 2 * side + 4)
    parts = {
        (row, column): picture[row * (side + 4) :, column * (side + 4) :][:side, :side]
        for row in (0, 1)
        for column in (0, 1)
    }
    step = side // 20
    bright = {place: part[4 * step, 4 * step] > 200 for place, part in parts.items()}
    assert bright == {(0, 0): True, (0, 1): False, (1, 0): False, (1, 1): False}
    bright = {place: part[13 * step, 13 * step] > 200 for place, part in parts.items()}
    assert bright == {(0, 0): False, (0, 1): False, (1, 0): True, (1, 1): True}
    # The candidate itself is not covered.
    assert parts[0, 0][side // 2, side // 2] < 50
    assert picture_of(cuboid[:1]).shape == (side, 2 * side + 4)


def test_blocks_are_about_as_long_as_was_wished_for(made):
    blocks = pd.read_csv(made.files.blocks)
    sides = (blocks[CORNERS[3:]].to_numpy() - blocks[CORNERS[:3]].to_numpy()) * SIZE
    assert (sides[:, 1:] > 70).all()
    assert (sides <= 125).all()
