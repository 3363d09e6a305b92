"""Positions survive reading and writing; files that cannot be used are refused by name."""

import numpy as np
import pandas as pd
import pytest
from brainglobe_utils.cells.cells import Cell, MissingCellsError
from brainglobe_utils.IO.cells import cells_to_xml, get_cells

from cellsift.errors import InputError
from cellsift.io.cells import read_points, write_cells_xml


@pytest.fixture
def written(tmp_path):
    """Write text to a file of the given name and return its path."""

    def write(content, name="cells.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_csv_keeps_positions_exactly_and_drops_other_columns(written):
    positions = np.random.default_rng(0).uniform(0, 500, (50, 3))
    table = pd.DataFrame(positions, columns=["z", "y", "x"]).assign(note="a")[
        ["note", "x", "z", "y"]
    ]
    read = read_points(written(table.to_csv(index=False)))
    assert list(read.columns) == ["z", "y", "x"]
    np.testing.assert_array_equal(read.to_numpy(), positions)


def test_csv_as_spreadsheets_write_it(written):
    read = read_points(written("\ufeffz, y, x\r\n1,2, 3\r\n4,5,6e1\r\n\r\n"))
    assert read.to_numpy().tolist() == [[1, 2, 3], [4, 5, 60]]


def test_csv_without_rows_is_an_empty_table(written):
    read = read_points(written("z,y,x\n"))
    assert read.shape == (0, 3)
    assert (read.dtypes == "float64").all()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty"),
        ("z;y;x\n1;2;3\n", "column z, y, x is missing"),
        ("z,y\n1,2\n", "column x is missing, found z, y"),
        ("z,y,x\n1,2,3\n4,,6\n", "row 2 has nothing as y"),
        ("z,y,x\n1,2,3\n4,5\n", "row 2 has nothing as x"),
        ("z,y,x\n1,2,far\n", "row 1 has 'far' as x"),
        ("z,y,x\n1,2,nan\n", "row 1 has"),
        ("z,y,x\n1,inf,3\nnone,2,3\n", "row 1 has 'inf' as y, 1 more rows"),
        ("z,y,x\n1,5,2,5,3,5\n", "cannot be read"),
        ("z,y,x\n1,2,3\n1,2,3,4\n", "cannot be read"),
        (b"\xff\xfez\x00,\x00", "cannot be read"),
    ],
)
def test_unusable_csv_is_refused_with_file_and_place(written, content, told):
    path = written(content)
    with pytest.raises(InputError) as refusal:
        read_points(path)
    assert str(path) in str(refusal.value)
    assert told in str(refusal.value)


def test_missing_file_and_unknown_suffix_are_refused(tmp_path, written):
    with pytest.raises(InputError, match="no such file"):
        read_points(tmp_path / "absent.csv")
    with pytest.raises(InputError, match=r"\.csv, \.xml or \.yml"):
        read_points(written("z,y,x\n", "cells.xlsx"))


def _cells():
    positions = [[0.0, 0.4, 7.6], [12.0, 300.0, 20.49], [3.2, 1.0, 0.0]]
    return pd.DataFrame(positions, columns=["z", "y", "x"]).assign(is_cell=[True, False, True])


def test_xml_is_read_by_brainglobe_with_types_and_nearest_voxels(tmp_path):
    write_cells_xml(_cells(), tmp_path / "cells.xml")
    found = {(cell.z, cell.y, cell.x, cell.type) for cell in get_cells(tmp_path / "cells.xml")}
    assert found == {(0, 0, 8, Cell.CELL), (12, 300, 20, Cell.NO_CELL), (3, 1, 0, Cell.CELL)}


def test_xml_of_brainglobe_is_read_by_kind(tmp_path):
    path = tmp_path / "cells.xml"
    kinds = {"all": [(3, 2, 1), (6, 5, 4), (9, 8, 7)], "cell": [(6, 5, 4)], "no_cell": None}
    kinds["no_cell"] = [point for point in kinds["all"] if point not in kinds["cell"]]
    types = [Cell.NO_CELL, Cell.CELL, Cell.ARTIFACT]
    cells = [
        Cell((x, y, z), kind) for (z, y, x), kind in zip(sorted(kinds["all"]), types, strict=True)
    ]
    cells_to_xml(cells, path)
    for kind, expected in kinds.items():
        read = read_points(path, kind)
        assert sorted(map(tuple, read.to_numpy())) == expected, kind


@pytest.mark.parametrize("kind", ["all", "cell", "no_cell"])
@pytest.mark.parametrize("is_cell", [True, False])
def test_xml_of_one_type_is_kept_whole(tmp_path, kind, is_cell):
    write_cells_xml(_cells().assign(is_cell=is_cell), tmp_path / "cells.xml")
    assert len(read_points(tmp_path / "cells.xml", kind)) == 3


def test_xml_without_cells_reads_as_an_empty_table(tmp_path):
    path = tmp_path / "cells.xml"
    write_cells_xml(_cells().iloc[:0], path)
    assert read_points(path, "cell").shape == (0, 3)
    with pytest.raises(MissingCellsError):
        get_cells(path)


MARKER = "<MarkerX>{}</MarkerX><MarkerY>2</MarkerY>{}"
FRAME = (
    "<C><Marker_Data><Marker_Type><Type>{}</Type><Marker>{}</Marker></Marker_Type>"
    "</Marker_Data></C>"
)
BOMB = '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><b>&b;</b>'
EXTERNAL = '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><b>&a;</b>'
DOCTYPE = '<!DOCTYPE b SYSTEM "http://localhost/b.dtd"><b/>'


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (BOMB, "document type or entities"),
        (EXTERNAL, "document type or entities"),
        (DOCTYPE, "document type or entities"),
        ("<b><c></b>", "not valid XML"),
        ("", "not valid XML"),
        ('<?xml version="1.0" encoding="none"?><b/>', "not valid XML"),
        ("<b/>", "no Marker_Data"),
        (FRAME.format("cell", MARKER.format(1, "<MarkerZ>3</MarkerZ>")), "has type 'cell'"),
        (FRAME.format(2, MARKER.format(1, "")), "marker 1 has nothing as z"),
        (FRAME.format(2, MARKER.format("one", "<MarkerZ>3</MarkerZ>")), "marker 1 has 'one' as x"),
    ],
)
def test_unusable_xml_is_refused_with_file_and_place(written, content, told):
    path = written(content, "cells.xml")
    with pytest.raises(InputError) as refusal:
        read_points(path)
    assert str(path) in str(refusal.value)
    assert told in str(refusal.value)


@pytest.mark.cfos
def test_annotation_of_real_brains_is_read(shared_data):
    read = read_points(shared_data / "cfos" / "695" / "cells.csv")
    assert read.shape == (443, 3)
