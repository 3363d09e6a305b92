"""A run with brains whose candidates are those of another program."""

import pandas as pd
import pytest

from cellsift.io.cells import write_cells_xml
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from cellsift.results import Results
from checkout import HEADER, Checkout

pytestmark = pytest.mark.slow
DETECTS = {"detect_slab", "find_centres", "contrast_slab", "detect", "keep_candidates"}


def give(checkout: Checkout, rows: dict[str, str]) -> None:
    """Write the table: each of these rows with a folder of brainmapper's, the others without."""
    folder = checkout.folder / "brainmapper" / "points"
    folder.mkdir(parents=True, exist_ok=True)
    cells = pd.read_csv(checkout.folder / "brains" / "mouse_3" / "cells.csv")[["z", "y", "x"]]
    moved = cells.assign(x=cells["x"].where(cells.index % 3 != 0, 5))
    write_cells_xml(moved.assign(is_cell=False), folder / "cells.xml")
    given = [f"{row}\t{rows.get(row.split()[0], '')}" for row in checkout.rows]
    (checkout.folder / "brains.tsv").write_text("\n".join([f"{HEADER}\tcandidates", *given]))


def test_a_brain_with_candidates_of_its_own_is_classified_and_nothing_is_detected(
    finished, tmp_path
):
    checkout = Checkout.copied(finished.folder, tmp_path / "checkout")
    checkout.rows.append(checkout.row("mouse_9", "predict", source="mouse_3"))
    give(checkout, {"mouse_9": "brainmapper"})
    planned = checkout.planned()
    assert {rule for rule, _ in planned if rule in DETECTS | {"train"}} == set()
    code, output = checkout.run("--cores", "2")
    assert code == 0, output
    files = Results(checkout.results).brain("mouse_9")
    candidates = read_table(files.candidates)
    assert f"brain mouse_9: {len(candidates)} candidates are taken from brainmapper" in output
    assert len(read_table(files.cells("small"))) == len(candidates) <= 70
    alarm = read_json(files.alarm)
    assert alarm["raised"][0] == "source"
    assert "of another source" in alarm["reasons"][0]
    page = Results(checkout.results).brain_page("mouse_9").read_text()
    assert "taken from brainmapper/points/cells.xml: nothing was detected here" in page
    assert checkout.planned() == []


def test_of_given_train_brains_detection_learns_nothing(new_checkout):
    checkout = new_checkout()
    give(checkout, {"mouse_1": "brainmapper"})
    planned = checkout.planned("try_detection")
    assert {wildcards for rule, wildcards in planned if rule in DETECTS - {"keep_candidates"}} >= {
        "brain=mouse_2"
    }
    assert not any("mouse_1" in wildcards for _, wildcards in planned)
    give(checkout, {f"mouse_{number}": "brainmapper" for number in (1, 2, 3)})
    rules = {rule for rule, _ in checkout.planned()}
    assert "take_candidates" in rules
    assert not rules & (DETECTS | {"choose_contrast"})
