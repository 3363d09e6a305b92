"""Cuboids are cellfinder's, in the caller's order, whatever the chunks; stores are whole."""

import shutil

import dask.array as da
import numpy as np
import pytest
import zarr

from cellsift.cuboids import extraction
from cellsift.cuboids.extraction import cuboids_at, extract_cuboids
from cellsift.cuboids.store import SMALL_ARRAYS, SMALLEST_SPREAD, CuboidStore, log_statistics
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

VOXEL = (5.0, 2.0, 2.0)
SHAPE, CUBOID_VOXEL = (6, 10, 10), (5.0, 1.0, 1.0)


def _volume(seed=0, shape=(24, 40, 44), voxel_size=VOXEL, chunks=(1, -1, -1), dtype="uint16"):
    random = np.random.default_rng(seed)
    voxels = random.integers(0, np.iinfo(dtype).max, shape, endpoint=True, dtype=dtype)
    return Volume(da.from_array(voxels, chunks=chunks), voxel_size, f"volume {seed}")


def _positions(n=40, shape=(24, 40, 44), margin=0.0, seed=1):
    random = np.random.default_rng(seed)
    last = np.array(shape) - 1
    return random.uniform(0, 1, (n, 3)) * (last - 2 * np.array(margin)) + margin


@pytest.fixture
def store(tmp_path):
    return extract_cuboids(
        _volume(0), _volume(1), _positions(), SHAPE, CUBOID_VOXEL, tmp_path / "cuboids.zarr"
    )


def test_store_holds_what_was_cut_in_the_callers_order(store):
    expected = cuboids_at(_volume(0), _volume(1), _positions(), SHAPE, CUBOID_VOXEL)
    assert (len(store), store.channels, store.shape) == (40, 2, SHAPE)
    assert store.voxel_size == CUBOID_VOXEL
    np.testing.assert_array_equal(store.positions, _positions())
    asked = np.array([39, 0, 7, 7, 21])
    np.testing.assert_array_equal(store.read(asked), expected[asked])
    assert store.read(asked).dtype == np.uint16
    assert store.read([]).shape == (0, 2, *SHAPE)


def test_same_voxel_size_cuts_the_voxels_themselves():
    volume = _volume()
    cuboids = cuboids_at(volume, None, [[10, 20, 21]], (6, 10, 10), VOXEL)
    expected = volume.data[7:13, 15:25, 16:26].compute()
    np.testing.assert_array_equal(cuboids[0, 0], expected)


@pytest.mark.parametrize(("planes", "first", "last"), [(1, 10, 10), (3, 9, 11)])
def test_few_planes_are_those_around_the_candidates(tmp_path, planes, first, last):
    volume, shape = _volume(), (planes, 10, 10)
    positions = [[10, 20, 21], [0, 20, 21], [23, 20, 21]]
    store = extract_cuboids(volume, None, positions, shape, VOXEL, tmp_path / "cuboids.zarr")
    found = store.read(range(3))[:, 0]
    voxels = volume.data[:, 15:25, 16:26].compute()
    np.testing.assert_array_equal(found[0], voxels[first : last + 1])
    np.testing.assert_array_equal(found[:, planes // 2], voxels[[10, 0, 23]])
    # A single plane fits into the volume wherever it is.
    assert store.padded.tolist() == [False, planes > 1, planes > 1]


def test_a_single_plane_takes_in_the_planes_of_the_volume_that_it_is_as_thick_as():
    """As cellfinder rounds it: of 2 planes the candidate's own is the second."""
    volume = _volume()
    thicker = cuboids_at(volume, None, [[10, 20, 21]], (1, 10, 10), (10.0, 2.0, 2.0))[0, 0, 0]
    expected = np.rint(volume.data[9:11, 15:25, 16:26].mean(axis=0).compute())
    np.testing.assert_allclose(thicker, expected, atol=1)
    thinner = cuboids_at(volume, None, [[10, 20, 21]], (1, 10, 10), (3.0, 2.0, 2.0))[0, 0, 0]
    np.testing.assert_array_equal(thinner, volume.data[10, 15:25, 16:26].compute())
    with pytest.raises(InputError, match="thinner than a voxel"):
        cuboids_at(volume, None, [[10, 20, 21]], (1, 10, 10), (2.0, 2.0, 2.0))


def test_a_volume_of_a_single_plane_has_whole_cuboids_of_one(tmp_path):
    volume = _volume(shape=(1, 40, 44))
    store = extract_cuboids(volume, None, [[0, 20, 21]], (1, 10, 10), VOXEL, tmp_path / "c.zarr")
    assert not store.padded.any()
    np.testing.assert_array_equal(store.read([0])[0, 0], volume.data[:, 15:25, 16:26].compute())


def test_border_candidates_repeat_the_outermost_voxels_and_are_marked(tmp_path):
    volume, shape = _volume(), (6, 10, 10)
    positions = [[0, 0, 0], [23, 39, 43], [10, 20, 20], [10, 20, 43]]
    store = extract_cuboids(volume, None, positions, shape, VOXEL, tmp_path / "cuboids.zarr")
    assert store.padded.tolist() == [True, True, False, True]
    extended = np.pad(volume.data.compute(), 10, mode="edge")
    for (z, y, x), cuboid in zip(positions, store.read(range(4))[:, 0], strict=True):
        z, y, x = z + 10 - 3, y + 10 - 5, x + 10 - 5
        np.testing.assert_array_equal(cuboid, extended[z : z + 6, y : y + 10, x : x + 10])


def test_volume_smaller_than_a_cuboid_is_padded_on_both_sides():
    volume = _volume(shape=(3, 4, 5))
    cuboid = cuboids_at(volume, None, [[1, 2, 2]], (9, 10, 11), VOXEL)[0, 0]
    np.testing.assert_array_equal(cuboid[:4], np.broadcast_to(cuboid[0], (4, 10, 11)))
    np.testing.assert_array_equal(cuboid[5:], np.broadcast_to(cuboid[5], (4, 10, 11)))


@pytest.mark.parametrize("chunks", [(5, 16, 11), (-1, -1, -1)])
@pytest.mark.parametrize("memory_bytes", [22_000, 60_000, 2**29])
def test_cuboids_do_not_depend_on_chunks_memory_or_the_order_of_positions(
    monkeypatch, chunks, memory_bytes
):
    expected = cuboids_at(_volume(0), _volume(1), _positions(), SHAPE, CUBOID_VOXEL)
    monkeypatch.setattr(extraction, "BATCH", 3)
    order = np.random.default_rng(5).permutation(40)
    signal, background = _volume(0, chunks=chunks), _volume(1, chunks=chunks)
    found = cuboids_at(signal, background, _positions()[order], SHAPE, CUBOID_VOXEL, memory_bytes)
    np.testing.assert_array_equal(found, expected[order])


def test_each_needed_plane_is_read_once_and_in_order():
    read = []

    class Watched(Volume):
        def planes(self, start, stop):
            read.extend(range(start, stop))
            return super().planes(start, stop)

    volume = _volume(shape=(80, 40, 44))
    watched = Watched(volume.data, volume.voxel_size, volume.source)
    positions = _positions(60)  # in planes 0 to 23 of 80
    cuboids_at(watched, None, np.concatenate([positions, [[70, 20, 20]]]), SHAPE, CUBOID_VOXEL)
    assert read == sorted(set(read))
    assert len(read) < 40


def test_bytes_are_kept_as_they_are():
    volume = _volume(dtype="uint8")
    cuboid = cuboids_at(volume, None, [[10, 20, 20]], (6, 10, 10), VOXEL)
    np.testing.assert_array_equal(cuboid[0, 0], volume.data[7:13, 15:25, 15:25].compute())


def test_statistics_are_the_median_and_spread_of_log_intensities(store):
    logs = np.log1p(store.read(range(40)).astype(float)).transpose(1, 0, 2, 3, 4).reshape(2, -1)
    median = np.median(logs, axis=1)
    spread = 1.4826 * np.median(np.abs(logs - median[:, None]), axis=1)
    np.testing.assert_allclose(store.log_median, median)
    np.testing.assert_allclose(store.log_spread, spread)


def test_spread_of_constant_intensities_stays_positive():
    counts = np.zeros(65536, dtype=int)
    counts[7] = 12
    assert log_statistics(counts) == (np.log1p(7), SMALLEST_SPREAD)


def test_store_without_candidates(tmp_path):
    store = extract_cuboids(_volume(), None, [], SHAPE, CUBOID_VOXEL, tmp_path / "cuboids.zarr")
    assert len(store) == 0
    assert store.positions.shape == (0, 3)
    assert store.read([]).shape == (0, 1, *SHAPE)
    assert (store.log_median, store.log_spread) == ((0,), (1,))


def test_black_cuboids_over_several_shards_are_read_back(tmp_path, monkeypatch):
    monkeypatch.setattr("cellsift.cuboids.extraction.SHARD_BYTES", 7 * 2 * 600)
    voxels = np.zeros((24, 40, 44), dtype=np.uint16)
    voxels[:, :, 22:] = 900
    volume = Volume(da.from_array(voxels), VOXEL, "half black")
    positions = _positions()
    store = extract_cuboids(volume, None, positions, SHAPE, CUBOID_VOXEL, tmp_path / "c.zarr")
    assert len(list((tmp_path / "c.zarr" / "cuboids" / "c").iterdir())) == 6
    expected = cuboids_at(volume, None, positions, SHAPE, CUBOID_VOXEL)
    assert (expected.max(axis=(1, 2, 3, 4)) == 0).any()
    np.testing.assert_array_equal(store.read(range(40)), expected)


def test_store_is_plain_sharded_zarr(store):
    array = zarr.open_group(store.paths[0], mode="r")["cuboids"]
    assert array.metadata.zarr_format == 3
    assert array.shards is not None
    place = zarr.open_group(store.paths[0], mode="r")["place"][:]
    np.testing.assert_array_equal(array[:][place], store.read(range(40)))


def test_index_outside_the_store_is_refused(store):
    for index in (-1, 40):
        with pytest.raises(IndexError):
            store.read([index])


def test_interrupted_writing_leaves_no_store(tmp_path):
    class Failing(Volume):
        def planes(self, start, stop):
            if start:
                raise OSError("the disk is gone")
            return super().planes(start, stop)

    volume = _volume()
    failing = Failing(volume.data, volume.voxel_size, volume.source)
    with pytest.raises(OSError, match="the disk is gone"):
        extract_cuboids(failing, None, _positions(), SHAPE, CUBOID_VOXEL, tmp_path / "c.zarr")
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_absent_unfinished_or_damaged_is_refused(store, tmp_path):
    with pytest.raises(InputError, match="no cuboid store"):
        CuboidStore.open(tmp_path / "absent.zarr")
    shard = store.paths[0] / "cuboids" / "c" / "0/0/0/0/0"
    content = shard.read_bytes()
    shard.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        store.read([0])
    shard.unlink()
    with pytest.raises(InputError, match="missing"):
        store.read([0])
    del zarr.open_group(store.paths[0], mode="r+").attrs["complete"]
    with pytest.raises(InputError, match="not a complete cuboid store"):
        CuboidStore.open(store.paths[0])


@pytest.mark.parametrize("name", SMALL_ARRAYS)
@pytest.mark.parametrize("harm", ["chunk", "array", "half"])
def test_a_store_that_has_lost_what_goes_with_its_cuboids_is_refused(store, name, harm):
    """zarr would read zeros in place of chunks without a file: wrong cuboids, or wrong places."""
    array = store.paths[0] / name
    (chunk,) = (path for path in array.joinpath("c").rglob("*") if path.is_file())
    if harm == "array":
        shutil.rmtree(array)
    elif harm == "chunk":
        chunk.unlink()
    else:
        chunk.write_bytes(chunk.read_bytes()[: chunk.stat().st_size // 2])
    with pytest.raises(InputError, match="is missing or damaged; delete the folder and extract"):
        CuboidStore.open(store.paths[0])


@pytest.mark.parametrize(
    "position", [[-0.6, 5, 5], [5, 39.6, 5], [5, 5, 44], [np.nan, 5, 5], [5, np.inf, 5]]
)
def test_positions_outside_the_volume_are_refused(position):
    positions = [[5, 5, 5], position]
    with pytest.raises(InputError, match="1 of 2 positions lie outside volume 0.*number 2"):
        cuboids_at(_volume(), None, positions, SHAPE, CUBOID_VOXEL)


def test_volumes_of_unequal_shape_are_refused():
    with pytest.raises(InputError, match="background volume 1"):
        cuboids_at(_volume(0), _volume(1, (24, 40, 43)), _positions(), SHAPE, CUBOID_VOXEL)


@pytest.mark.parametrize(
    ("shape", "voxel_size"),
    [
        ((0, 10, 10), CUBOID_VOXEL),
        ((6, 10), CUBOID_VOXEL),
        (SHAPE, (5, 1, -1)),
        ((1, 1, 1), (1,) * 3),
    ],
)
def test_impossible_cuboids_are_refused(shape, voxel_size):
    with pytest.raises(InputError, match="cuboid"):
        cuboids_at(_volume(), None, _positions(), shape, voxel_size)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("voxel_size", "cuboid", "cuboid_voxel"),
    [
        ((5.0, 2.0, 2.0), (20, 50, 50), (5.0, 1.0, 1.0)),
        ((6.0, 1.62, 1.62), (20, 50, 50), (5.0, 1.0, 1.0)),
        ((3.0, 0.7, 1.3), (13, 21, 34), (4.0, 1.0, 1.0)),
        ((5.0, 1.0, 1.0), (20, 50, 50), (5.0, 1.0, 1.0)),
    ],
)
def test_cuboids_are_those_of_cellfinder(voxel_size, cuboid, cuboid_voxel):
    from brainglobe_utils.cells.cells import Cell
    from cellfinder.core.classify.cube_generator import CuboidArrayDataset

    shape = (48, 90, 100)
    signal, background = (_volume(seed, shape, voxel_size) for seed in (0, 1))
    positions = np.unique(np.rint(_positions(150, shape)), axis=0)
    dataset = CuboidArrayDataset(
        signal_array=signal.data.compute(),
        background_array=background.data.compute(),
        points=[Cell((x, y, z), Cell.UNKNOWN) for z, y, x in positions.tolist()],
        data_voxel_sizes=voxel_size,
        network_voxel_sizes=cuboid_voxel,
        network_cuboid_voxels=cuboid,
        axis_order=("z", "y", "x"),
        output_axis_order=("z", "y", "x", "c"),
        target_output="index",
    )
    expected, index = dataset[list(range(len(dataset)))]
    assert len(index) > 10
    interior = index.numpy().astype(int)
    found = cuboids_at(signal, background, positions[interior], cuboid, cuboid_voxel)
    exact = expected.numpy().transpose(0, 4, 1, 2, 3)
    # white noise over all of uint16 is the worst case for weights that are float32
    assert np.abs(found - exact).max() <= 0.5 + 0.05
    difference = np.abs(found - np.rint(exact))
    assert difference.max() <= 1
    assert difference.mean() < 5e-3


@pytest.mark.slow
def test_candidates_that_cellfinder_drops_are_those_marked_as_padded(tmp_path):
    from brainglobe_utils.cells.cells import Cell
    from cellfinder.core.classify.cube_generator import CuboidArrayDataset

    volume, positions = _volume(), np.unique(np.rint(_positions(300)), axis=0)
    dataset = CuboidArrayDataset(
        signal_array=volume.data.compute(),
        background_array=None,
        points=[Cell((x, y, z), Cell.UNKNOWN) for z, y, x in positions.tolist()],
        data_voxel_sizes=VOXEL,
        network_voxel_sizes=CUBOID_VOXEL,
        network_cuboid_voxels=SHAPE,
    )
    store = extract_cuboids(volume, None, positions, SHAPE, CUBOID_VOXEL, tmp_path / "c.zarr")
    kept = dataset.points_arr[:, 4].numpy().astype(int)
    assert np.flatnonzero(~store.padded).tolist() == kept.tolist()
    assert 0 < len(kept) < len(positions)
