"""Files of candidates: what BrainGlobe's own functions save, and brainmapper's folder."""

import json

import numpy as np
import pandas as pd
import pytest
from brainglobe_utils.cells.cells import Cell
from brainglobe_utils.IO.cells import save_cells

from cellsift.errors import InputError
from cellsift.io.brainmapper import candidates_in, size_of_run
from cellsift.io.cells import read_candidates, read_points

# x, y, z, as BrainGlobe has it, and the type.
CELLS = [((11, 5, 3), Cell.CELL), ((40, 6, 3), Cell.UNKNOWN), ((7, 8, 9), Cell.CELL)]
ZYX = [[3, 5, 11], [3, 6, 40], [9, 8, 7]]


def saved(path, cells=CELLS):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_cells([Cell(position, kind) for position, kind in cells], str(path))
    return path


@pytest.mark.parametrize("name", ["cells.xml", "cells.yml", "cells.yaml"])
def test_what_brainglobe_saves_is_read_with_the_axes_in_our_order(tmp_path, name):
    points = read_candidates(saved(tmp_path / name)).points
    assert sorted(points.to_numpy().tolist()) == ZYX


def test_types_of_a_yaml_tell_cells_from_others_as_those_of_an_xml_do(tmp_path):
    files = [saved(tmp_path / name) for name in ("cells.yml", "cells.xml")]
    for kind, count in (("cell", 2), ("no_cell", 1), ("all", 3)):
        assert [len(read_points(file, kind)) for file in files] == [count, count]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: [", "not readable as YAML"),
        ("- 1", "no list of cells"),
        ("CellCounter_Marker_File: true\ncandidate_cells: 3", "no list of cells"),
        ("CellCounter_Marker_File: true\ncandidate_cells: [{x: 1, y: 2, z: 3}]", "as type"),
        (
            "CellCounter_Marker_File: true\ncandidate_cells: [{x: 1, y: [2], z: 3, type: 1}]",
            "cell 1 has 'a list' as y",
        ),
        ("!!python/object/apply:os.getcwd []", "not readable as YAML"),
    ],
)
def test_a_yaml_that_holds_no_cells_is_refused(tmp_path, text, found):
    path = tmp_path / "cells.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=found):
        read_points(path)


def test_own_tables_are_candidates_but_no_annotation(tmp_path):
    table = pd.DataFrame(ZYX, columns=["z", "y", "x"]).assign(p_cell=0.5, is_cell=True)
    table.to_csv(tmp_path / "cells.csv", index=False)
    assert read_candidates(tmp_path / "cells.csv").points.to_numpy().tolist() == ZYX
    with pytest.raises(InputError, match="come from people"):
        read_points(tmp_path / "cells.csv")


def test_positions_in_an_atlas_are_no_candidates(tmp_path):
    columns = {f"coordinate_atlas_axis_{axis}": [1.0] for axis in range(3)}
    pd.DataFrame(columns | {"z": [1], "y": [1], "x": [1]}).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InputError, match="cells in an atlas"):
        read_candidates(tmp_path / "a.csv")


@pytest.fixture
def folder(tmp_path):
    """As brainmapper leaves it after detection and classification of one channel."""
    saved(tmp_path / "points" / "cells.xml")
    saved(tmp_path / "points" / "cell_classification.xml", CELLS[:1])
    note = {"voxel_sizes": [5.0, 2.0, 2.0], "atlas": "allen_mouse_25um"}
    (tmp_path / "brainmapper.json").write_text(json.dumps(note))
    return tmp_path


def test_all_that_brainmapper_detected_is_taken_not_what_it_classified(folder):
    assert candidates_in(folder) == candidates_in(folder / "points")
    assert len(read_candidates(candidates_in(folder)).points) == 3
    (folder / "points" / "cells.xml").unlink()
    assert len(read_candidates(candidates_in(folder)).points) == 1


def test_of_several_channels_one_has_to_be_named(folder, tmp_path):
    whole = tmp_path / "both"
    first, _ = (saved(whole / f"channel_{n}" / "points" / "cells.xml") for n in (0, 1))
    with pytest.raises(InputError, match="2 channels; give .*channel_0 or .*channel_1"):
        candidates_in(whole)
    assert candidates_in(whole / "channel_0") == first


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no folder of brainmapper"):
        candidates_in(tmp_path)


def test_the_size_of_voxels_is_that_of_the_run(folder):
    assert size_of_run(candidates_in(folder)).sizes == (5, 2, 2)
    for note in ("[1", json.dumps({"voxel_sizes": ["a", 2, 2]}), "{}", json.dumps([1])):
        (folder / "brainmapper.json").write_text(note)
        assert size_of_run(candidates_in(folder)) is None


def test_many_cells_of_a_yaml_are_read_in_seconds(tmp_path):
    random = np.random.default_rng(0)
    positions = random.integers(1, 500, (3000, 3))
    cells = [(tuple(map(int, position)), Cell.CELL) for position in positions]
    path = saved(tmp_path / "cells.yml", cells)
    read = read_points(path).sort_values(["z", "y", "x"]).to_numpy()
    assert (read == np.unique(positions[:, ::-1], axis=0)).all()
