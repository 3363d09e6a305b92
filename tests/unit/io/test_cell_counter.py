"""Marks of Fiji's Cell Counter lie where they were set, or are refused; BrainGlobe's stay as is."""

import pytest

from cellsift.errors import InputError
from cellsift.io.cell_counter import Counter
from cellsift.io.cells import read_points, read_positions

NEW = (
    "<X_Calibration>2.0</X_Calibration><Y_Calibration>2.0</Y_Calibration>"
    "<Z_Calibration>5.0</Z_Calibration><Calibration_Unit>micron</Calibration_Unit>"
)
CELLS = [(8, 20, 21), (15, 40, 55), (22, 60, 30)]


@pytest.fixture
def saved(tmp_path):
    """Write an XML of counters {number: (name or None, positions z, y, x as Fiji has them)}."""

    def save(counters, image="brain.tif", calibration="", name="marks.xml"):
        groups = ""
        for number, (called, points) in counters.items():
            groups += f"<Marker_Type>\r\n<Type>{number}</Type>\r\n"
            groups += "" if called is None else f"<Name>{called}</Name>\r\n"
            for z, y, x in points:
                groups += (
                    f"<Marker><MarkerX>{x}</MarkerX><MarkerY>{y}</MarkerY><MarkerZ>{z}</MarkerZ>"
                    "</Marker>\r\n"
                )
            groups += "</Marker_Type>\r\n"
        path = tmp_path / name
        path.write_bytes(
            b'<?xml version="1.0" encoding="UTF-8"?>\r\n<CellCounter_Marker_File>\r\n'
            b"<Image_Properties><Image_Filename>"
            + image.encode()
            + b"</Image_Filename>"
            + calibration.encode()
            + b"</Image_Properties>\r\n<Marker_Data>"
            b"<Current_Type>0</Current_Type>"
            + groups.encode()
            + b"</Marker_Data></CellCounter_Marker_File>"
        )
        return path

    return save


def slices(points):
    """As Fiji saves them: slices counted from 1."""
    return [(z + 1, y, x) for z, y, x in points]


def positions(path, kind="cell"):
    return [tuple(map(int, row)) for row in read_points(path, kind).to_numpy()]


@pytest.mark.parametrize(
    ("name", "calibration", "image"),
    [
        (None, "", "brain.tif"),
        ("Type 1", NEW, "brain.tif"),
        ("cell", "", "placeholder.tif"),
        (None, NEW, "placeholder.tif"),
    ],
)
def test_marks_of_one_counter_lie_one_plane_up(saved, name, calibration, image):
    """Whichever of its signs shows that a file is Fiji's."""
    found = read_positions(saved({1: (name, slices(CELLS))}, image, calibration), "cell")
    assert found.points.to_numpy().astype(int).tolist() == [list(point) for point in CELLS]
    assert found.of_fiji
    (doubt,) = found.doubts
    assert "Cell Counter" in doubt
    assert "hyperstack" in doubt


def test_fijis_empty_counters_tell_its_files_too(saved):
    counters = {number: (None, []) for number in range(1, 9)} | {3: (None, slices(CELLS))}
    assert positions(saved(counters, image="placeholder.tif")) == CELLS


@pytest.mark.parametrize("kind", ["all", "cell", "no_cell"])
def test_fijis_counters_without_any_mark_hold_no_position(saved, kind):
    found = read_positions(saved({number: (f"Type {number}", []) for number in range(1, 9)}), kind)
    assert found.points.columns.tolist() == ["z", "y", "x"]
    assert found.points.empty
    assert found.doubts == []


def test_brainglobe_counts_planes_from_0(saved):
    path = saved({1: (None, [(5, 5, 5)]), 2: (None, CELLS)}, image="placeholder.tif")
    assert positions(path) == CELLS
    assert positions(path, "no_cell") == [(5, 5, 5)]
    assert read_positions(path, "cell").doubts == []


@pytest.mark.parametrize(
    ("cell", "other"),
    [
        ("cell", "artefact"),
        ("Cells", "no cell"),
        ("c-Fos positive", "not_a_cell"),
        ("neurons", "NonCells"),
        ("true", "false positives"),
        ("Zellen", "keine Zellen"),
        ("Zelle", "Artefakte"),
    ],
)
def test_names_tell_cells_from_artefacts_whatever_their_numbers(saved, cell, other):
    artefacts = [(5, 5, 5)]
    for numbers in ((1, 2), (2, 1), (4, 7)):
        marks = {cell: slices(CELLS), other: slices(artefacts)}
        path = saved(
            {number: (name, marks[name]) for number, name in zip(numbers, marks, strict=True)}
        )
        assert positions(path) == CELLS
        assert positions(path, "no_cell") == artefacts
        assert len(read_points(path)) == 4


@pytest.mark.parametrize(
    "names", [(None, None), ("Type 1", "Type 2"), ("GFP", "cell"), ("cell?", "no cell")]
)
def test_counters_that_do_not_say_what_they_count_are_refused(saved, names):
    path = saved({1: (names[0], slices(CELLS)), 2: (names[1], [(6, 5, 5)])})
    with pytest.raises(InputError) as refusal:
        read_points(path, "cell")
    for part in (str(path), "3 marks", "1 marks", "Name them 'cell' and 'no cell'", "z, y, x"):
        assert part in str(refusal.value)


@pytest.mark.parametrize(("name", "kind"), [("artefacts", "cell"), ("cells", "no_cell")])
def test_a_counter_named_as_the_other_kind_is_refused(saved, name, kind):
    with pytest.raises(InputError, match=name):
        read_points(saved({1: (name, slices(CELLS))}), kind)


def test_slice_0_is_not_fijis(saved):
    with pytest.raises(InputError, match="slice 0, where Fiji counts from 1"):
        read_points(saved({1: ("cell", [(0, 5, 5)])}), "cell")


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_slices_that_skip_channels_are_told(saved, channels):
    marks = [(channels * z + 1, z, z) for z in range(20)]
    (doubt,) = read_positions(saved({1: ("cell", marks)}), "cell").doubts
    assert f"hyperstack of {channels} channels" in doubt
    (doubt,) = read_positions(
        saved({1: ("cell", [(z + 1, z, z) for z in range(20)])}), "cell"
    ).doubts
    assert "All their slices" not in doubt


@pytest.mark.parametrize("name", ["unsure", "maybe a cell", "cell?", "GFP", "", "excellent"])
def test_a_name_that_says_neither_is_taken_for_neither(name):
    assert Counter(1, name, 3).is_cell is None
