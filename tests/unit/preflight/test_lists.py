"""A list whose planes are out of order is told; any order that may be meant is not."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from zarr_images import look

TISSUE = np.random.default_rng(0).normal(200, 8, (12, 40, 40)).astype(np.uint16)
NATURAL = list(range(12))


def warnings(folder: Path, order: list[int], pattern: str = "plane_{}.tif") -> list[str]:
    """Of preflight, for a list of planes in this order."""
    for z, plane in enumerate(TISSUE):
        tifffile.imwrite(folder / pattern.format(z), plane)
    (folder / "planes.txt").write_text("\n".join(pattern.format(z) for z in order))
    refused, told = look(folder / "planes.txt")
    assert refused is None
    return told


@pytest.mark.parametrize(
    ("order", "first", "then"),
    [
        (sorted(NATURAL, key=str), 11, 2),
        ([0, 1, 2, 4, 3, *range(5, 12)], 4, 3),
        ([*range(6, 12), *range(6)], 11, 0),
        ([11, 10, 9, 7, 8, *range(6, -1, -1)], 7, 8),
    ],
    ids=["by letters", "two swapped", "second half first", "two swapped from the end"],
)
def test_a_list_out_of_order_is_told_with_its_planes(tmp_path, order, first, then):
    (told,) = warnings(tmp_path, order)
    assert f"plane_{then}.tif after plane_{first}.tif" in told
    assert "ls -v" in told


@pytest.mark.parametrize("order", [NATURAL, NATURAL[::-1], NATURAL[::2]], ids=str)
def test_an_order_that_runs_through_is_not_told(tmp_path, order):
    assert warnings(tmp_path, order) == []


def test_names_with_a_second_number_may_be_in_any_order(tmp_path):
    places = [f"plane_{time}_z{z}.tif" for z, time in enumerate([5, 3, 9, 1, 7, 2, 8, 0, 6, 4])]
    for name, plane in zip(places, TISSUE, strict=False):
        tifffile.imwrite(tmp_path / name, plane)
    (tmp_path / "planes.txt").write_text("\n".join(sorted(places)))
    assert look(tmp_path / "planes.txt") == (None, [])
