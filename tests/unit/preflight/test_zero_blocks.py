"""Blocks of exact zeros that a writer lost are told; genuine zeros are not."""

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from zarr_images import look, write_ome_zarr

SHAPE, CHUNKS = (20, 160, 160), (4, 32, 32)
STORED = {"config": {"write_empty_chunks": True}}
TISSUE = np.random.default_rng(0).normal(200, 8, SHAPE).astype(np.uint16)
TOLD = "straight edges"


def lost(*block: slice) -> np.ndarray:
    voxels = TISSUE.copy()
    voxels[block] = 0
    return voxels


# Chunk (2, 1, 3), which has plane 10 that is looked at, and chunk (1, 1, 3), which has none.
SEEN = (slice(8, 12), slice(32, 64), slice(96, 128))
UNSEEN = (slice(7, 8), slice(32, 64), slice(96, 128))
CORNER = (slice(8, 12), slice(0, 32), slice(128, 160))
ROWS = (slice(8, 12), slice(32, 96), slice(0, 160))
LAST_ROWS = (slice(8, 12), slice(96, 160), slice(0, 160))
COLUMNS = (slice(8, 12), slice(0, 160), slice(0, 64))


def write(path, voxels, kind):
    if kind == "stack":
        tifffile.imwrite(path.with_suffix(".tif"), voxels)
        return path.with_suffix(".tif")
    if kind == "planes":
        path.mkdir()
        for z, plane in enumerate(voxels):
            tifffile.imwrite(path / f"plane_{z:03}.tif", plane)
        return path
    options = {"left out": {}, "stored": STORED, "sharded": {"shards": (8, 64, 64)}}[kind]
    return write_ome_zarr(path, voxels, chunks=CHUNKS, **options)


ZARRS = ["left out", "stored", "sharded"]


@pytest.mark.parametrize("kind", [*ZARRS, "planes", "stack"])
@pytest.mark.parametrize("block", [SEEN, CORNER], ids=["within", "corner"])
def test_a_lost_block_is_told_with_its_place(tmp_path, kind, block):
    refused, warnings = look(write(tmp_path / "brain", lost(*block), kind))
    assert refused is None
    z, y, x = block
    planes = "plane 10 " if kind in ("planes", "stack") else f"planes {z.start} to {z.stop - 1}, "
    (told,) = [warning for warning in warnings if "edges" in warning]
    assert planes in told
    assert f"y {y.start} to {y.stop - 1}, x {x.start} to {x.stop - 1}" in told


@pytest.mark.parametrize("kind", ["stored", "planes", "stack"])
@pytest.mark.parametrize("block", [ROWS, LAST_ROWS, COLUMNS], ids=["rows", "last rows", "columns"])
def test_a_lost_band_is_told_with_its_place(tmp_path, kind, block):
    """Strips of a plane that broke off, or chunks as wide as the volume."""
    refused, (told,) = look(write(tmp_path / "brain", lost(*block), kind))
    _, y, x = block
    assert refused is None
    assert f"in plane 10 (counted from 0), y {y.start} to {y.stop - 1}" in told
    assert f"x {x.start} to {x.stop - 1}" in told


@pytest.mark.parametrize("kind", ZARRS)
def test_a_lost_chunk_in_planes_that_are_not_looked_at_is_told(tmp_path, kind):
    voxels = np.concatenate([TISSUE[:6], lost(*UNSEEN)[6:]])
    options = {"left out": {}, "stored": STORED, "sharded": {"shards": (4, 64, 64)}}[kind]
    path = write_ome_zarr(tmp_path / "brain", voxels, chunks=(1, 32, 32), **options)
    assert any("planes 7 to 7, y 32 to 63, x 96 to 127" in warning for warning in look(path)[1])


@pytest.mark.parametrize("kind", ["stored", "sharded"])
@pytest.mark.parametrize("share", [0.5, 0.85])
def test_a_writer_that_lost_most_chunks_is_told(tmp_path, kind, share):
    """As Dask does with shards: next to each other and up to the border, without an order."""
    voxels, generator = TISSUE.copy(), np.random.default_rng(1)
    for place in np.ndindex(5, 5, 5):
        if generator.random() < share:
            box = zip(place, CHUNKS, strict=True)
            voxels[tuple(slice(n * size, (n + 1) * size) for n, size in box)] = 0
    assert any(TOLD in warning for warning in look(write(tmp_path / "brain", voxels, kind))[1])


@pytest.mark.parametrize("kind", ["left out", "stored", "planes", "stack"])
def test_planes_that_were_never_written_are_told(tmp_path, kind):
    path = write(tmp_path / "brain", lost(slice(8, 12)), kind)
    told = "plane 8 (counted" if kind in ("planes", "stack") else "planes 8 to 11 (counted"
    assert any(told in warning and "never written" in warning for warning in look(path)[1])


@pytest.mark.parametrize("kind", ["stored", "planes", "stack"])
@pytest.mark.parametrize("written", [16, 7])
def test_a_volume_whose_writing_broke_off_is_told(tmp_path, kind, written):
    """Room that was set aside for the last planes is zeros."""
    (told,) = look(write(tmp_path / "brain", lost(slice(written, None)), kind))[1]
    first, last = {16: (18, 14), 7: (10, 6)}[written]
    assert f"plane {first} (counted from 0) is nothing but zeros, as are all planes after" in told
    assert f"plane {last} has an image all over" in told


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_an_empty_file_among_planes_that_are_not_looked_at_is_told(tmp_path, compression):
    for z, plane in enumerate(lost(slice(7, 9))):
        tifffile.imwrite(tmp_path / f"plane_{z:03}.tif", plane, compression=compression)
    refused, (told,) = look(tmp_path)
    assert refused is None
    for part in ("plane 7 (counted from 0), plane_007.tif", "2 of the 20 planes", "never written"):
        assert part in told


def test_a_run_of_empty_planes_among_thousands_is_told_with_its_first(tmp_path, monkeypatch):
    """Of many planes only some are looked at, and then the others near them."""
    monkeypatch.setattr("cellsift.preflight.empty_files.MOST_PEEKS", 5)
    tifffile.imwrite(tmp_path / "stack.tif", lost(slice(7, 12)), metadata=None)
    (told,) = look(tmp_path / "stack.tif")[1]
    assert "plane 7 (counted from 0) is nothing but zeros" in told
    assert "5 of the 20 planes" in told


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True},
        {"ome": True},
        {"metadata": None},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True, "rowsperstrip": 9},
        {"compression": "zstd", "tile": (64, 64), "ome": True},
    ],
    ids=str,
)
def test_an_empty_plane_of_a_stack_that_is_not_looked_at_is_told(tmp_path, options):
    tifffile.imwrite(tmp_path / "stack.tif", lost(slice(7, 9)), **options)
    (told,) = look(tmp_path / "stack.tif")[1]
    assert "plane 7 (counted from 0) is nothing but zeros" in told
    assert "2 of the 20 planes" in told


z, y, x = np.indices(SHAPE)
OUTSIDE = ((z - 10) / 11) ** 2 + ((y - 80) / 75) ** 2 + ((x - 80) / 75) ** 2 > 1
FISSURE = (abs(x - 80) < 12) & (y < 75)
VENTRICLE = ((y - 105) / 18) ** 2 + ((x - 80) / 36) ** 2 < 1
SMOOTH = gaussian_filter(np.random.default_rng(2).normal(size=SHAPE), (1, 5, 5))
SMOOTH /= SMOOTH.std()
RANDOM = np.random.default_rng(3).random(SHAPE)
GENUINE = {
    "no zeros": TISSUE,
    "outside masked": np.where(OUTSIDE, 0, TISSUE),
    "outside, fissure and ventricle masked": np.where(OUTSIDE | FISSURE | VENTRICLE, 0, TISSUE),
    "background subtracted": np.clip(TISSUE.astype(int) - 205, 0, None),
    "cells alone": np.clip((SMOOTH - 2) * 100, 0, None),
    "half of it dark": np.clip(SMOOTH * 100, 0, None),
    "speckles": np.where(RANDOM < 0.002, 300, 0),
    "many speckles": np.where(RANDOM < 0.05, 300, 0),
    "frame around the image": np.pad(TISSUE[:, 32:-32, 32:-32], ((0, 0), (32, 32), (32, 32))),
    "first planes empty": np.pad(TISSUE[4:], ((4, 0), (0, 0), (0, 0))),
    "sheared": np.where((x < 4 * z) | (x >= 4 * z + 84), 0, TISSUE),
    "band above and below": np.pad(TISSUE[:, 32:-32], ((0, 0), (32, 32), (0, 0))),
    "two empty planes at each end": np.pad(TISSUE[2:-2], ((2, 2), (0, 0), (0, 0))),
    "first and last planes empty": np.pad(TISSUE[4:-4], ((4, 4), (0, 0), (0, 0))),
    "brain's end before the last planes": np.where(OUTSIDE | (z > 14), 0, TISSUE),
}


@pytest.mark.parametrize("kind", ["stored", "stack"])
@pytest.mark.parametrize("name", GENUINE)
def test_genuine_zeros_do_not_alarm(tmp_path, name, kind):
    refused, warnings = look(write(tmp_path / "brain", GENUINE[name].astype(np.uint16), kind))
    assert refused is None
    # Chunks that are left out are told anyway.
    assert [text for text in warnings if "left out empty chunks" not in text] == []


def test_bands_beside_aligned_sections_do_not_alarm(tmp_path):
    """Each section is shifted by its own number of rows, 30 of 400 at most."""
    voxels = np.random.default_rng(4).normal(200, 8, (20, 400, 160)).astype(np.uint16)
    for number, plane in enumerate(voxels):
        plane[: (0, 10, 30, 20)[number // 4 % 4]] = 0
    assert look(write(tmp_path / "brain", voxels, "stack")) == (None, [])


def test_tiles_that_a_microscope_leaves_out_in_all_planes_do_not_alarm(tmp_path):
    voxels = lost(slice(None), slice(0, 40), slice(110, 160))
    assert look(write(tmp_path / "brain", voxels, "stack")) == (None, [])
