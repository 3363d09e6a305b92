"""Detection keeps to the memory of its job, and finds the same candidates in little of it."""

import tracemalloc

import dask.array as da
import numpy as np
import pytest

from cellsift.detection import Resources, blocks, create_detector, detect, detect_slab
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

MEGABYTE = 10**6
# Of a halo of 8 planes.
WIDE = {"sigma_small": 2.8, "sigma_large": 7.2, "axial_blur": 3.0, "minimum_distance": 3.2}
PLENTY, LITTLE, TOO_LITTLE = 100 * MEGABYTE, 14 * MEGABYTE, 12.2 * MEGABYTE


@pytest.fixture(scope="module")
def volume() -> Volume:
    """120 planes of 80 kB, each a chunk."""
    rng = np.random.default_rng(0)
    voxels = rng.poisson(300, (120, 200, 200)).astype(np.uint16)
    voxels[10:110:8, 20::40, 20::40] += 4000
    chunked = da.from_array(voxels, chunks=(1, -1, -1))
    return Volume(chunked, (5.0, 2.0, 2.0), "made-up volume")


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(blocks, "TILE_VOXELS", 2**19)


def one_thread(memory_bytes: int | None = None) -> Resources:
    return Resources(threads=1, memory_bytes=memory_bytes)


def peak_of_detection(volume: Volume, memory_bytes: int) -> tuple[int, object]:
    tracemalloc.start()
    table = detect(volume, "dog", one_thread(memory_bytes), **WIDE)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak, table


def test_candidates_do_not_show_how_little_memory_there_was(volume, small_tiles):
    expected = detect(volume, "dog", one_thread(), **WIDE)
    assert len(expected) > 100
    peak, found = peak_of_detection(volume, PLENTY)
    assert found.equals(expected)
    assert peak > 1.2 * LITTLE
    plenty = blocks.planes_held(volume, 8, resources=one_thread(PLENTY))
    little = blocks.planes_held(volume, 8, resources=one_thread(LITTLE))
    assert 3 * 8 <= little < volume.shape[0] < plenty
    peak, found = peak_of_detection(volume, LITTLE)
    assert found.equals(expected)
    # The table of candidates comes on top.
    assert peak < 1.1 * LITTLE


def test_a_memory_without_room_for_a_slab_and_its_halo_is_refused(volume, small_tiles):
    resources = one_thread(TOO_LITTLE)
    with pytest.raises(InputError, match=r"made-up volume: detection takes at least .* \(mem_mb\)"):
        detect(volume, "dog", resources, **WIDE)
    # Of a slab of few planes fewer are held.
    assert blocks.planes_held(volume, 8, (0, 1), resources) > 0


@pytest.mark.slow
def test_cellfinder_refuses_a_memory_without_room_for_its_planes(volume):
    needed = create_detector("cellfinder").memory_for(volume)
    with pytest.raises(InputError, match=r"7 planes of 200 x 200 voxels.* \(mem_mb\)"):
        list(detect_slab(volume, "cellfinder", resources=one_thread(needed - 1)))
    assert "voxels" in next(detect_slab(volume, "cellfinder", resources=one_thread(needed)))


def test_what_the_refusal_asks_for_is_enough(volume, small_tiles):
    needed = blocks.memory_for(volume, 24, 8, resources=one_thread())
    assert blocks.planes_held(volume, 8, resources=one_thread(needed)) == 24
    with pytest.raises(InputError):
        blocks.planes_held(volume, 8, resources=one_thread(needed - 1))


def test_without_a_limit_a_slab_is_at_least_as_thick_as_its_halos():
    planes = da.zeros((3000, 20_000, 20_000), dtype=np.uint16, chunks=(1, -1, -1))
    large = Volume(planes, (2.0, 1.0, 1.0), "made-up volume")
    assert blocks.planes_held(large, 22) == 88


@pytest.mark.parametrize("halo", [(8, 18, 18), (2, 40, 3)])
def test_how_much_is_filtered_twice_is_counted_as_it_is_done(volume, halo, small_tiles):
    resources = one_thread(LITTLE)
    sizes = blocks.over_blocks(
        volume, halo, lambda block: block.intensity.size, resources=resources
    )
    assert blocks.filtered_for_one(volume, halo, resources) == pytest.approx(
        sum(sizes) / np.prod(volume.shape)
    )
