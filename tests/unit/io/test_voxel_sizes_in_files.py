"""A file that states another size of voxels than the brains table is refused, in every format."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from cellsift.errors import InputError
from cellsift.io.volumes import open_volume, stated_size
from cellsift.preflight.brain import check_brain
from cellsift.settings.brains import Brain
from cellsift.steps.brain import open_channel
from rule_texts import step_of, text_of_rules

VOXEL_SIZE = (5.0, 2.0, 1.5)
UNKNOWN = (None, None, None)
SETTINGS = {
    # Tissue up to the corner.
    "detection": {"method": "cellfinder", "keep": None, "keep_dark_tiles": True},
    "intensity_range": None,
}
VOXELS = np.random.default_rng(7).integers(0, 60000, (12, 24, 18)).astype(np.uint16)


def ome(path: Path, sizes: tuple, unit: str | None = "µm") -> Path:
    """A stack with these sizes (z, y, x) in its OME metadata."""
    metadata: dict = {"axes": "ZYX"}
    for axis, size in zip("ZYX", sizes, strict=True):
        if size is not None:
            metadata[f"PhysicalSize{axis}"] = size
            if unit:
                metadata[f"PhysicalSize{axis}Unit"] = unit
    tifffile.imwrite(path, VOXELS, metadata=metadata, ome=True)
    return path


def imagej(path: Path, sizes: tuple, unit: str | None = "um") -> Path:
    """A stack with these sizes (z, y, x) as ImageJ writes them: pixels per unit, and spacing."""
    z, y, x = sizes
    lines = ["ImageJ=1.54f", "images=12", "slices=12"]
    lines += [] if unit is None else [f"unit={unit}"]
    lines += [] if z is None else [f"spacing={z}"]
    options = {} if y is None else {"resolution": (1 / x, 1 / y)}
    with tifffile.TiffWriter(path) as tif:
        for plane in VOXELS:
            description = "\n".join([*lines, ""]).encode()
            tif.write(plane, metadata=None, description=description, **options)
            lines = []
    return path


def planes(path: Path, sizes: tuple, write) -> Path:
    """A folder of planes, each with the sizes in its header."""
    path.mkdir()
    write(path / "all.tif", sizes)
    with tifffile.TiffFile(path / "all.tif") as tif:
        page = tif.pages.first
        description, tags = page.description, page.tags
    (path / "all.tif").unlink()
    resolution = [np.divide(*tags[code].value) for code in (282, 283)]
    options = {"description": description.encode(), "metadata": None, "resolution": resolution}
    for z, plane in enumerate(VOXELS):
        tifffile.imwrite(path / f"plane_{z:02}.tif", plane, **options)
    return path


def ome_zarr(path: Path, sizes: tuple) -> Path:
    group = zarr.create_group(path)
    group.create_array("0", data=VOXELS)
    scale = [{"type": "scale", "scale": list(sizes)}]
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    image = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    group.attrs["ome"] = image
    return path


FORMATS = {
    "OME-TIFF": lambda path, sizes: ome(path.with_suffix(".ome.tif"), sizes),
    "ImageJ": lambda path, sizes: imagej(path.with_suffix(".tif"), sizes),
    "planes of OME-TIFF": lambda path, sizes: planes(path, sizes, ome),
    "planes of ImageJ": lambda path, sizes: planes(path, sizes, imagej),
    "OME-Zarr": lambda path, sizes: ome_zarr(path.with_suffix(".zarr"), sizes),
}


@pytest.fixture(params=FORMATS)
def write(request):
    return FORMATS[request.param]


def brain(path: Path, **settings) -> Brain:
    return Brain("mouse-3", str(path), VOXEL_SIZE, settings=SETTINGS | settings)


def refusal(path: Path, voxel_size: tuple = VOXEL_SIZE) -> str:
    with pytest.raises(InputError) as caught:
        check_brain(dataclasses.replace(brain(path), voxel_size=voxel_size))
    assert f"brain mouse-3, signal: {path}" in str(caught.value)
    with pytest.raises(InputError) as again:
        open_volume(path, voxel_size)
    assert str(again.value) in str(caught.value)
    return str(again.value)


def assert_accepted(path: Path) -> None:
    # That the planes of these voxels are not square is told of the table, not of the file.
    told = [said for said in check_brain(brain(path))["warnings"] if "not square" not in said]
    assert told == []


@pytest.mark.parametrize("sizes", [VOXEL_SIZE, (5.03, 2.01, 1.49)])
def test_the_tables_size_passes_also_if_it_is_rounded(tmp_path, write, sizes):
    assert_accepted(write(tmp_path / "v", sizes))


@pytest.mark.parametrize("sizes", [(3, 0.65, 0.65), (5, 2, 1.6), (6, 2, 1.5), (5, 2.1, 1.5)])
def test_another_size_is_refused_with_both(tmp_path, write, sizes):
    message = refusal(write(tmp_path / "v", sizes))
    assert f"voxels of {', '.join(map(str, sizes))} µm (z, y, x)" in message
    assert "5, 2, 1.5 µm" in message
    assert "voxel_z, voxel_y, voxel_x" in message
    assert "voxel_size_in_files: ignore" in message
    assert "in the order" not in message


@pytest.mark.parametrize(
    ("table", "order"),
    [((1.5, 2, 5), "x, y, z"), ((5, 1.5, 2), "z, x, y"), ((2, 1.5, 5), "y, x, z")],
)
def test_the_files_sizes_in_another_order_are_told_as_such(tmp_path, write, table, order):
    message = refusal(write(tmp_path / "v", VOXEL_SIZE), table)
    assert f"in the order {order} instead of z, y, x" in message


def test_what_a_file_states_can_be_asked(tmp_path, write):
    stated = stated_size(write(tmp_path / "v", VOXEL_SIZE))
    assert stated.sizes == pytest.approx(VOXEL_SIZE)


def test_a_file_that_states_nothing_says_so(tmp_path):
    tifffile.imwrite(tmp_path / "v.tif", VOXELS)
    assert stated_size(tmp_path / "v.tif") is None


def test_a_file_whose_metadata_is_wrong_can_be_used(tmp_path, write):
    """In preflight and in every job after it, if the setting says so."""
    path = write(tmp_path / "v", (3, 0.65, 0.65))
    trusting = brain(path, voxel_size_in_files="ignore")
    found = check_brain(trusting)
    assert found["signal"]["voxel_size_um"] == list(VOXEL_SIZE)
    volume = open_channel(trusting, "signal")
    assert volume.voxel_size == VOXEL_SIZE
    np.testing.assert_array_equal(volume.data.compute(), VOXELS)
    assert open_channel(trusting, "background") is None
    for settings in ({}, {"voxel_size_in_files": "check"}):
        with pytest.raises(InputError, match="voxels of 3"):
            open_channel(brain(path, **settings), "signal")


@pytest.mark.parametrize(
    ("unit", "factor"), [("nm", 1000), ("mm", 0.001), ("µm", 1), (None, 1), ("cm", 0.0001)]
)
def test_units_of_ome_are_understood(tmp_path, unit, factor):
    right = tuple(size * factor for size in VOXEL_SIZE)
    assert_accepted(ome(tmp_path / "right.ome.tif", right, unit))
    wrong = tuple(size * factor for size in (3, 0.65, 0.65))
    assert "3, 0.65, 0.65 µm" in refusal(ome(tmp_path / "wrong.ome.tif", wrong, unit))


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("um", 1),
        ("µm", 1),
        ("\u03bcm", 1),
        ("\\u00B5m", 1),
        ("micron", 1),
        ("microns", 1),
        ("Micrometer", 1),
        ("nm", 1000),
        ("mm", 0.001),
    ],
)
def test_units_of_imagej_are_understood(tmp_path, unit, factor):
    right = tuple(size * factor for size in VOXEL_SIZE)
    assert_accepted(imagej(tmp_path / "right.tif", right, unit))
    wrong = tuple(size * factor for size in (3, 0.65, 0.65))
    assert "3, 0.65, 0.65 µm" in refusal(imagej(tmp_path / "wrong.tif", wrong, unit))


@pytest.mark.parametrize(
    ("unit", "sizes"),
    [
        ("pixel", (3, 0.65, 0.65)),
        ("reference frame", (3, 0.65, 0.65)),
        (None, (1, 1, 1)),
        ("µm", (None, None, None)),
        ("µm", (0, 0, 0)),
        ("mm", (3, 0.65, 0.65)),
        ("furlong", (3, 0.65, 0.65)),
    ],
)
def test_what_ome_does_not_really_state_is_not_held_against_the_table(tmp_path, unit, sizes):
    assert_accepted(ome(tmp_path / "v.ome.tif", sizes, unit))


@pytest.mark.parametrize(
    ("unit", "sizes"),
    [
        (None, (3, 0.65, 0.65)),
        ("pixel", (3, 0.65, 0.65)),
        ("inch", (3, 1 / 72, 1 / 72)),
        # tifffile writes a resolution of 1 to 1 where it is given none.
        ("um", (5, None, None)),
        ("um", (None, 2, 1.5)),
    ],
)
def test_what_imagej_does_not_really_state_is_not_held_against_the_table(tmp_path, unit, sizes):
    assert_accepted(imagej(tmp_path / "v.tif", sizes, unit))


@pytest.mark.parametrize("factor", [1e-6, 1e-3, 1e3, 1e6])
def test_a_wrong_unit_is_told_in_every_format(tmp_path, write, factor):
    """Even though no voxel is as large or as small as the file says then."""
    path = write(tmp_path / "v", tuple(size * factor for size in VOXEL_SIZE))
    said = refusal(path)
    assert f"{5 * factor:.6g}, {2 * factor:.6g}, {1.5 * factor:.6g} µm" in said
    assert "5, 2, 1.5 µm" in said
    assert f"differ by {factor:g} times, as where a unit is wrong" in said


@pytest.mark.parametrize("size", [352.7777, 264.5833])
def test_what_converters_make_of_dots_per_inch_is_not_held_against_the_table(tmp_path, size):
    assert_accepted(ome(tmp_path / "v.ome.tif", (None, size, size)))


def test_one_size_that_is_stated_is_compared(tmp_path):
    assert "unknown, 0.65, 0.65 µm" in refusal(imagej(tmp_path / "yx.tif", (None, 0.65, 0.65)))
    assert "3, unknown, unknown µm" in refusal(imagej(tmp_path / "z.tif", (3, None, None)))
    assert "3, unknown, unknown µm" in refusal(ome(tmp_path / "z.ome.tif", (3, None, None)))


@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
@pytest.mark.parametrize("dots", [72, 300, 10000])
def test_dots_per_inch_are_not_taken_for_a_size_of_voxels(tmp_path, unit, dots):
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, VOXELS, resolution=(dots, dots), resolutionunit=unit)
    assert_accepted(path)


@pytest.mark.parametrize(
    "broken",
    [
        b"<OME><Pixels PhysicalSizeZ='3' </OME>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OME>&b;</OME>',
        "<OME/>".encode("utf-16"),
        b"<OME xmlns='http://www.openmicroscopy.org/Schemas/OME/2016-06'></OME>",
    ],
)
def test_metadata_that_cannot_be_read_states_nothing(tmp_path, broken):
    path = tmp_path / "v.tif"
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(VOXELS):
            tif.write(plane, metadata=None, description=broken if z == 0 else None)
    assert_accepted(path)


def test_every_job_that_opens_a_channel_knows_what_the_config_says_of_files(repository):
    """Else a brain that preflight accepts would be refused by a job hours later."""
    rules = text_of_rules(repository)
    opening = [
        name for name, text in rules.items() if "steps.brain import" in step_of(text, repository)
    ]
    assert len(opening) >= 5
    for name in [*opening, "check_volumes"]:
        assert '"voxel_size_in_files"' in rules[name]
        assert '"intensity_range"' in rules[name]
