"""Blocks: handed out as images, and read back with the cells that people have marked in them."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from handed_out import SIZE, HandedOut, make_handed_out

from cellsift.annotation.block_merging import merge_block
from cellsift.annotation.drawing import CORNERS
from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.cells import write_cells_xml
from cellsift.results import BlockFolder
from cellsift.settings.brains import Brain


@pytest.fixture
def made(tmp_path) -> HandedOut:
    return make_handed_out(tmp_path)


def table_of(made: HandedOut) -> pd.DataFrame:
    return pd.read_csv(made.files.blocks)


def mark(made: HandedOut, block: int, points: list, name: str = "") -> None:
    path = made.answers / (name or f"block-{block}_cells.csv")
    pd.DataFrame(points, columns=AXES).to_csv(path, index=False)


def test_an_image_is_the_block_of_the_volume_with_its_size(made):
    blocks = table_of(made)
    assert list(blocks) == ["block", *CORNERS, "probability", "done", "author"]
    for _, block in blocks.iterrows():
        path = BlockFolder(made.files.block_images).image(int(block["block"]))
        with tifffile.TiffFile(path) as file:
            image, page, more = file.asarray(), file.pages[0], file.imagej_metadata
        start, stop = block[CORNERS[:3]].to_numpy(int), block[CORNERS[3:]].to_numpy(int)
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        for channel, volume in enumerate(made.channels):
            assert (image[:, channel] == volume.data[box].compute()).all()
        assert (more["spacing"], more["unit"]) == (SIZE[0], "um")
        pixels, unit = page.tags["XResolution"].value
        assert pixels / unit == pytest.approx(1 / SIZE[2])


@pytest.mark.parametrize("kind", ["csv", "xml"])
def test_cells_of_a_block_lie_where_they_were_marked(made, kind):
    points = [[0.0, 3.0, 4.0], [5.0, 1.0, 20.0]]
    if kind == "csv":
        mark(made, 1, points, "block-1_cells..anna.csv")
    else:
        cells = pd.DataFrame(points, columns=AXES).assign(is_cell=True)
        write_cells_xml(cells, made.answers / "block-1..anna.xml")
    sample, blocks = made.read(), table_of(made)
    (row,) = sample.blocks.to_dict("records")
    assert (row["block"], row["cells"], row["author"], row["round"]) == (1, 2, "anna", 1)
    assert row["probability"] == pytest.approx(blocks["probability"][0])
    # The other that was drawn has no answer yet: this one stands for both.
    assert row["weight"] == pytest.approx(2 / row["probability"])
    corner = blocks[CORNERS[:3]].to_numpy()[0]
    assert (sample.block_cells[AXES].to_numpy() == np.array(points) + corner).all()
    assert (sample.block_cells["block"] == 1).all()


def test_an_empty_table_is_an_answer_only_where_somebody_says_so(made):
    mark(made, 1, [])
    sample = made.read()
    assert not len(sample.blocks)
    assert "if block 1 really has none, write yes as done" in sample.summary["told"][0]
    table = table_of(made).astype({"done": object, "author": object})
    table.loc[0, ["done", "author"]] = ["Yes", "ben"]
    table.to_csv(made.answers / "blocks.csv", index=False)
    (row,) = made.read().blocks.to_dict("records")
    assert (row["block"], row["cells"], row["author"]) == (1, 0, "ben")


def test_a_block_that_is_not_finished_is_left_out(made):
    mark(made, 1, [[0, 0, 0]])
    mark(made, 2, [[0, 0, 0]])
    table_of(made).assign(done=["no", ""]).to_csv(made.answers / "blocks.csv", index=False)
    assert list(made.read().blocks["block"]) == [2]


# Cells far apart from each other, and the same as somebody else marks them.
CELLS = np.array([[1.0, 4, 4], [1, 4, 30], [6, 20, 4], [6, 20, 30], [9, 30, 16]])
ALIKE = CELLS + np.array([0.4, 1.5, -1])


def test_two_annotators_need_not_mark_the_same_voxels(made):
    """As those of a whole brain need not."""
    mark(made, 1, CELLS, "block-1_cells..anna.csv")
    mark(made, 1, ALIKE, "block-1_cells..ben.csv")
    sample = made.read()
    (row,) = sample.blocks.to_dict("records")
    assert (row["cells"], row["in_doubt"], row["author"]) == (5, 0, "anna and ben")
    corner = table_of(made)[CORNERS[:3]].to_numpy()[0]
    assert np.allclose(sample.block_cells[AXES], (CELLS + ALIKE) / 2 + corner)
    assert sample.summary["told"] == []


def test_what_one_of_two_annotators_has_marked_is_in_doubt_and_told(made):
    mark(made, 1, CELLS, "block-1_cells..anna.csv")
    mark(made, 1, ALIKE[:4], "block-1_cells..ben.csv")
    sample = made.read()
    (row,) = sample.blocks.to_dict("records")
    assert (row["cells"], row["in_doubt"]) == (4, 1)
    assert list(sample.block_cells["kind"]) == ["cell"] * 4 + ["disputed"]
    assert "block 1: anna and ben agree on 4 cells; 1 more" in sample.summary["told"][0]


def test_a_block_on_which_annotators_hardly_agree_is_left_out(made):
    mark(made, 1, CELLS[:4], "block-1_cells..anna.csv")
    mark(made, 1, np.concatenate([ALIKE[:1], ALIKE[4:] - [0, 12, 0]]), "block-1_cells..ben.csv")
    sample = made.read()
    assert not len(sample.blocks)
    assert "block 1: anna and ben agree with an F1 of 0.33 only" in sample.summary["told"][0]


def test_who_says_that_a_block_holds_no_cell_disagrees_with_who_marked_one(made):
    mark(made, 1, CELLS[:1], "block-1_cells..anna.csv")
    mark(made, 1, [], "block-1_cells..ben.csv")
    assert list(made.read().blocks["cells"]) == [1]
    table = table_of(made).assign(done=["yes", ""], author=["ben", ""])
    table.to_csv(made.answers / "blocks.csv", index=False)
    (row,) = made.read().blocks.to_dict("records")
    assert (row["cells"], row["in_doubt"], row["author"]) == (0, 1, "anna and ben")


@pytest.mark.parametrize("name", ["Anna", "ANNA ", "an na"])
def test_a_name_is_the_same_in_small_and_capital_letters_and_with_spaces(made, name):
    """In tables people write it otherwise than in names of files."""
    mark(made, 1, CELLS[:1], "block-1_cells..ben.csv")
    mark(made, 1, [], "block-1_cells..anna.csv")
    table = table_of(made).assign(done=["yes", ""], author=[name, ""])
    table.to_csv(made.answers / "blocks.csv", index=False)
    (row,) = made.read().blocks.to_dict("records")
    assert (row["cells"], row["in_doubt"], row["author"]) == (0, 1, "ben and anna")


def test_nobody_agrees_with_oneself_under_two_spellings(made):
    mark(made, 1, CELLS, "block-1_cells..Anna.csv")
    mark(made, 1, ALIKE, "block-1_cells..anna.csv")
    sample = made.read()
    assert not len(sample.blocks)
    assert "are both of Anna" in sample.summary["told"][0]


@pytest.mark.parametrize(
    ("settings", "cells"),
    [
        ({"matching": {"distance_um": 20.0}}, 1),
        ({"matching": {"distance_um": 20.0}, "annotators": {"distance_um": 12.0}}, 0),
        ({"matching": {"distance_um": 12.0}, "annotators": {"distance_um": 20.0}}, 1),
        ({"matching": {"distance_um": None}}, 0),
    ],
)
def test_marks_in_a_block_are_one_cell_within_the_distance_that_holds_for_the_brain(
    settings, cells
):
    """14 µm apart; the matching distance holds where annotators have none of their own."""
    marked = {"anna": [[0.0, 5, 5]], "ben": [[0.0, 5, 12]]}
    tables = {name: pd.DataFrame(points, columns=AXES) for name, points in marked.items()}
    merged = merge_block(tables, Brain("mouse", "signal", SIZE, settings=settings))
    assert len(merged.cells) == cells


def test_two_files_of_one_annotator_that_differ_are_told_of_and_the_block_is_left_out(made):
    mark(made, 1, CELLS, "block-1_cells.csv")
    (made.answers / "more").mkdir()
    mark(made, 1, CELLS, "more/block-1_cells.csv")
    assert list(made.read().blocks["cells"]) == [5]
    mark(made, 1, ALIKE, "more/block-1_cells.csv")
    sample = made.read()
    assert not len(sample.blocks)
    assert "mark different cells and do not say whose they are" in sample.summary["told"][0]


def test_positions_of_the_whole_brain_in_a_block_are_refused(made):
    mark(made, 2, [[0, 0, 0], [3, 400, 2]])
    with pytest.raises(InputError, match=r"block-2_cells\.csv: row 2, at 3, 400, 2, lies outside"):
        made.read()


@pytest.mark.parametrize("said", ["block", "table"])
def test_a_block_that_was_not_drawn_is_refused(made, said):
    if said == "block":
        mark(made, 9, [[0, 0, 0]])
    else:
        table = table_of(made).assign(block=9, done="yes")
        table.to_csv(made.answers / "blocks.csv", index=False)
    with pytest.raises(InputError, match=r"block 9 was not drawn in this brain; there are 1, 2"):
        made.read()
