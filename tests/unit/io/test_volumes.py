"""Volumes open alike from every kind of file, and bad files are refused by name."""

import re
import shutil
import time
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from cellsift.errors import InputError
from cellsift.io.volumes import (
    Volume,
    check_files,
    count_chunks,
    open_volume,
)
from cellsift.io.voxel_size import check_voxel_size

VOXEL_SIZE = (5.0, 2.0, 2.0)


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 60000, (12, 24, 18)).astype(np.uint16)


def write_planes(folder: Path, voxels: np.ndarray, name: str = "plane_{}.tif", **options) -> Path:
    folder.mkdir()
    for z, plane in enumerate(voxels):
        tifffile.imwrite(folder / name.format(z), plane, **options)
    return folder


def write_ome_zarr(
    path: Path,
    voxels: np.ndarray,
    version: str = "0.5",
    axes: str = "zyx",
    scale: tuple[float, ...] = VOXEL_SIZE,
    unit: str | None = "micrometer",
    **options,
) -> Path:
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    options = {"chunks": (1,) * (voxels.ndim - 3) + (5, 16, 16)} | options
    array = group.create_array("0", shape=voxels.shape, dtype=voxels.dtype, **options)
    array[:] = voxels
    kinds = {"t": "time", "c": "channel"}
    described = [{"name": axis, "type": kinds.get(axis, "space")} for axis in axes]
    for axis in described:
        if axis["type"] == "space" and unit:
            axis["unit"] = unit
    full_scale = [1.0] * (len(axes) - len(scale)) + list(scale)
    transformations = [{"type": "scale", "scale": full_scale}]
    multiscales = [
        {
            "axes": described,
            "datasets": [{"path": "0", "coordinateTransformations": transformations}],
        }
    ]
    if version == "0.4":
        group.attrs["multiscales"] = [multiscales[0] | {"version": version}]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": multiscales}
    return path


def refusal(path: Path | str, **options) -> str:
    with pytest.raises(InputError) as caught:
        open_volume(path, VOXEL_SIZE, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_kind_of_input_gives_the_same_voxels(tmp_path, voxels, dtype):
    voxels = voxels.astype(dtype)
    folder = write_planes(tmp_path / "planes", voxels)
    stack = tmp_path / "stack.tif"
    tifffile.imwrite(stack, voxels, compression="zlib")
    listing = tmp_path / "planes.txt"
    listing.write_text("".join(f"planes/plane_{z}.tif\n" for z in range(len(voxels))))
    paths = [folder, stack, listing]
    paths += [write_ome_zarr(tmp_path / f"{v}.zarr", voxels, v) for v in ("0.4", "0.5")]
    for path in paths:
        volume = open_volume(path, VOXEL_SIZE)
        assert isinstance(volume, Volume)
        assert volume.dtype == dtype
        assert volume.shape == voxels.shape
        assert volume.voxel_size == VOXEL_SIZE
        np.testing.assert_array_equal(volume.data.compute(), voxels)
        np.testing.assert_array_equal(volume.planes(3, 7), voxels[3:7])


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True},
        {"imagej": True, "byteorder": ">", "metadata": {"axes": "TYX"}},
        {"metadata": None},
        {"metadata": None, "compression": "zlib"},
        {"bigtiff": True, "compression": "lzw", "tile": (16, 16)},
        {"rowsperstrip": 1, "compression": "zstd"},
        {"ome": True, "metadata": {"axes": "ZYX"}},
    ],
    ids=str,
)
def test_stacks_of_all_writers_open(tmp_path, voxels, options):
    tifffile.imwrite(tmp_path / "stack.tif", voxels, **options)
    volume = open_volume(tmp_path / "stack.tif", VOXEL_SIZE)
    check_files(tmp_path / "stack.tif")
    assert volume.dtype == np.uint16
    assert volume.dtype.isnative
    np.testing.assert_array_equal(volume.data.compute(), voxels)


def test_planes_are_chunks_of_tiff_volumes(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", voxels)
    assert open_volume(folder, VOXEL_SIZE).data.chunksize == (1, 24, 18)


def test_planes_sort_by_number_and_not_by_letters(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", voxels)
    assert sorted(path.name for path in folder.iterdir())[1:3] == ["plane_1.tif", "plane_10.tif"]
    (folder / "notes.txt").write_text("not a plane")
    (folder / "._plane_3.tif").write_bytes(b"written by macOS")
    np.testing.assert_array_equal(open_volume(folder, VOXEL_SIZE).data.compute(), voxels)


def test_a_list_keeps_its_own_order(tmp_path, voxels):
    write_planes(tmp_path / "planes", voxels)
    lines = [f"{tmp_path}/planes/plane_{z}.tif\r\n" for z in (7, 3, 5, 11)]
    (tmp_path / "some.txt").write_text("\n".join(lines))
    volume = open_volume(tmp_path / "some.txt", VOXEL_SIZE)
    np.testing.assert_array_equal(volume.data.compute(), voxels[[7, 3, 5, 11]])


@pytest.mark.parametrize(
    "names",
    [
        [f"{40 * z:06}.tif" for z in range(12)],
        [f"img_{z}_C01_t{7919 * z * z}.TIFF" for z in range(12)],
        [f"z{2.5 * z:.1f}.tif" for z in range(12)],
        [f"z{10 * z / 3:.2f}.tif" for z in range(12)],
        [f"{round(100 * z / 3):06}.tif" for z in range(12)],
        [f"{letter}.tif" for letter in "abcdefghijkl"],
    ],
    ids=lambda names: names[1],
)
def test_names_that_are_a_whole_series_are_accepted(tmp_path, voxels, names):
    for name, plane in zip(names, voxels, strict=True):
        tifffile.imwrite(tmp_path / name, plane)
    np.testing.assert_array_equal(open_volume(tmp_path, VOXEL_SIZE).data.compute(), voxels)


def test_a_folder_of_many_planes_opens_without_touching_each(tmp_path):
    tifffile.imwrite(tmp_path / "plane_0.tif", np.zeros((4, 5), np.uint16))
    for z in range(1, 10_000):
        (tmp_path / f"plane_{z}.tif").hardlink_to(tmp_path / "plane_0.tif")
    start = time.perf_counter()
    volume = open_volume(tmp_path, VOXEL_SIZE)
    assert volume.shape == (10_000, 4, 5)
    assert time.perf_counter() - start < 3
    assert volume.planes(9_000, 9_002).shape == (2, 4, 5)


def test_planes_whose_metadata_tells_of_the_whole_volume_open(tmp_path, voxels):
    """Light-sheet microscopes write the shape of the volume into the OME-XML of each plane."""
    tifffile.imwrite(tmp_path / "all.ome.tif", voxels, metadata={"axes": "ZYX"})
    with tifffile.TiffFile(tmp_path / "all.ome.tif") as tif:
        description = tif.ome_metadata
    options = {"description": description, "metadata": None}
    folder = write_planes(tmp_path / "planes", voxels, "Z{:04}.ome.tif", **options)
    check_files(folder)
    np.testing.assert_array_equal(open_volume(folder, VOXEL_SIZE).data.compute(), voxels)
    message = refusal(folder / "Z0000.ome.tif")
    assert "12 planes" in message
    assert "give their folder" in message


def test_ome_zarr_with_single_time_and_channel_opens(tmp_path, voxels):
    path = write_ome_zarr(tmp_path / "five.zarr", voxels[None, None], "0.4", "tczyx")
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), voxels)


def test_sharded_ome_zarr_opens(tmp_path, voxels):
    options = {"chunks": (2, 8, 6), "shards": (4, 24, 18)}
    path = write_ome_zarr(tmp_path / "sharded.zarr", voxels, **options)
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).planes(2, 9), voxels[2:9])


def test_big_endian_ome_zarr_opens_as_native(tmp_path, voxels):
    path = write_ome_zarr(tmp_path / "big.zarr", voxels.astype(">u2"), "0.4")
    volume = open_volume(path, VOXEL_SIZE)
    assert volume.dtype == np.uint16
    np.testing.assert_array_equal(volume.data.compute(), voxels)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_opens_from_a_url(tmp_path, voxels, server, version):
    write_ome_zarr(tmp_path / "remote.zarr", voxels, version)
    address = f"http://127.0.0.1:{server.server_port}"
    volume = open_volume(f"{address}/remote.zarr", VOXEL_SIZE)
    np.testing.assert_array_equal(volume.planes(2, 5), voxels[2:5])
    assert "OME-Zarr" in refusal(f"{address}/absent.zarr")


@pytest.mark.parametrize("gone", ["folder", "server"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_server_that_loses_the_brain_does_not_show_darkness(
    tmp_path, voxels, server, version, gone
):
    path = write_ome_zarr(tmp_path / "remote.zarr", voxels, version)
    url = f"http://127.0.0.1:{server.server_port}/remote.zarr"
    volume = open_volume(url, VOXEL_SIZE)
    np.testing.assert_array_equal(volume.planes(0, 2), voxels[:2])
    if gone == "folder":
        shutil.rmtree(path)
    else:
        server.shutdown()
        server.server_close()
    with pytest.raises(InputError, match=r"planes 5 to 9 .*cannot be reached") as caught:
        volume.planes(6, 8)
    assert url in str(caught.value)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_chunks_without_a_file_are_counted(tmp_path, voxels, version):
    """A writer may leave out chunks of zeros, so that they cannot be told from lost ones."""
    voxels[:5, :16, :16] = 0
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels[None, None], version, "tczyx")
    assert count_chunks(path) == (3 * 2 * 2, 1)
    (path / "0" / ("0.0.2.1.1" if version == "0.4" else "c/0/0/2/1/1")).unlink()
    assert count_chunks(path) == (12, 2)
    check_files(path)


def test_files_of_a_sharded_ome_zarr_are_counted_as_they_lie_on_disk(tmp_path, voxels):
    options = {"chunks": (2, 8, 6), "shards": (4, 24, 18)}
    path = write_ome_zarr(tmp_path / "sharded.zarr", voxels, **options)
    (path / "0" / "c" / "1" / "0" / "0").unlink()
    assert count_chunks(path) == (3, 1)


def test_a_hundred_thousand_chunks_are_counted_in_seconds(tmp_path, voxels):
    path = write_ome_zarr(tmp_path / "many.zarr", voxels[:1], chunks=(1, 1, 1))
    many = zarr.open_array(path / "0", mode="r+")
    many.resize((100_000, 1, 1))
    start = time.perf_counter()
    assert count_chunks(path) == (100_000, 99_999)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int32, np.uint32])
def test_intensity_range_maps_to_16_bits(tmp_path, dtype):
    lowest = 0 if np.dtype(dtype).kind == "u" else -50
    values = np.array([lowest, 0, 100, 150, 300, 400], dtype)
    values = np.tile(values[:, None, None], (1, 4, 5))
    path = write_ome_zarr(tmp_path / "values.zarr", values, chunks=(2, 4, 5))
    volume = open_volume(path, VOXEL_SIZE, (100, 300))
    assert volume.dtype == np.uint16
    expected = [0, 0, 0, round(65535 / 4), 65535, 65535]
    np.testing.assert_allclose(volume.data.compute()[:, 0, 0], expected, atol=1)


def test_intensity_range_leaves_integers_of_8_and_16_bits_alone(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", voxels)
    volume = open_volume(folder, VOXEL_SIZE, (0, 100))
    np.testing.assert_array_equal(volume.data.compute(), voxels)


def test_float_without_intensity_range_is_refused(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", (voxels / 65535).astype(np.float32))
    message = refusal(folder)
    assert "float32" in message
    assert "intensity_range" in message


@pytest.mark.parametrize("wrong", [(3, 3), (5, 1), (0, np.inf), (np.nan, 1)])
def test_a_senseless_intensity_range_is_refused(tmp_path, voxels, wrong):
    folder = write_planes(tmp_path / "planes", voxels.astype(np.float32))
    assert "low before high" in refusal(folder, intensity_range=wrong)


def test_voxels_that_are_no_numbers_do_not_pass_as_intensities(tmp_path, voxels):
    values = voxels.astype(np.float32)
    values[4, 3, 2] = np.nan
    volume = open_volume(write_planes(tmp_path / "planes", values), VOXEL_SIZE, (0, 60000))
    with pytest.raises(InputError, match="NaN"):
        volume.planes(4, 5)


def test_complex_and_truth_values_are_refused(tmp_path, voxels):
    for name, dtype in (("complex", np.complex64), ("truth", bool)):
        path = write_ome_zarr(tmp_path / f"{name}.zarr", voxels.astype(dtype))
        assert "8 or 16 bits" in refusal(path, intensity_range=(0, 1))


def test_missing_empty_and_unknown_files_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "absent")
    assert "no such file" in refusal(tmp_path / "absent.tif")
    (tmp_path / "empty").mkdir()
    assert "holds no TIFF plane" in refusal(tmp_path / "empty")
    (tmp_path / "brain.nii").write_bytes(b"")
    assert "OME-Zarr" in refusal(tmp_path / "brain.nii")
    (tmp_path / "text.tif").write_text("no image")
    assert "cannot be read as TIFF" in refusal(tmp_path / "text.tif")
    (tmp_path / "nothing.tif").write_bytes(b"")
    assert "cannot be read as TIFF" in refusal(tmp_path / "nothing.tif")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_list_is_read_in_the_encoding_that_it_is_in(tmp_path, voxels, encoding):
    """Windows' shells and editors write such lists, with the home folder as they know it."""
    write_planes(tmp_path / "planes", voxels)
    lines = "".join(f"planes/plane_{z}.tif\r\n" for z in range(len(voxels)))
    (tmp_path / "list.txt").write_bytes(lines.encode(encoding))
    volume = open_volume(tmp_path / "list.txt", VOXEL_SIZE)
    np.testing.assert_array_equal(volume.data.compute(), voxels)


def test_a_tilde_in_a_list_is_the_home_folder(tmp_path, voxels, monkeypatch):
    (tmp_path / "home").mkdir()
    write_planes(tmp_path / "home" / "planes", voxels)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    lines = [f"~/planes/plane_{z}.tif" for z in range(len(voxels))]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    volume = open_volume(tmp_path / "list.txt", VOXEL_SIZE)
    np.testing.assert_array_equal(volume.data.compute(), voxels)


def test_bad_lists_are_refused(tmp_path, voxels):
    write_planes(tmp_path / "planes", voxels)
    listing = tmp_path / "list.txt"
    for content, said in (
        ("", "empty"),
        ("planes/plane_0.tif\nplanes/plane_99.tif\n", "plane_99.tif"),
        ("planes/plane_0.tif\nplanes/plane_0.tif\n", "2 times"),
        ("planes\\plane_0.tif\n", "path of Windows"),
        ('"planes/plane_0.tif"\n', "quotes are part of the name"),
    ):
        listing.write_text(content)
        assert said in refusal(listing)
    listing.write_bytes(voxels.tobytes())
    assert "not a text file" in refusal(listing)


def test_a_gap_is_refused_with_the_missing_number(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", voxels, "plane_{:04}.tif")
    (folder / "plane_0007.tif").unlink()
    message = refusal(folder)
    assert "number 7 is missing" in message
    assert "plane_0006.tif" in message


def test_a_gap_in_an_even_series_of_larger_steps_is_refused(tmp_path, voxels):
    for z in (0, 1, 2, 4, 5):
        tifffile.imwrite(tmp_path / f"{z * 40:06}.tif", voxels[z])
    assert "number 120 is missing" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [
        ((0, 1, 3), 2),
        ((0, 1, 3, 5), 2),
        ((1, 2, 4, 6, 8, 9), 3),
        ((0, 1, 3, 5, 6, 8, 10), 2),
        ((0, 2, 4, 5), 1),
        (("0.0", "2.5", "5.0", "10.0"), "7.5"),
    ],
)
def test_many_gaps_do_not_pass_for_even_steps(tmp_path, voxels, numbers, missing):
    for z, number in enumerate(numbers):
        tifffile.imwrite(tmp_path / f"plane_{number}.tif", voxels[z])
    assert f"number {missing} is missing" in refusal(tmp_path)


def test_two_channels_in_one_folder_are_refused(tmp_path, voxels):
    both = tmp_path / "both"
    both.mkdir()
    for z, plane in enumerate(voxels):
        for channel in (0, 1):
            tifffile.imwrite(both / f"Z{z:03}_C{channel}.tif", plane)
    assert "several channels" in refusal(both)
    named = write_planes(tmp_path / "named", voxels, "auto_{}.tif")
    tifffile.imwrite(named / "signal_0.tif", voxels[0])
    assert "signal_0.tif" in refusal(named)


def test_a_projection_beside_the_planes_is_not_taken_for_a_plane(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", voxels)
    tifffile.imwrite(folder / "projection.tif", voxels.max(axis=0))
    assert "projection.tif" in refusal(folder)


@pytest.mark.parametrize("kind", ["planes", "stack"])
def test_colour_and_lossy_compression_are_refused(tmp_path, voxels, kind):
    colour = np.zeros((12, 24, 18, 3), np.uint8)
    jpeg = {"compression": "jpeg"}
    grey = (voxels >> 8).astype(np.uint8)
    if kind == "planes":
        rgb = write_planes(tmp_path / "rgb", colour, photometric="rgb")
        lossy = write_planes(tmp_path / "lossy", grey, **jpeg)
    else:
        rgb, lossy = tmp_path / "rgb.tif", tmp_path / "lossy.tif"
        tifffile.imwrite(rgb, colour, photometric="rgb")
        tifffile.imwrite(lossy, grey, **jpeg)
    assert "RGB" in refusal(rgb)
    assert "lossless" in refusal(lossy)


def test_files_that_are_not_3d_are_refused(tmp_path, voxels):
    tifffile.imwrite(tmp_path / "plane.tif", voxels[0])
    assert "not 3D" in refusal(tmp_path / "plane.tif")
    hyperstack = voxels.reshape(6, 2, 24, 18)
    tifffile.imwrite(tmp_path / "two.tif", hyperstack, imagej=True, metadata={"axes": "ZCYX"})
    message = refusal(tmp_path / "two.tif")
    assert "not 3D" in message
    assert "ZCYX" in message
    tifffile.imwrite(tmp_path / "channels.tif", voxels[:2], metadata={"axes": "CYX"})
    assert "one channel" in refusal(tmp_path / "channels.tif")
    write_planes(tmp_path / "stacks", hyperstack)
    assert "holds a stack itself" in refusal(tmp_path / "stacks")


def test_a_plane_of_another_shape_or_type_is_named(tmp_path, voxels):
    folder = write_planes(tmp_path / "planes", voxels)
    for odd in (voxels[5][:-1], voxels[5].astype(np.uint8)):
        tifffile.imwrite(folder / "plane_5.tif", odd)
        with pytest.raises(InputError, match="plane_5.tif") as caught:
            check_files(folder)
        assert str(odd.shape) in str(caught.value)
        assert "(24, 18)" in str(caught.value)
        with pytest.raises(InputError, match="plane_5.tif"):
            open_volume(folder, VOXEL_SIZE).data.compute()


@pytest.mark.parametrize("odd", [1, 5])
def test_a_stack_of_unequal_planes_is_refused(tmp_path, voxels, odd):
    path = tmp_path / "odd.tif"
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(voxels):
            tif.write(plane[:-1] if z == odd else plane, contiguous=False, metadata=None)
    with pytest.raises(InputError, match=f"plane {odd} ") as caught:
        open_and_check(path)
    assert str(path) in str(caught.value)
    assert "(23, 18)" in str(caught.value)


def open_and_check(path: Path) -> None:
    open_volume(path, VOXEL_SIZE)
    check_files(path)


def cut(path: Path, share: float) -> None:
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * share))


@pytest.mark.parametrize("share", [0.0, 0.005, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}], ids=str)
def test_a_plane_that_is_cut_off_is_named(tmp_path, voxels, options, share):
    folder = write_planes(tmp_path / "planes", voxels, **options)
    cut(folder / "plane_4.tif", share)
    with pytest.raises(InputError, match="plane_4.tif") as caught:
        check_files(folder)
    assert "again" in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.3, 0.55, 0.9, 0.99])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True},
        {"metadata": None},
        {"compression": "zlib"},
        {"compression": "zlib", "metadata": None},
        {"bigtiff": True, "compression": "lzw"},
    ],
    ids=str,
)
def test_a_stack_that_is_cut_off_is_refused_with_the_plane(tmp_path, voxels, options, share):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, voxels, **options)
    cut(path, share)
    with pytest.raises(InputError) as caught:
        open_and_check(path)
    assert str(path) in str(caught.value)
    assert "again" in str(caught.value)
    if share > 0.1:
        assert re.search(r"plane \d+ \(counted from 0\)", str(caught.value))


@pytest.mark.parametrize("share", [0.3, 0.55, 0.99])
def test_a_cut_ome_stack_is_refused_unless_only_its_description_is_lost(tmp_path, voxels, share):
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, voxels, compression="zlib", metadata={"axes": "ZYX"})
    cut(path, share)
    if share < 0.99:
        with pytest.raises(InputError, match=r"plane \d+ \(counted from 0\)"):
            open_and_check(path)
    else:
        open_and_check(path)
        np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), voxels)


def test_ome_zarr_with_several_times_or_channels_is_refused(tmp_path, voxels):
    for axes, shape, axis in (("czyx", (2, 6, 24, 18), "c"), ("tczyx", (3, 1, 4, 24, 18), "t")):
        path = write_ome_zarr(tmp_path / f"{axes}.zarr", voxels.reshape(shape), axes=axes)
        message = refusal(path)
        assert f"axis {axis} has length {shape[0]}" in message


def test_ome_zarr_with_other_axes_is_refused(tmp_path, voxels):
    path = write_ome_zarr(tmp_path / "xyz.zarr", voxels, axes="xyz")
    assert "x, y, z" in refusal(path)
    path = write_ome_zarr(tmp_path / "flat.zarr", voxels[0], axes="yx", scale=(2, 2), chunks=(9, 9))
    assert "have to be z, y, x" in refusal(path)


def test_ome_zarr_with_another_voxel_size_is_refused_with_both(tmp_path, voxels):
    path = write_ome_zarr(tmp_path / "other.zarr", voxels, scale=(6, 1.62, 1.62))
    message = refusal(path)
    assert "6, 1.62, 1.62" in message
    assert "5, 2, 2" in message
    assert "voxel_z" in message


def test_units_of_ome_zarr_are_understood(tmp_path, voxels):
    for unit, scale in (("nanometer", (5000, 2000, 2000)), ("millimeter", (0.005, 0.002, 0.002))):
        path = write_ome_zarr(tmp_path / f"{unit}.zarr", voxels, unit=unit, scale=scale)
        assert open_volume(path, VOXEL_SIZE).shape == voxels.shape
    path = write_ome_zarr(tmp_path / "none.zarr", voxels, unit=None, scale=(1, 1, 1))
    assert open_volume(path, VOXEL_SIZE).shape == voxels.shape
    path = write_ome_zarr(tmp_path / "odd.zarr", voxels, unit="parsec")
    assert "parsec" in refusal(path)


def test_zarr_that_is_no_ome_zarr_is_refused(tmp_path, voxels):
    zarr.create_group(tmp_path / "plain.zarr")
    assert "no multiscales" in refusal(tmp_path / "plain.zarr")
    zarr.save_array(tmp_path / "array.zarr", voxels)
    assert "cannot be opened as OME-Zarr" in refusal(tmp_path / "array.zarr")
    path = write_ome_zarr(tmp_path / "lost.zarr", voxels)
    shutil.rmtree(path / "0")
    assert "level 0" in refusal(path)
    group = zarr.create_group(tmp_path / "old.zarr")
    group.attrs["multiscales"] = [{"datasets": [{"path": "0"}], "axes": ["z", "y", "x"]}]
    assert "0.4" in refusal(tmp_path / "old.zarr")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_chunk_that_is_cut_off_is_refused_when_read(tmp_path, voxels, version, share):
    options = {"compressors": numcodecs.Zstd() if version == "0.4" else zarr.codecs.ZstdCodec()}
    path = write_ome_zarr(tmp_path / "cut.zarr", voxels, version, **options)
    cut(path / "0" / ("0.0.0" if version == "0.4" else "c/0/0/0"), share)
    with pytest.raises(InputError, match="cannot be read") as caught:
        open_volume(path, VOXEL_SIZE).planes(0, 4)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    ("depth", "bad", "named"),
    [(1, 7, "plane 7 "), (3, 2, "planes 6 to 8 "), (5, 2, "planes 10 to 11 ")],
)
def test_the_planes_of_the_first_bad_chunk_are_named(tmp_path, voxels, version, depth, bad, named):
    options = {"compressors": numcodecs.Zstd() if version == "0.4" else zarr.codecs.ZstdCodec()}
    options["chunks"] = (depth, 16, 16)
    path = write_ome_zarr(tmp_path / "bad.zarr", voxels, version, **options)
    for z in (bad, -(-len(voxels) // depth) - 1):
        cut(path / "0" / (f"{z}.0.1" if version == "0.4" else f"c/{z}/0/1"), 0.5)
    volume = open_volume(path, VOXEL_SIZE)
    with pytest.raises(InputError) as caught:
        volume.planes(1, 12)
    assert f"{path}: {named}(counted from 0): cannot be read" in str(caught.value)
    np.testing.assert_array_equal(volume.planes(0, 6), voxels[:6])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_blosc_chunk_that_is_cut_off_is_refused_before_it_is_read(
    tmp_path, voxels, version, share
):
    options = {"compressors": numcodecs.Blosc() if version == "0.4" else zarr.codecs.BloscCodec()}
    path = write_ome_zarr(tmp_path / "cut.zarr", voxels, version, **options)
    check_files(path)
    chunk = path / "0" / ("1.0.1" if version == "0.4" else "c/1/0/1")
    cut(chunk, share)
    with pytest.raises(InputError, match="cut off") as caught:
        check_files(path)
    assert str(chunk) in str(caught.value)


def test_true_voxel_sizes_pass():
    assert check_voxel_size(("6", 1.62, 1), "b") == (6.0, 1.62, 1.0)


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "above 0"),
        (-2, "above 0"),
        (np.inf, "above 0"),
        (np.nan, "above 0"),
        (None, "above 0"),
        ("two", "above 0"),
        (0.00162, "millimetres (1.62 µm)"),
        (0.025, "millimetres (25 µm)"),
        (1.62e-6, "metres (1.62 µm)"),
        (1620, "nanometres (1.62 µm)"),
    ],
)
def test_a_voxel_size_that_cannot_be_true_is_refused(size, said):
    with pytest.raises(InputError) as caught:
        check_voxel_size((5, size, 2), "mouse-3")
    assert "mouse-3" in str(caught.value)
    assert "voxel_y" in str(caught.value)
    assert said in str(caught.value)
    assert "µm" in str(caught.value)


def test_a_voxel_size_of_two_numbers_is_refused():
    with pytest.raises(InputError, match="voxel_z, voxel_y, voxel_x"):
        check_voxel_size((5, 2), "mouse-3")


def test_real_volumes_open(shared_data):
    volume = open_volume(shared_data / "cfos" / "1147" / "signal.tif", (6, 1.62, 1.62))
    assert volume.shape == (200, 100, 200)
    planes = open_volume(shared_data / "cortex_two_channel" / "signal", VOXEL_SIZE)
    check_files(shared_data / "cortex_two_channel" / "signal")
    assert planes.shape == (30, 256, 384)
