"""Several annotators' files are found by their names."""

import pytest

from cellsift.errors import InputError
from cellsift.io.annotators import annotator_of, beside, files_of, is_pattern
from cellsift.io.label_names import meaning_of


@pytest.fixture
def folder(tmp_path):
    names = ("b1..anna.csv", "b1..ben.csv", "b1.csv", "b1..anna.xml", "b10..cleo.csv", "b1...csv")
    for name in names:
        (tmp_path / name).touch()
    return tmp_path


def test_a_pattern_stands_for_the_files_of_all_annotators_of_a_brain(folder):
    path = str(folder / "b1..*.csv")
    assert is_pattern(path)
    assert [annotator_of(file) for file in files_of(path)] == ["anna", "ben"]
    assert files_of(str(folder / "b1.csv")) == [folder / "b1.csv"]


def test_a_pattern_without_files_or_of_another_kind_is_refused(folder):
    with pytest.raises(InputError, match=r"no such file as b2\.\.ANNOTATOR\.csv"):
        files_of(str(folder / "b2..*.csv"))
    for wrong in ("b*..*.csv", "b1..*"):
        with pytest.raises(InputError, match="no pattern"):
            files_of(str(folder / wrong))


def test_who_forgets_the_pattern_is_shown_it(folder):
    (folder / "b1.csv").unlink()
    assert "b1..*.csv" in beside(str(folder / "b1.csv"))
    assert beside(str(folder / "b3.csv")) == ""


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("Cell", "cell"),
        ("neurons", "cell"),
        ("NO_CELL", "no_cell"),
        ("NoCell", "no_cell"),
        ("Artefact", "no_cell"),
        ("unsure", "unsure"),
        ("cell?", "unsure"),
        ("A", None),
    ],
)
def test_what_annotators_call_their_labels_is_understood(name, meaning):
    assert meaning_of(name) == meaning
