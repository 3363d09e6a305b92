"""Images of regions: which region a position lies in, and what is refused."""

import dask.array as da
import numpy as np
import pytest
import tifffile

from cellsift.atlas.regions import RegionImage, open_regions, stretched_unevenly
from cellsift.errors import InputError

SHAPE = (6, 20, 40)


def write_image(path, numbers, **more):
    tifffile.imwrite(path, numbers, metadata=None, photometric="minisblack", **more)
    return path


def write_names(path, text="id,acronym,name\n7,CTX,cortex\n12,HPF,hippocampal formation\n"):
    path.write_text(text)
    return path


def halves(shape, dtype=np.uint32):
    """7 in the left half along x, 12 in the right one, 0 in the first planes."""
    numbers = np.full(shape, 7, dtype)
    numbers[..., shape[2] // 2 :] = 12
    numbers[: shape[0] // 3] = 0
    return numbers


@pytest.mark.parametrize("shape", [SHAPE, (3, 10, 20), (3, 5, 8), (12, 40, 80)])
def test_a_position_has_the_region_that_it_lies_in_whatever_the_image_s_voxels(tmp_path, shape):
    image = write_image(tmp_path / "regions.tif", halves(shape))
    regions = open_regions(image, write_names(tmp_path / "names.csv"))
    at = np.array([[5, 3, 19.4], [5, 3, 19.6], [0, 3, 3], [5, 19.4, 39.4], [2, 0, 0], [1.4, 0, 0]])
    cortex, hippocampus = "cortex", "hippocampal formation"
    found = ["outside"] * 6
    found[:2], found[3], found[4] = [cortex, hippocampus], hippocampus, cortex
    assert list(regions.at(at, SHAPE)) == found


def test_planes_in_a_folder_are_an_image_too_and_regions_may_lack_a_name(tmp_path):
    folder = tmp_path / "regions"
    folder.mkdir()
    for number, plane in enumerate(halves(SHAPE, np.uint16)):
        write_image(folder / f"plane_{number:03d}.tif", plane)
    found = open_regions(folder).at(np.array([[5, 3, 3], [5, 3, 30]]), SHAPE)
    assert list(found) == ["region 7", "region 12"]


def test_only_planes_with_a_position_are_read(tmp_path):
    """An atlas over a whole brain does not fit into memory."""
    folder = tmp_path / "regions"
    folder.mkdir()
    for number, plane in enumerate(halves(SHAPE)):
        write_image(folder / f"plane_{number:03d}.tif", plane)
    regions = open_regions(folder)
    damaged = folder / "plane_003.tif"
    damaged.write_bytes(damaged.read_bytes()[:400])
    assert list(regions.at(np.array([[4, 3, 3]]), SHAPE)) == ["region 7"]
    with pytest.raises(InputError, match="plane_003"):
        regions.at(np.array([[3, 3, 3]]), SHAPE)


def test_a_brain_without_candidates_has_no_region(tmp_path):
    regions = open_regions(write_image(tmp_path / "regions.tif", halves(SHAPE)))
    assert len(regions.at(np.empty((0, 3)), SHAPE)) == 0


def test_a_chunk_of_an_ome_zarr_is_read_once(tmp_path):
    """A chunk is many planes deep, and to read it for each of them takes as many times as long."""
    read = []

    def noted(block):
        read.append(block.shape)
        return block

    numbers = da.from_array(halves((40, 20, 40)), chunks=(16, 10, 10)).map_blocks(
        noted, dtype=np.uint32, meta=np.empty((0, 0, 0), np.uint32)
    )
    at = np.array([[z, 3, x] for z in range(14, 32) for x in (3, 33)], float)
    found = RegionImage(numbers, {}, "made up").at(at, (40, 20, 40))
    assert list(found[:2]) == ["region 7", "region 12"]
    assert len(read) == 4


def test_brightness_is_no_image_of_regions(tmp_path):
    image = write_image(tmp_path / "regions.tif", halves(SHAPE, np.float32))
    with pytest.raises(InputError, match="whole number for each region"):
        open_regions(image)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("number,name\n7,cortex\n", "no column id"),
        ("id;name\n7;cortex\n", "no column id and no column name"),
        ("id,name\nseven,cortex\n", "line 2.*whole number"),
        ("id,name\n7.5,cortex\n", "line 2.*whole number"),
        ("id,name\n7,cortex\n7,layer 1\n", "line 3.*twice"),
        ("id,name\n7,cortex\n8,cortex\n", "line 3.*twice"),
        ("id,name\n7,cortex\n8,\n", "line 3.*empty"),
        ("id,name\n7,all\n", "line 2.*cannot be called so"),
        # As a region without a name is called, and a marked block.
        ("id,name\n7,region 12\n", "line 2.*cannot be called so"),
        ("id,name\n7,block 1\n", "line 2.*cannot be called so"),
        ("id,name\n1e30,cortex\n", "line 2.*whole number"),
    ],
)
def test_names_that_cannot_be_used_are_refused_with_their_line(tmp_path, text, said):
    image = write_image(tmp_path / "regions.tif", halves(SHAPE))
    with pytest.raises(InputError, match=said):
        open_regions(image, write_names(tmp_path / "names.csv", text))


def test_a_table_of_names_that_is_missing_is_named(tmp_path):
    image = write_image(tmp_path / "regions.tif", halves(SHAPE))
    with pytest.raises(InputError, match=r"names\.csv: there is no such table"):
        open_regions(image, tmp_path / "names.csv")


@pytest.mark.parametrize(
    ("image", "doubted"),
    [
        (SHAPE, False),
        # Every second plane, every fourth row.
        ((3, 5, 10), False),
        # An atlas's cubic voxels: 4.3 x 4.4 x 4.4 µm.
        ((7, 9, 18), False),
        # The axes in another order.
        ((18, 9, 7), True),
        ((9, 18, 7), True),
    ],
)
def test_an_image_that_may_lie_in_another_way_is_doubted(image, doubted):
    assert (stretched_unevenly(image, SHAPE, (5.0, 2.0, 2.0)) is not None) == doubted
