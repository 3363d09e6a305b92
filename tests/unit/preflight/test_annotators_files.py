"""Files of several annotators and exports of Label Studio are looked at before any work."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from label_studio_exports import SHAPE, annotation, key_point, task, write_export, write_planes

from cellsift.errors import InputError
from cellsift.preflight.annotation import check_annotation
from cellsift.preflight.missing import refuse_missing
from cellsift.preflight.shared import check_brains, doubts_beside_others
from cellsift.project.reading import load_project
from cellsift.settings.brains import Brain

HEADER = [
    *("brain", "role", "signal", "background"),
    *("voxel_z", "voxel_y", "voxel_x", "cells", "non_cells"),
]
# Twenty cells, none near another.
CELLS = [(z, y, x) for z in (1, 4) for y in (8, 30) for x in range(6, 80, 16)]


def csv(path, points) -> str:
    pd.DataFrame(points, columns=list("zyx")).to_csv(path, index=False)
    return str(path)


@pytest.fixture
def brain(tmp_path):
    csv(tmp_path / "m..anna.csv", CELLS)
    csv(tmp_path / "m..ben.csv", CELLS[:15])
    signal = write_planes(tmp_path / "signal")
    return Brain("b", str(signal), (5.0, 2.0, 2.0), "train", cells=str(tmp_path / "m..*.csv"))


def test_agreed_cells_are_counted_and_those_in_doubt_told(brain):
    found = check_annotation(brain, SHAPE)
    assert (found["annotated_cells"], found["in_doubt"]) == (15, 5)
    assert found["annotators"] == ["anna", "ben"]
    assert found["warnings"] == []


def test_each_annotators_file_is_looked_at(brain, tmp_path):
    outside = csv(tmp_path / "m..cleo.csv", [(1, 2, 500)])
    with pytest.raises(InputError, match=f"brain b, cells: {outside}: 1 of 1 positions lie out"):
        check_annotation(brain, SHAPE)
    csv(tmp_path / "m..cleo.csv", [*CELLS, CELLS[0]])
    (doubt,) = check_annotation(brain, SHAPE)["warnings"]
    assert "m..cleo.csv: 1 row repeats" in doubt


def test_a_pattern_without_a_file_is_told_before_any_job(brain, tmp_path):
    refuse_missing([brain])
    nobody = dataclasses.replace(brain, cells=str(tmp_path / "x..*.csv"))
    with pytest.raises(InputError, match=r"brain b, cells: .*no such file as x\.\.ANNOTATOR\.csv"):
        refuse_missing([nobody])
    with pytest.raises(InputError, match=r"write m\.\.\*\.csv"):
        refuse_missing([dataclasses.replace(brain, cells=str(tmp_path / "m.csv"))])


def test_marks_of_one_cell_in_several_planes_are_told(tmp_path):
    signal = str(write_planes(tmp_path / "signal"))
    tasks = [task(z, annotation(*(key_point(10, x) for x in range(5, 80, 12)))) for z in range(2)]
    path = write_export(tmp_path / "e.json", *tasks)
    found = check_annotation(Brain("b", signal, (5, 2, 2), "train", cells=path), SHAPE)
    assert any("14 of 14 cells are marked within 4 µm" in said for said in found["warnings"])
    # Of other cells in the next plane nothing is said.
    far = task(1, annotation(*(key_point(30, x) for x in range(5, 80, 12))))
    path = write_export(tmp_path / "f.json", tasks[0], far)
    found = check_annotation(Brain("b", signal, (5, 2, 2), "train", cells=path), SHAPE)
    assert found["warnings"] == []


def test_an_export_without_a_cell_is_told(tmp_path):
    signal = str(write_planes(tmp_path / "signal"))
    path = write_export(tmp_path / "e.json", task(1))
    found = check_annotation(Brain("b", signal, (5, 2, 2), "train", cells=path), SHAPE)
    assert found["annotated_cells"] == 0
    assert "holds no position" in found["warnings"][0]


def project(folder, rows):
    lines = ["\t".join(HEADER)]
    lines += ["\t".join(str(row.get(name, "")) for name in HEADER) for row in rows]
    (folder / "brains.tsv").write_text("\n".join(lines) + "\n")
    config = {"brains_table": "brains.tsv", "arms": ["resnet_narrow"], "training": {"folds": 2}}
    return load_project(config, folder)


def test_an_export_of_two_brains_is_no_shared_annotation(tmp_path):
    tasks, rows = [], []
    rng = np.random.default_rng(1)
    for name, role in (("m1", "train"), ("m2", "test")):
        signal = write_planes(tmp_path / name, name=f"{name}_{{:02d}}.tif")
        points = [key_point(int(y), int(x)) for y, x in rng.integers(0, 40, (12, 2))]
        image = f"/data/upload/1/0a1b2c3d-{name}_{{:02d}}.png"
        tasks.append(task(1, annotation(*points), image=image))
        sizes = dict.fromkeys(("voxel_z", "voxel_y", "voxel_x"), 5)
        rows.append({"brain": name, "role": role, "signal": signal} | sizes)
    path = write_export(tmp_path / "e.json", *tasks)
    both = project(tmp_path, [row | {"cells": path} for row in rows])
    check_brains(both)
    assert doubts_beside_others(both, "m1") == []
    # Planes of one name take the same cells, of which one brain's are not those.
    for z in range(SHAPE[0]):
        (tmp_path / "m2" / f"m2_{z:02d}.tif").rename(tmp_path / "m2" / f"m1_{z:02d}.tif")
    again = project(tmp_path, [row | {"cells": path, "brain": f"{row['brain']}x"} for row in rows])
    with pytest.raises(InputError, match="the same annotation"):
        check_brains(again)


def test_the_distance_of_annotators_is_that_of_matching_unless_it_is_said(tmp_path):
    row = {"brain": "a", "role": "train", "signal": "s", "cells": "c.csv"}
    row |= dict.fromkeys(("voxel_z", "voxel_y", "voxel_x"), 5)

    def distance(**config) -> float:
        rows = ["\t".join(HEADER), "\t".join(str(row.get(name, "")) for name in HEADER)]
        (tmp_path / "brains.tsv").write_text("\n".join(rows) + "\n")
        given = {"brains_table": "brains.tsv", "arms": ["resnet_narrow"]} | config
        settings = load_project(given, tmp_path).brains["a"].to_dict([], annotation=True)
        return settings["settings"]["annotators"]["distance_um"]

    assert distance() == 10
    assert distance(matching={"distance_um": 7}) == 7
    assert distance(brains={"a": {"matching": {"distance_um": 6}}}) == 6
    assert distance(detection={"method": "auto"}) == 10
    assert distance(matching={"distance_um": 7}, annotators={"distance_um": 3}) == 3
