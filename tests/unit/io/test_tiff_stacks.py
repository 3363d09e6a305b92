"""A stack opens however its planes lie in the file, and what its description says is not believed.

ImageJ writes stacks above 4 GB with one directory, all planes behind it.
"""

import logging
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
import tifffile
from tiff_by_hand import write_metamorph

from cellsift.errors import InputError
from cellsift.io.tiff_doubts import doubts
from cellsift.io.tiff_file import opened
from cellsift.io.volumes import check_files, open_volume

VOXEL_SIZE = (5.0, 2.0, 2.0)


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 60000, (12, 24, 18)).astype(np.uint16)


def one_directory(path: Path, voxels: np.ndarray, writer: str, byteorder: str) -> Path:
    """Write the planes behind the file's only directory."""
    if writer == "metamorph":
        return write_metamorph(path, voxels)
    options = {"byteorder": byteorder, "truncate": True, "metadata": {"axes": "ZYX"}}
    if writer == "imagej, number of images alone":
        text = f"ImageJ=1.34\nimages={len(voxels)}\n"
        options |= {"metadata": None, "description": text, "truncate": False}
        tifffile.imwrite(path, voxels[0], **options)
        with path.open("ab") as file:
            file.write(voxels[1:].astype(f"{byteorder}u2").tobytes())
        return path
    tifffile.imwrite(path, voxels, imagej=writer == "imagej", bigtiff=writer == "big", **options)
    return path


WRITERS = [
    (writer, byteorder)
    for writer in ("imagej", "imagej, number of images alone", "shaped", "big")
    for byteorder in "<>"
] + [("metamorph", "<")]


@pytest.fixture(params=WRITERS, ids=str)
def stack(request, tmp_path, voxels) -> Path:
    path = one_directory(tmp_path / "stack.tif", voxels, *request.param)
    with tifffile.TiffFile(path) as tif:
        assert len(tif.pages) == 1
    return path


def open_and_check(path: Path) -> None:
    open_volume(path, VOXEL_SIZE)
    check_files(path)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        open_and_check(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_planes_behind_one_directory_open(stack, voxels):
    check_files(stack)
    volume = open_volume(stack, VOXEL_SIZE)
    assert volume.dtype == np.uint16
    assert volume.dtype.isnative
    assert volume.data.chunksize == (1, 24, 18)
    np.testing.assert_array_equal(volume.data.compute(), voxels)
    np.testing.assert_array_equal(volume.planes(7, 9), voxels[7:9])
    assert doubts(stack, stack=True) == []


def test_a_plane_behind_one_directory_is_read_alone(stack, voxels):
    """What lies behind it may be gone: it is not touched."""
    volume = open_volume(stack, VOXEL_SIZE)
    again = cloudpickle.loads(cloudpickle.dumps(volume.data))
    with tifffile.TiffFile(stack) as tif:
        end = tif.pages.first.dataoffsets[0] + 6 * voxels[0].nbytes
    with stack.open("r+b") as file:
        file.truncate(end)
    np.testing.assert_array_equal(volume.planes(5, 6), voxels[5:6])
    np.testing.assert_array_equal(again[5].compute(), voxels[5])
    with pytest.raises(InputError, match=r"plane 6 \(counted from 0\): the file is cut off"):
        volume.planes(6, 7)


# MetaMorph's directory comes last, and is lost first.
@pytest.mark.parametrize("stack", WRITERS[:-1], indirect=True, ids=str)
@pytest.mark.parametrize("lost", [1, 700, 6000])
def test_a_cut_stack_behind_one_directory_is_refused_with_the_plane(stack, voxels, lost):
    with tifffile.TiffFile(stack) as tif:
        end = tif.pages.first.dataoffsets[0] + voxels.nbytes - lost
    with stack.open("r+b") as file:
        file.truncate(end)
    plane = 11 - (lost - 1) // voxels[0].nbytes
    assert f"plane {plane} (counted from 0): the file is cut off" in refusal(stack)


def test_a_file_longer_than_its_description_says_is_told(tmp_path, voxels):
    path = tmp_path / "stack.tif"
    options = {"metadata": None, "description": "ImageJ=1.54f\nimages=10\nslices=10\n"}
    tifffile.imwrite(path, voxels[0], **options)
    with path.open("ab") as file:
        file.write(voxels[1:].tobytes())
    assert open_volume(path, VOXEL_SIZE).shape == (10, 24, 18)
    (doubt,) = doubts(path, stack=True)
    assert "names 10 planes" in doubt
    assert "long enough for 12" in doubt


@pytest.mark.parametrize("named", [6, 10, 11, 13, 24])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_describing_another_number_of_planes_is_refused(
    tmp_path, voxels, named, compression
):
    """Planes were added, or lost, by a program that left the description as it was."""
    path = tmp_path / "stack.tif"
    text = f"ImageJ=1.54f\nimages={named}\nslices={named}\nunit=micron\n"
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(voxels):
            description = text if z == 0 else None
            tif.write(plane, metadata=None, description=description, compression=compression)
    message = refusal(path)
    assert f"names {named} planes" in message
    assert "12 are in it" in message


def test_imagej_contradicting_itself_is_refused(tmp_path, voxels):
    path = tmp_path / "stack.tif"
    text = "ImageJ=1.54f\nimages=12\nchannels=2\nslices=12\n"
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(voxels):
            tif.write(plane, metadata=None, description=text if z == 0 else None)
    message = refusal(path)
    assert "12 images" in message
    assert "12 slices, 2 channels" in message


def test_ome_naming_fewer_planes_than_the_file_holds_is_refused(tmp_path, voxels):
    tifffile.imwrite(tmp_path / "ten.ome.tif", voxels[:10], metadata={"axes": "ZYX"})
    with tifffile.TiffFile(tmp_path / "ten.ome.tif") as tif:
        description = tif.ome_metadata
    path = tmp_path / "twelve.ome.tif"
    with tifffile.TiffWriter(path) as tif:
        for z, plane in enumerate(voxels):
            tif.write(plane, metadata=None, description=description if z == 0 else None)
    message = refusal(path)
    assert "names 10 planes" in message
    assert "12 are in it" in message


def test_the_first_of_several_files_of_micro_manager_is_not_taken_for_the_whole(tmp_path, voxels):
    """tifffile leaves the planes of the others out and says so in its log alone."""
    tifffile.imwrite(tmp_path / "first.tif", voxels)
    with pytest.raises(InputError, match="one of several files"), opened(tmp_path / "first.tif"):
        logging.getLogger("tifffile").warning("MMStack series is missing files. Returning subset")


@pytest.mark.parametrize("suffix", [".stk", ".btf", ".tf2", ".tf8"])
def test_stacks_of_other_suffixes_open(tmp_path, voxels, suffix):
    path = tmp_path / f"stack{suffix}"
    if suffix == ".stk":
        write_metamorph(path, voxels)
    else:
        tifffile.imwrite(path, voxels, bigtiff=True)
    np.testing.assert_array_equal(open_volume(path, VOXEL_SIZE).data.compute(), voxels)
