"""A unit of length is taken for what a reader takes it for, and nothing else is guessed."""

import numpy as np
import pytest
from zarr_images import VOXEL_SIZE, look, write_ome_zarr

from cellsift.io.units import micrometres_in

VOXELS = np.random.default_rng(7).integers(100, 60000, (12, 24, 18)).astype(np.uint16)

NAMES = {
    1.0: ["micrometer", "micrometers", "Micrometre", "micron", "Microns", "um", "UM", "\u00b5m"]
    + ["\u03bcm", "\u00b5", "\\u00B5m", "µm ", "MICRON"],
    1e-3: ["nanometer", "nanometres", "nm", "NM"],
    1e3: ["millimeter", "Millimetres", "mm"],
    1e4: ["centimeter", "cm"],
    1e6: ["meter", "metres", "m"],
    1e-4: ["angstrom", "Å", "\u212b"],
    25400.0: ["inch", "inches"],
}


@pytest.mark.parametrize(
    ("micrometres", "unit"), [(size, name) for size, names in NAMES.items() for name in names]
)
def test_every_spelling_of_a_unit_opens_an_ome_zarr(tmp_path, micrometres, unit):
    assert micrometres_in(unit) == micrometres
    scale = tuple(size / micrometres for size in VOXEL_SIZE)
    path = write_ome_zarr(tmp_path / "brain.zarr", VOXELS, 2, unit=unit, scale=scale)
    assert look(path) == (None, [])
    wrong = tuple(2 * size for size in scale)
    path = write_ome_zarr(tmp_path / "wrong.zarr", VOXELS, 2, unit=unit, scale=wrong)
    assert "10, 4, 4 µm" in look(path)[0]


@pytest.mark.parametrize("unit", ["parsec", "pixel", "second", "s", "", "micro", "k", 3, None, []])
def test_what_is_no_unit_of_length_is_not_guessed(unit):
    assert micrometres_in(unit) is None


def test_an_unknown_unit_is_refused_with_the_known_ones(tmp_path):
    message = look(write_ome_zarr(tmp_path / "odd.zarr", VOXELS, unit="pixel"))[0]
    for part in ("pixel", "micrometer", "millimeter", "Correct the metadata"):
        assert part in message
