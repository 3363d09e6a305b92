"""Going through a volume: every plane once, every chunk decoded once, memory bounded."""

from collections import Counter

import dask.array as da
import numpy as np
import pytest

from cellsift.io import reading
from cellsift.io.reading import batches, reads, windows
from cellsift.io.volumes import Volume

DEPTH = 37
VOXELS = np.random.default_rng(0).integers(0, 60_000, (DEPTH, 4, 5), dtype=np.uint16)
CHUNKS = [1, 5, 16, 37]


@pytest.fixture(params=CHUNKS)
def counted(request) -> tuple[Volume, Counter]:
    """A volume in chunks of some planes, and how often each chunk was decoded."""
    decoded = Counter()

    def decode(block, block_info=None):
        if block_info:
            decoded[block_info[0]["chunk-location"][0]] += 1
        return block

    data = da.from_array(VOXELS, chunks=(request.param, 4, 5)).map_blocks(
        decode, dtype=VOXELS.dtype, meta=VOXELS[:0]
    )
    return Volume(data, (5, 2, 2), "made up"), decoded


@pytest.mark.parametrize(("first", "last"), [(0, DEPTH), (3, 30), (36, 37)])
def test_ranges_cover_the_planes_once_and_end_with_chunks(counted, first, last):
    ranges = list(reads(counted[0], first, last))
    assert [plane for a, b in ranges for plane in range(a, b)] == list(range(first, last))
    depth = counted[0].data.chunks[0][0]
    assert all(stop % depth == 0 or stop in (last, DEPTH) for _, stop in ranges)


@pytest.mark.parametrize("size", [1, 4, 50])
def test_batches_decode_every_chunk_once(counted, size):
    volume, decoded = counted
    made = list(batches(volume, 2, DEPTH, size))
    assert [z for z, _ in made] == list(range(2, DEPTH, size))
    assert all(len(planes) == size for _, planes in made[:-1])
    np.testing.assert_array_equal(np.concatenate([planes for _, planes in made]), VOXELS[2:])
    assert set(decoded.values()) == {1}


@pytest.mark.parametrize(("thickness", "halo"), [(1, 0), (3, 7), (10, 2), (50, 50)])
@pytest.mark.parametrize(("first", "last"), [(0, DEPTH), (8, 29)])
def test_windows_show_slab_and_halo_and_decode_every_chunk_once(
    counted, thickness, halo, first, last
):
    volume, decoded = counted
    slabs = []
    for start, stop, planes in windows(volume, first, last, thickness, halo):
        wanted = VOXELS[max(start - halo, 0) : stop + halo]
        np.testing.assert_array_equal(planes, wanted)
        slabs += range(start, stop)
    assert slabs == list(range(first, last))
    assert set(decoded.values()) == {1}


def test_chunks_too_large_for_memory_are_read_in_parts(counted, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_READ", 3 * VOXELS[0].nbytes)
    assert max(stop - start for start, stop in reads(counted[0], 0, DEPTH)) == 3
