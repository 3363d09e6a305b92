"""A brain cut into chunks, and in little memory, has the same cuboids, statistics and files."""

import tracemalloc

import dask.array as da
import numpy as np
import pytest

from cellsift.cuboids.chunks import rows_of_chunk
from cellsift.cuboids.extraction import cuboids_at, extract_cuboids
from cellsift.cuboids.passes import plan_passes
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

VOXEL = (5.0, 2.0, 2.0)
VOLUME = (60, 40, 44)
SHAPE, CUBOID_VOXEL = (6, 10, 10), (5.0, 1.0, 1.0)


class Watched(Volume):
    """A volume that counts how often each plane is read."""

    def planes(self, start, stop):
        times_read[start:stop] += 1
        return super().planes(start, stop)


times_read = np.zeros(VOLUME[0], int)


def make_volume(seed: int, shape=VOLUME, kind=Volume) -> Volume:
    # Brighter with z, so that the chunks' own statistics differ.
    voxels = (
        np.random.default_rng(seed).gamma(2.0, 100.0, shape)
        + 20 * np.arange(shape[0])[:, None, None]
    )
    lazy = da.from_array(voxels.astype(np.uint16), chunks=(1, -1, -1))
    return kind(lazy, VOXEL, f"volume {seed}")


def sorted_positions(count: int, shape=VOLUME, seed=1) -> np.ndarray:
    positions = np.random.default_rng(seed).uniform(0, 1, (count, 3)) * (np.array(shape) - 1)
    positions[:, 0] = np.rint(positions[:, 0])
    return positions[np.lexsort(positions.T[::-1])]


def write_chunks(folder, positions, chunks: int) -> list:
    paths = []
    for chunk in range(1, chunks + 1):
        rows = rows_of_chunk(len(positions), chunk, chunks)
        paths.append(folder / f"{chunk}-of-{chunks}.zarr")
        extract_cuboids(
            make_volume(0), make_volume(1), positions[rows], SHAPE, CUBOID_VOXEL, paths[-1]
        )
    return paths


@pytest.mark.parametrize("multiple", [1, 32])
@pytest.mark.parametrize("chunks", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 31, 70, 64_000, 64_001])
def test_chunks_hold_every_row_once_in_order_and_are_nearly_equal(count, chunks, multiple):
    parts = [rows_of_chunk(count, chunk, chunks, multiple) for chunk in range(1, chunks + 1)]
    assert [row for part in parts for row in range(count)[part]] == list(range(count))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) - min(sizes) <= (1 if multiple == 1 else 2 * multiple)
    assert all(part.start % multiple == 0 for part in parts if part.stop > part.start)


@pytest.mark.parametrize("chunk", [0, 4])
def test_a_chunk_that_is_not_there_is_refused(chunk):
    with pytest.raises(InputError, match="of 3"):
        rows_of_chunk(10, chunk, 3)


@pytest.mark.parametrize("chunks", [1, 2, 3, 7])
def test_chunks_opened_together_are_the_undivided_brain(tmp_path, chunks):
    positions = sorted_positions(50)
    whole = cuboids_at(make_volume(0), make_volume(1), positions, SHAPE, CUBOID_VOXEL)
    (alone,) = write_chunks(tmp_path, positions, 1)
    alone = CuboidStore.open(alone)
    store = CuboidStore.open(write_chunks(tmp_path, positions, chunks))
    assert (len(store), store.channels, store.shape) == (50, 2, SHAPE)
    np.testing.assert_array_equal(store.positions, positions)
    np.testing.assert_array_equal(store.padded, alone.padded)
    assert 0 < store.padded.sum() < 50
    assert (store.log_median, store.log_spread) == (alone.log_median, alone.log_spread)
    asked = np.random.default_rng(0).integers(0, 50, 80)
    np.testing.assert_array_equal(store.read(asked), whole[asked])


def test_statistics_are_the_brains_and_not_a_chunks(tmp_path):
    paths = write_chunks(tmp_path, sorted_positions(50), 2)
    medians = {CuboidStore.open(chosen).log_median for chosen in (paths[0], paths[1], paths)}
    assert len(medians) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_more_chunks_than_candidates(tmp_path, count):
    store = CuboidStore.open(write_chunks(tmp_path, sorted_positions(count), 3))
    assert len(store) == len(store.positions) == count
    assert store.read(range(count)).shape == (count, 2, *SHAPE)
    assert all(np.isfinite([*store.log_median, *store.log_spread]))


def test_chunks_out_of_order_or_twice_or_of_another_kind_are_refused(tmp_path):
    first, second = write_chunks(tmp_path, sorted_positions(50), 2)
    for wrong in ([second, first], [first, first]):
        with pytest.raises(InputError, match="do not follow"):
            CuboidStore.open(wrong)
    other = tmp_path / "other.zarr"
    extract_cuboids(make_volume(0), None, [[59, 20, 20]], SHAPE, CUBOID_VOXEL, other)
    with pytest.raises(InputError, match="other.zarr: has cuboids of"):
        CuboidStore.open([first, other])
    with pytest.raises(InputError, match="no cuboid store"):
        CuboidStore.open([first, tmp_path / "2-of-3.zarr"])
    with pytest.raises(InputError, match="no cuboid store"):
        CuboidStore.open([])


@pytest.mark.parametrize("capacity", [1, 3, 20, 1000])
def test_no_more_candidates_wait_than_there_is_room_for(capacity):
    starts, depth = np.random.default_rng(2).integers(-5, 40, 300), 6
    passes = plan_passes(starts, depth, capacity)
    everyone = np.concatenate([group for groups in passes for group in groups])
    assert sorted(everyone) == list(range(300))
    for groups in passes:
        first = [starts[group[0]] for group in groups]
        assert first == sorted(set(first))
        assert all(
            (starts[group] == start).all() for group, start in zip(groups, first, strict=True)
        )
        members = np.concatenate(groups)
        waiting = [((starts[members] <= z) & (z < starts[members] + depth)).sum() for z in first]
        assert max(waiting) <= capacity
    densest = max(((starts <= z) & (z < starts + depth)).sum() for z in range(-5, 40))
    assert (len(passes) == 1) == (densest <= capacity)


def test_each_plane_is_read_once_in_a_pass_and_again_only_where_candidates_are_dense():
    volume, dense = make_volume(0, kind=Watched), np.full((400, 3), (30.0, 20.0, 20.0))
    positions = np.concatenate([sorted_positions(60), dense])
    expected = cuboids_at(volume, None, positions, SHAPE, CUBOID_VOXEL)
    times_read[:] = 0
    cuboids_at(volume, None, positions, SHAPE, CUBOID_VOXEL)
    assert times_read.max() == 1
    times_read[:] = 0
    found = cuboids_at(volume, None, positions, SHAPE, CUBOID_VOXEL, memory_bytes=150_000)
    np.testing.assert_array_equal(found, expected)
    assert times_read[27:33].min() > 1
    assert times_read[:20].max() == 1


def test_a_plane_full_of_candidates_does_not_fill_the_memory(tmp_path):
    """All on one plane: their parts together are five times the memory allowed."""
    memory, count, shape = 4_000_000, 600, (10, 40, 40)
    volume = make_volume(0, shape=(12, 60, 70))
    positions = np.random.default_rng(0).uniform(10, 50, (count, 3))
    positions[:, 0] = 6
    assert count * 2 * np.prod(shape) > 4 * memory
    path = tmp_path / "dense.zarr"
    extract_cuboids(volume, None, positions[:5], shape, VOXEL, tmp_path / "warm.zarr")
    tracemalloc.start()
    extract_cuboids(volume, None, positions, shape, VOXEL, path, memory_bytes=memory)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Counting the intensities of 32 cuboids comes on top, whatever the brain's size.
    assert peak < memory + 6_000_000 < count * 2 * np.prod(shape)
    expected = cuboids_at(volume, None, positions[-5:], shape, VOXEL)
    np.testing.assert_array_equal(CuboidStore.open(path).read(range(count - 5, count)), expected)


def test_what_is_written_is_not_held_any_more(tmp_path):
    """Spread over all planes: their parts together are nine times the memory allowed."""
    memory, count, shape = 4_000_000, 1200, (10, 40, 40)
    volume = make_volume(0, shape=(200, 60, 70))
    positions = np.random.default_rng(0).uniform(10, 50, (count, 3))
    positions[:, 0] = np.linspace(5, 195, count)
    extract_cuboids(volume, None, positions[:5], shape, VOXEL, tmp_path / "warm.zarr")
    tracemalloc.start()
    path = tmp_path / "all.zarr"
    extract_cuboids(volume, None, positions, shape, VOXEL, path, memory_bytes=memory)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < memory + 6_000_000 < count * 2 * np.prod(shape) / 3


def test_memory_that_does_not_hold_a_plane_is_refused_with_what_it_takes(tmp_path):
    with pytest.raises(InputError, match=r"at least 0\.0\d+ MB for a plane of 40 x 44.*mem_mb"):
        extract_cuboids(
            make_volume(0), None, [[5, 5, 5]], SHAPE, VOXEL, tmp_path / "c.zarr", memory_bytes=4000
        )
    assert list(tmp_path.iterdir()) == []
