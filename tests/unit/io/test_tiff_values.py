"""Grey values of a TIFF are what was measured, or the user is told: inverted, packed, lossy."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tifffile
from tiff_by_hand import write_packed, write_without_photometric

from cellsift.errors import InputError
from cellsift.io.volumes import check_files, open_volume
from cellsift.preflight.brain import check_brain
from cellsift.settings.brains import Brain

VOXEL_SIZE = (5.0, 2.0, 2.0)
SETTINGS = {
    # Tissue up to the corner.
    "detection": {"method": "cellfinder", "keep": None, "keep_dark_tiles": True},
    "intensity_range": None,
}
RAMP = np.arange(256, dtype=np.uint16) * 257


@pytest.fixture
def voxels() -> np.ndarray:
    """Tissue of little noise with bright cells, 12 bits."""
    noise = np.random.default_rng(3)
    values = noise.normal(200, 4, (12, 40, 36))
    z, y, x = noise.integers(0, values.shape, (40, 3)).T
    values[z, y, x] += 2800
    values[[1, 3, 6, 8, 10], 5:8, 5:8] = 3000
    return values.astype(np.uint16)


def brain(path: Path) -> Brain:
    return Brain("mouse-3", str(path), VOXEL_SIZE, settings=SETTINGS)


def warnings(path: Path) -> list[str]:
    return check_brain(brain(path))["warnings"]


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        check_brain(brain(path))
    assert f"brain mouse-3, signal: {path}" in str(caught.value)
    return str(caught.value)


def write(path: Path, voxels: np.ndarray, kind: str, **options) -> Path:
    """As a stack, or as a folder of planes; returns the file that messages name."""
    if kind == "stack":
        tifffile.imwrite(path.with_suffix(".tif"), voxels, **options)
        return path.with_suffix(".tif")
    path.mkdir()
    for z, plane in enumerate(voxels):
        tifffile.imwrite(path / f"plane_{z:03}.tif", plane, **options)
    return path


@pytest.mark.parametrize("kind", ["stack", "planes"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_holes_where_0_is_white_are_refused(tmp_path, voxels, kind, dtype):
    most = np.iinfo(dtype).max
    values = (voxels >> (8 if most == 255 else 0)).astype(dtype) if most > 255 else voxels >> 4
    path = write(tmp_path / "v", (most - values).astype(dtype), kind, photometric="miniswhite")
    message = refusal(path)
    assert "0 is white" in message
    assert "Edit > Invert" in message


@pytest.mark.parametrize("kind", ["stack", "planes"])
def test_bright_cells_where_0_is_white_are_told(tmp_path, voxels, kind):
    """Invert LUT in Fiji sets the tag and leaves the values."""
    path = write(tmp_path / "v", voxels, kind, photometric="miniswhite")
    (warning,) = warnings(path)
    assert "brain mouse-3" in warning
    assert "0 is white" in warning
    assert "3000" in warning
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), voxels)


def test_a_file_that_does_not_say_whether_0_is_white_is_taken_as_usual(tmp_path, voxels):
    path = write_without_photometric(tmp_path / "v.tif", voxels)
    assert warnings(path) == []


def test_one_inverted_plane_among_others_is_refused(tmp_path, voxels):
    path = write(tmp_path / "v", voxels, "planes")
    odd = path / "plane_007.tif"
    tifffile.imwrite(odd, 65535 - voxels[7], photometric="miniswhite")
    message = refusal(path)
    assert str(odd) in message
    assert "0 is white" in message


def tables() -> dict[str, np.ndarray]:
    zero = np.zeros_like(RAMP)
    heat = [np.clip(RAMP.astype(int) * 3 - 65535 * part, 0, 65535) for part in (0, 1, 2)]
    return {
        "grey": np.array([RAMP, RAMP, RAMP]),
        "green": np.array([zero, RAMP, zero]),
        "magenta": np.array([RAMP, zero, RAMP]),
        "red hot": np.array(heat, dtype=np.uint16),
    }


@pytest.mark.parametrize("name", tables())
@pytest.mark.parametrize("kind", ["stack", "planes"])
def test_grey_values_with_a_table_of_colours_that_grow_brighter_open(tmp_path, voxels, name, kind):
    grey = (voxels >> 4).astype(np.uint8)
    path = write(tmp_path / "v", grey, kind, photometric="palette", colormap=tables()[name])
    assert warnings(path) == []
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), grey)


def test_colours_of_a_picture_are_refused_as_a_table(tmp_path, voxels):
    grey = (voxels >> 4).astype(np.uint8)
    colours = np.random.default_rng(1).integers(0, 65536, (3, 256)).astype(np.uint16)
    path = write(tmp_path / "v", grey, "stack", photometric="palette", colormap=colours)
    assert "colour table" in refusal(path)
    # ImageJ keeps grey values whatever colours they are shown in.
    text = "ImageJ=1.54f\nimages=12\nslices=12\n"
    options = {"photometric": "palette", "colormap": colours, "metadata": None}
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(grey):
            tif.write(plane, description=text if z == 0 else None, **options)
    assert warnings(path) == []
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), grey)


def test_a_table_that_grows_darker_is_taken_as_0_being_white(tmp_path, voxels):
    grey = (voxels >> 4).astype(np.uint8)
    table = np.array([RAMP[::-1]] * 3)
    path = write(tmp_path / "a", 255 - grey, "stack", photometric="palette", colormap=table)
    assert "0 is white" in refusal(path)
    path = write(tmp_path / "b", grey, "stack", photometric="palette", colormap=table)
    assert len(warnings(path)) == 1


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_values_packed_into_less_than_two_bytes_open(tmp_path, voxels, bits):
    values = voxels >> (12 - bits) if bits < 12 else voxels
    path = write_packed(tmp_path / "stack.tif", values[:, :, :-1], bits)
    assert warnings(path) == []
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), values[:, :, :-1])
    (tmp_path / "planes").mkdir()
    for z, plane in enumerate(values):
        write_packed(tmp_path / "planes" / f"plane_{z}.tif", plane[None], bits)
    check_files(tmp_path / "planes")
    read = open_volume(tmp_path / "planes", VOXEL_SIZE)
    np.testing.assert_array_equal(read.data.compute(), values)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_differences_are_refused(tmp_path, voxels, bits):
    """libtiff does not read them, and tifffile gives other values than were written."""
    values = np.minimum(voxels, 2**bits - 1)
    said = refusal(write_packed(tmp_path / "stack.tif", values, bits, predictor=2))
    assert f"{bits} bits are stored as differences" in said
    assert "Export it again in 16 bits" in said


def test_a_cut_plane_of_packed_values_is_refused(tmp_path, voxels):
    whole = write_packed(tmp_path / "stack.tif", voxels, 12).read_bytes()
    with tifffile.TiffFile(tmp_path / "stack.tif") as tif:
        tag = tif.pages[0].tags[279]
        size = int(np.ravel(tag.value)[0])
    # The directory says that the first strip is one row shorter.
    short = size - 54
    data = bytearray(whole)
    data[tag.valueoffset : tag.valueoffset + 4] = short.to_bytes(4, "little")
    (tmp_path / "short.tif").write_bytes(data)
    assert "plane 0 (counted from 0): the file is cut off" in refusal(tmp_path / "short.tif")


LOSSLESS = [
    {"compression": "jpeg", "compressionargs": {"lossless": True}},
    {"compression": "jpeg2000"},
    {"compression": "lerc"},
    {"compression": "png"},
    {"compression": "lzma"},
    {"compression": "packbits"},
]
LOSSY = [
    {"compression": "jpeg"},
    {"compression": "jpeg", "compressionargs": {"level": 100}},
    {"compression": "jpeg2000", "compressionargs": {"level": 60}},
    {"compression": "lerc", "compressionargs": {"level": 5}},
]


@pytest.mark.parametrize("kind", ["stack", "planes"])
@pytest.mark.parametrize("options", LOSSLESS, ids=str)
def test_compression_that_keeps_every_value_is_read(tmp_path, voxels, options, kind):
    path = write(tmp_path / "v", voxels, kind, **options)
    assert warnings(path) == []
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), voxels)


@pytest.mark.parametrize("kind", ["stack", "planes"])
@pytest.mark.parametrize("options", LOSSY, ids=str)
def test_compression_that_changes_values_is_refused(tmp_path, voxels, options, kind):
    message = refusal(write(tmp_path / "v", (voxels >> 4).astype(np.uint8), kind, **options))
    assert "lossy" in message
    assert "lossless" in message


@pytest.mark.parametrize("error", [0.0, 0.25])
def test_float_data_within_an_allowed_error_is_refused(tmp_path, voxels, error):
    path = tmp_path / "v.tif"
    values = voxels.astype(np.float32) / 7
    tifffile.imwrite(path, values, compression="lerc", compressionargs={"level": error})
    float_brain = dataclasses.replace(
        brain(path), settings=SETTINGS | {"intensity_range": [0, 600]}
    )
    if error:
        with pytest.raises(InputError, match="lossy LERC"):
            check_brain(float_brain)
    else:
        assert check_brain(float_brain)["warnings"] == []


@pytest.mark.parametrize("codec", ["jpegxl", "jpegxr"])
def test_compression_that_may_have_changed_values_is_told(tmp_path, voxels, codec):
    (warning,) = warnings(write(tmp_path / "v", voxels, "stack", compression=codec))
    assert codec.upper() in warning
    assert "may have changed" in warning


def test_values_that_imagej_has_shifted_are_told(tmp_path, voxels):
    """ImageJ keeps signed numbers as unsigned ones with 32768 for 0."""
    text = "ImageJ=1.54f\nimages=12\nslices=12\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n"
    path = tmp_path / "v.tif"
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(voxels + 32768):
            tif.write(plane, metadata=None, description=text if z == 0 else None)
    (warning,) = warnings(path)
    assert "32768 stands for 0" in warning


@pytest.mark.parametrize("sample_format", [2, 6])
def test_numbers_that_no_reader_knows_are_refused(tmp_path, voxels, sample_format):
    path = write_packed(tmp_path / "v.tif", voxels, 12)
    with tifffile.TiffFile(path) as tif:
        tag = tif.pages[0].tags[258]
    data = bytearray(path.read_bytes())
    data[tag.valueoffset : tag.valueoffset + 2] = (40).to_bytes(2, "little")
    path.write_bytes(data)
    assert "40 bits" in refusal(path)
