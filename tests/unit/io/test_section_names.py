"""Planes named by section and layer are in natural order; other pairs of numbers are refused."""

import subprocess
from pathlib import Path

import pytest

from cellsift.errors import InputError
from cellsift.io.plane_names import planes_of_folder, planes_of_list

WHOLE = [(section, layer) for section in range(8, 12) for layer in (1, 2, 3)]


def folder_of(folder: Path, names: list[str]) -> Path:
    folder.mkdir()
    # In an order that is not the right one.
    for name in sorted(names, key=lambda name: name[::-1]):
        (folder / name).touch()
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        planes_of_folder(folder)
    assert str(folder) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "section_{:03}_{:02}.tif",
        "section_{}_{}.tif",
        "Section {} {}.TIF",
        "mouse3_sec{:04}_layer{:02}_ch1.tif",
        "m2-S{}-L{}.tif",
        "sect-{:03}.tiff_z{}.tiff",
        "section_{:03}_ch2_optical_{:02}.tif",
    ],
)
def test_sections_with_layers_are_in_natural_order(tmp_path, pattern):
    names = [pattern.format(*place) for place in WHOLE]
    folder = folder_of(tmp_path / "planes", names)
    assert [path.name for path in planes_of_folder(folder)] == names


@pytest.mark.parametrize("lost", [(8, 1), (9, 2), (11, 3)])
def test_a_section_without_a_layer_is_refused_with_both(tmp_path, lost):
    names = [f"section_{s:03}_{layer:02}.tif" for s, layer in WHOLE if (s, layer) != lost]
    message = refusal(folder_of(tmp_path / "planes", names))
    assert f"layer {lost[1]} of section {lost[0]} is missing" in message


def test_missing_sections_and_layers_are_refused(tmp_path):
    names = [f"section_{s:03}_{layer:02}.tif" for s, layer in WHOLE if s != 10]
    assert "section 10 is missing, after section 9" in refusal(folder_of(tmp_path / "a", names))
    layers = (1, 2, 4)
    names = [f"section_{s:03}_{layer:02}.tif" for s in (1, 2, 3) for layer in layers]
    assert "layer 3 is missing, after layer 2" in refusal(folder_of(tmp_path / "b", names))


@pytest.mark.parametrize(
    ("pattern", "listed"),
    [
        ("Z{:03}_C{}.tif", "Z*_C1.tif"),
        ("section_{:03}_ch{:02}.tif", "section_*_ch01.tif"),
        ("section_{:03}_tile{}.tif", "section_*_tile1.tif"),
        ("section_{:03}_t{}.tif", "section_*_t1.tif"),
        ("plane_{:03}_{:02}.tif", "plane_*_01.tif"),
        ("slice_{:03}_{:02}.tif", "slice_*_01.tif"),
        ("intersection_{:03}_{:02}.tif", "intersection_*_01.tif"),
        ("{:03}_{:02}.tif", "*_01.tif"),
        ("a b {:03} {:02}.tif", "'a b '*' 01.tif'"),
    ],
)
def test_other_pairs_of_numbers_are_refused_with_a_command_that_helps(tmp_path, pattern, listed):
    """What the message says to type lists one channel's planes, in their order."""
    folder = folder_of(tmp_path / "my planes", [pattern.format(*place) for place in WHOLE])
    message = refusal(folder)
    assert "several channels or tiles" in message
    assert f"ls -v {listed} > planes.txt" in message
    command = message.split("such as by: ")[1].split(" - and give ")[0]
    subprocess.run(command, shell=True, check=True)
    assert f"give {folder / 'planes.txt'} instead" in message
    found = planes_of_list(folder / "planes.txt")
    assert [path.name for path in found] == [pattern.format(s, 1) for s in range(8, 12)]


def test_two_files_of_one_place_are_refused(tmp_path):
    names = ["section_1_1.tif", "section_01_1.tif", "section_1_2.tif", "section_2_1.tif"]
    assert "do not give one order" in refusal(folder_of(tmp_path / "planes", names))
