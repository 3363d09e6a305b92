"""Text of any spreadsheet is read as it was meant, or refused with what to save it as."""

import pandas as pd
import pytest

from cellsift.errors import InputError
from cellsift.io.cells import read_points
from cellsift.io.text_files import read_text
from cellsift.project.reading import load_project, read_project

HEADER = ["brain", "role", "signal", "background", "voxel_z", "voxel_y", "voxel_x", "cells"]
ROW = ["b1", "train", "/data/Gehirn_µ_ä.tif", "", "5", "2", "2", "c.csv"]


@pytest.fixture
def brains(tmp_path):
    """A function that reads a table of brains of this content."""

    def read(content, **config):
        (tmp_path / "t.tsv").write_bytes(content)
        return load_project({"brains_table": "t.tsv", "arms": ["features"]} | config, tmp_path)

    return read


def table(*rows, separator="\t", end="\r\n"):
    return end.join(separator.join(row) for row in (HEADER, *(rows or [ROW]))) + end


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_table_is_read_in_whatever_unicode_it_was_saved(brains, encoding, end):
    found = brains(table(end=end).encode(encoding)).brains
    assert found["b1"].signal == "/data/Gehirn_µ_ä.tif"
    assert found["b1"].voxel_size == (5, 2, 2)
    assert found["b1"].cells == "c.csv"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-32-le"])
def test_a_table_in_another_encoding_is_refused_with_the_remedy(brains, tmp_path, encoding):
    with pytest.raises(InputError) as refusal:
        brains(table().encode(encoding))
    assert str(tmp_path / "t.tsv") in str(refusal.value)
    assert "save it as tab-separated text in UTF-8" in str(refusal.value)
    if encoding != "utf-32-le":
        assert "line 2 has a byte 0xb5, which is 'µ'" in str(refusal.value)


def test_a_workbook_that_was_renamed_is_refused_as_such(brains):
    with pytest.raises(InputError, match=r"is a workbook .*save it as tab-separated text in UTF-8"):
        brains(b"PK\x03\x04\x14\x00\x06\x00")


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), (",", "commas")])
def test_other_separators_are_named(brains, separator, name):
    with pytest.raises(InputError, match=rf"{name} \(of a spreadsheet, save it as"):
        brains(table(separator=separator).encode())


def test_what_spreadsheets_add_to_a_table_does_no_harm(brains):
    lines = table().split("\r\n")
    quoted = lines[1].replace("/data/", '"/data/a, ""b"", ').replace(".tif", '.tif"')
    content = "\r\n".join(
        [f"\t\t\t{''}", f"{lines[0]}\t\t", f"\xa0{quoted} \t\t\xa0", "\t" * 9, '"# a, remark"']
    )
    found = brains(content.encode()).brains
    assert list(found) == ["b1"]
    assert found["b1"].signal == '/data/a, "b", Gehirn_µ_ä.tif'


def test_a_decimal_comma_is_told(brains):
    row = ["5,0" if value == "5" else value for value in ROW]
    with pytest.raises(InputError, match=r"voxel_z is '5,0'; .*with a decimal point"):
        brains(table(row).encode())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_config_is_read_in_whatever_unicode_it_was_saved(tmp_path, encoding):
    (tmp_path / "t.tsv").write_text(table())
    text = "brains_table: t.tsv\r\narms: [features]\r\nnote: 5 µm\r\n"
    (tmp_path / "c.yaml").write_bytes(text.encode(encoding))
    assert read_project(tmp_path / "c.yaml", tmp_path).config.note == "5 µm"


def test_a_config_in_another_encoding_is_refused_with_the_remedy(tmp_path):
    (tmp_path / "c.yaml").write_bytes("a: 1\nnote: 5 µm\n".encode("cp1252"))
    with pytest.raises(InputError, match=r"c\.yaml: .*line 2 .*save it as YAML in UTF-8"):
        read_project(tmp_path / "c.yaml")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_cells_are_read_in_whatever_unicode_they_were_saved(tmp_path, encoding):
    text = '"z","y","x","Größe"\r\n1.5,2,3,"a"\r\n,,,\r\n4,5,\xa06,\r\n'
    (tmp_path / "c.csv").write_bytes(text.encode(encoding))
    assert read_points(tmp_path / "c.csv").to_numpy().tolist() == [[1.5, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("z;y;x\n1,5;2;3\n", "separated by semicolons"),
        ("z\ty\tx\n1,5\t2\t3\n", "separated by tabs"),
        ("z,y,x\n1,5,2,5,3,5\n", "decimal points"),
    ],
)
def test_cells_of_a_spreadsheet_with_decimal_commas_are_refused_with_the_remedy(
    tmp_path, text, said
):
    (tmp_path / "c.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_points(tmp_path / "c.csv")


@pytest.mark.parametrize(
    "columns",
    [["index", "axis-0", "axis-1", "axis-2"], ["", "Z", "Y", "X"], ["note", "z", "Y", "x "]],
)
def test_positions_of_napari_and_in_capitals_are_read(tmp_path, columns):
    pd.DataFrame([[0, 1.5, 2, 3]], columns=columns).to_csv(tmp_path / "c.csv", index=False)
    assert read_points(tmp_path / "c.csv").to_numpy().tolist() == [[1.5, 2, 3]]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["z", "y", "x", "p_cell", "is_cell"], "verdicts of a classifier"),
        (["z", "y", "x", "contrast"], "candidates of a detection"),
        (["z", "y", "x", "contrast", "label"], "labelled candidates"),
        (["z", "y", "x", "kind", "annotators"], "merged marks of annotators"),
        (["coordinate_atlas_axis_0", "coordinate_raw_axis_0", "structure_name"], "in an atlas"),
        (["axis-0", "axis-1", "axis-2", "axis-3"], "more than three axes"),
        ([" ", "Area", "X", "Y", "Slice"], "slices count from 1"),
        (["Slice", "X", "Y", "Z"], "slices count from 1"),
        (["shape-type", "vertex-index", "axis-0", "axis-1", "axis-2"], "corners of shapes"),
        (["POSITION_X", "POSITION_Y", "POSITION_Z"], "in µm"),
    ],
)
def test_results_of_programs_are_not_taken_for_an_annotation(tmp_path, columns, said):
    pd.DataFrame([[1] * len(columns)], columns=columns).to_csv(tmp_path / "c.csv", index=False)
    with pytest.raises(InputError, match=said):
        read_points(tmp_path / "c.csv", "cell")


def test_an_annotators_own_columns_do_no_harm(tmp_path):
    table = pd.DataFrame([[1, 2, 3, 7, 0.5, "bright"]], columns=[*"zyx", "label", "size", "type"])
    table.to_csv(tmp_path / "c.csv", index=False)
    assert read_points(tmp_path / "c.csv", "cell").to_numpy().tolist() == [[1, 2, 3]]


@pytest.mark.parametrize("first", ["sep=,", "# cells, by me", "Position"])
def test_a_line_above_the_names_of_columns_is_told(tmp_path, first):
    """As spreadsheets, people and Imaris write."""
    (tmp_path / "c.csv").write_text(f"{first}\nz,y,x\n1,2,3\n")
    with pytest.raises(InputError, match=f"first line has to name the columns, found '{first}'"):
        read_points(tmp_path / "c.csv")


@pytest.mark.parametrize("header", ["z,y,x,z", "axis-0,axis-1,axis-2,axis-1"])
def test_a_column_of_positions_that_is_there_twice_is_refused(tmp_path, header):
    (tmp_path / "c.csv").write_text(f"{header}\n1,2,3,4\n")
    with pytest.raises(InputError, match=r"column (z|axis-1) is there twice"):
        read_points(tmp_path / "c.csv")


def test_a_file_of_zeros_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\0\0\0b\0\0")
    with pytest.raises(InputError, match="save it as plain text in UTF-8"):
        read_text(tmp_path / "a.txt")
