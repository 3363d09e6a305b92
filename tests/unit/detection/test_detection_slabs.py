"""Detection scattered over slabs of planes: the same candidates, to the voxel and the bit."""

import tracemalloc

import dask.array as da
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from cellsift.detection import (
    contrast_slab,
    create_detector,
    detect,
    detect_slab,
    find_centres,
    gather,
    measures_contrast_apart,
)
from cellsift.detection.blocks import Block, planes_of_slab
from cellsift.detection.contrast import measured_blocks
from cellsift.detection.parts import StoredParts, write_parts
from cellsift.detection.structures import find_structures
from cellsift.errors import InputError
from cellsift.io.volumes import Volume, open_volume
from cellsift.project.reading import load_project

VOXEL_SIZE = (5.0, 2.0, 2.0)
SLABS = [2, 3, 7]
# Thresholds so low that marks leak between batches and structures span slabs.
SENSITIVE = {"n_sds_above_mean_thresh": 0.5, "ball_overlap_fraction": 0.45}
DETECTORS = {
    "dog": ("dog", {"minimum_contrast": 0}),
    "cellfinder": ("cellfinder", SENSITIVE),
    "batch as high as the ball": ("cellfinder", SENSITIVE | {"ball_z_size": 20.0}),
    "batch lower than the ball": ("cellfinder", SENSITIVE | {"ball_z_size": 35.0}),
    "batch of one plane": ("cellfinder", SENSITIVE | {"batch_size": 1}),
}


@pytest.fixture(scope="module")
def brain() -> Volume:
    """Somata that touch, a vessel through all planes, and noise, around a dark first corner."""
    rng = np.random.default_rng(3)
    voxels = np.zeros((30, 80, 90))
    centres = rng.integers([1, 20, 20], [29, 75, 85], (60, 3))
    for z, y, x in np.concatenate([centres, np.minimum(centres + [0, 4, 2], [29, 79, 89])]):
        voxels[z, y, x] = rng.uniform(0.5, 1.5)
    for z in range(30):
        voxels[z, 50 + z // 4, 40 : 44 + z // 3] = 0.4
    voxels = gaussian_filter(voxels, (0.8, 2.0, 2.0))
    voxels = 300 + 2000 * voxels / voxels.max() + rng.normal(0, 15, voxels.shape)
    voxels[:, :34, :34] = rng.normal(100, 5, (30, 34, 34))
    return Volume(
        da.from_array(voxels.clip(0, 65535).astype(np.uint16)), VOXEL_SIZE, "made-up volume"
    )


def by_slabs(volume, method, slabs, folder, **parameters):
    """The candidates, by way of files as in the workflow."""

    def stored(step, parts_of_slab):
        paths = [folder / f"{step}-{slab}.npz" for slab in range(slabs)]
        # Jobs end in any order.
        for slab in reversed(range(slabs)):
            write_parts(parts_of_slab(slab), paths[slab])
        return StoredParts(paths)

    parts = stored("detect", lambda slab: detect_slab(volume, method, slab, slabs, **parameters))
    if measures_contrast_apart(method):
        centres = find_centres(volume, method, parts, **parameters)
        parts = stored(
            "contrast",
            lambda slab: contrast_slab(volume, method, centres, slab, slabs, **parameters),
        )
    return gather(parts, method, **parameters)


@pytest.fixture(scope="module")
def undivided(brain):
    tables = {}

    def table(detector):
        if detector not in tables:
            method, parameters = DETECTORS[detector]
            tables[detector] = detect(brain, method, **parameters)
        return tables[detector]

    return table


@pytest.mark.parametrize("slabs", [1, *SLABS, 40])
@pytest.mark.parametrize(
    "detector",
    ["dog", *(pytest.param(name, marks=pytest.mark.slow) for name in DETECTORS if name != "dog")],
)
def test_any_number_of_slabs_gives_the_same_candidates(brain, undivided, detector, slabs, tmp_path):
    method, parameters = DETECTORS[detector]
    expected = undivided(detector)
    assert len(expected) > 20
    found = by_slabs(brain, method, slabs, tmp_path, **parameters)
    assert found.equals(expected)


@pytest.mark.slow
@pytest.mark.parametrize("slabs", [2, 6])
def test_marks_that_leak_through_many_batches_are_the_same(slabs):
    """A small share of the ball is enough here: marks lead to marks, far beyond any fixed halo."""
    voxels = np.random.default_rng(0).normal(500, 2, (36, 50, 50)).astype(np.uint16)
    voxels[3:7, 18:32, 18:32] = 4000
    volume = Volume(da.from_array(voxels), VOXEL_SIZE, "made-up volume")
    parameters = {"n_sds_above_mean_thresh": 3.0, "ball_overlap_fraction": 0.2, "batch_size": 1}
    parameters |= {"ball_z_size": 35.0, "keep_dark_tiles": True}

    def marked(slabs):
        cut = [
            detect_slab(volume, "cellfinder", slab, slabs, **parameters) for slab in range(slabs)
        ]
        return np.concatenate([part["voxels"] for parts in cut for part in parts])

    undivided = marked(1)
    assert undivided[:, 0].max() >= 30
    np.testing.assert_array_equal(marked(slabs), undivided)


@pytest.mark.slow
def test_a_structure_of_the_brain_spans_every_slab_border(brain):
    """Or the test above would show nothing about structures."""
    parts = detect_slab(brain, "cellfinder", **SENSITIVE)
    voxels = np.concatenate([part["voxels"] for part in parts])
    structures = find_structures([voxels], brain.shape[1:], 10**9)
    longest = max((np.unique(one.voxels[:, 0]) for one in structures), key=len)
    assert longest[-1] - longest[0] >= 20


@pytest.mark.slow
@pytest.mark.parametrize("slabs", SLABS)
@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("dog", {}),
        ("cellfinder", {"n_sds_above_mean_thresh": 1.0}),
        ("cellfinder", {"n_sds_above_mean_thresh": 1.0, "ball_z_size": 30.0}),
    ],
)
def test_slabs_of_the_cortex_give_the_same_candidates(
    shared_data, method, parameters, slabs, tmp_path
):
    volume = open_volume(shared_data / "cortex_two_channel" / "signal", VOXEL_SIZE)
    expected = detect(volume, method, **parameters)
    assert len(expected) > 100
    assert by_slabs(volume, method, slabs, tmp_path, **parameters).equals(expected)


@pytest.mark.slow
@pytest.mark.parametrize("slabs", [1, *SLABS])
@pytest.mark.parametrize(
    ("method", "parameters"),
    [("dog", {"soma_diameter": 14}), ("cellfinder", {"n_sds_above_mean_thresh": 3.0})],
)
def test_slabs_of_a_phantom_give_the_same_candidates(
    small_brains, method, parameters, slabs, tmp_path
):
    volume = open_volume(small_brains / "mouse_3" / "signal", VOXEL_SIZE)
    expected = detect(volume, method, **parameters)
    assert len(expected) > 20
    assert by_slabs(volume, method, slabs, tmp_path, **parameters).equals(expected)


def by_cellfinder(mask: np.ndarray) -> set[frozenset]:
    """The structures of a mask by cellfinder's own class, as sets of positions z, y, x."""
    from cellfinder.core.detect.filters.volume.structure_detection import CellDetector

    highest = np.iinfo(np.uint64).max
    detector = CellDetector(*mask.shape[1:], start_z=0, soma_centre_value=highest)
    previous = None
    for plane in mask:
        previous = detector.process(plane * highest, previous)
    return {
        frozenset(map(tuple, points[:, ::-1].tolist()))
        for points in detector.get_structures().values()
    }


def blocks_of(mask: np.ndarray, planes: int) -> list[np.ndarray]:
    blocks = [np.argwhere(mask[z : z + planes]) for z in range(0, len(mask), planes)]
    return [block + [number * planes, 0, 0] for number, block in enumerate(blocks)]


@pytest.mark.slow
@pytest.mark.parametrize("density", [0.05, 0.3, 0.5])
@pytest.mark.parametrize("planes", [1, 3, 20])
def test_structures_are_those_of_cellfinder(density, planes):
    rng = np.random.default_rng(int(100 * density))
    mask = (rng.random((20, 13, 17)) < density).astype(np.uint64)
    mask[[4, 9, 10, 11]] = 0
    found = list(find_structures(blocks_of(mask, planes), mask.shape[1:], 10**9))
    assert {frozenset(map(tuple, one.voxels.tolist())) for one in found} == by_cellfinder(mask)
    assert sum(one.count for one in found) == mask.sum()


@pytest.mark.slow
def test_centres_are_rounded_as_cellfinder_does():
    from cellfinder.core.detect.filters.volume.structure_detection import get_structure_centre

    rng = np.random.default_rng(0)
    mask = rng.random((9, 14, 15)) < 0.25
    mask[3, 2:4, 5:7] = True
    whole = find_structures([np.argwhere(mask)], (14, 15), 999)
    expected = [get_structure_centre(one.voxels).tolist() for one in whole]
    # Those that are not kept are as exact, whichever way they grew.
    grown = list(find_structures(blocks_of(mask, 1), (14, 15), 1))
    assert all(one.pieces is None for one in grown)
    assert sorted(np.round(one.mean).tolist() for one in grown) == sorted(expected)


def test_a_structure_is_given_back_as_soon_as_a_plane_is_without_it():
    """A column through all planes, and one voxel in each plane beside it."""
    given, taken = [], []

    def blocks():
        for z in range(50):
            given.append(z)
            yield np.array([[z, 1, 1], [z, 5, 3 + 2 * (z % 2)]])

    for structure in find_structures(blocks(), (8, 8), 100):
        taken.append(structure.count)
        assert len(given) <= len(taken) + 1 or structure.count == 50
    assert sorted(taken) == [1] * 50 + [50]


def test_memory_does_not_grow_with_the_number_of_planes():
    """Neither by many small structures nor by one that spans all planes."""

    def blocks(depth):
        rng = np.random.default_rng(0)
        for z in range(depth):
            plane = rng.random((60, 60)) < 0.1
            plane[30:55, 30:55] = True
            yield np.argwhere(plane[np.newaxis]) + [z, 0, 0]

    def peak(depth):
        tracemalloc.start()
        closed = sum(1 for _ in find_structures(blocks(depth), (60, 60), 2000))
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert closed > 50 * depth
        return highest

    assert peak(40) < 1.3 * peak(10)


@pytest.mark.slow
def test_finding_structures_reads_no_voxel(brain):
    parts = list(detect_slab(brain, "cellfinder", **SENSITIVE))
    unread = Volume(
        brain.data.map_blocks(lambda block: 1 / 0, dtype=np.uint16, meta=np.empty((0, 0, 0))),
        VOXEL_SIZE,
        "not to be read",
    )
    centres = find_centres(unread, "cellfinder", parts, **SENSITIVE)
    assert len(centres) > 20


@pytest.mark.slow
def test_a_slab_reads_no_more_than_its_halo(brain):
    read = []

    class Noting(Volume):
        def planes(self, start, stop):
            read.append((start, stop))
            return super().planes(start, stop)

    volume = Noting(brain.data, brain.voxel_size, brain.source)
    list(detect_slab(volume, "cellfinder", 1, 3, **SENSITIVE))
    assert (min(start for start, _ in read), max(stop for _, stop in read)) == (4, 20)


@pytest.mark.parametrize("grid", [1, 4])
@pytest.mark.parametrize("slabs", [1, 3, 50])
def test_slabs_cover_every_plane_once_and_begin_on_the_grid(grid, slabs):
    borders = [planes_of_slab(30, slab, slabs, grid) for slab in range(slabs)]
    assert [z for first, last in borders for z in range(first, last)] == list(range(30))
    assert all(first % grid == 0 for first, last in borders if first < last)


def test_a_slab_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="no slab 3 of 3"):
        planes_of_slab(30, 3, 3)


def test_contrast_is_sought_among_the_centres_in_a_blocks_planes_alone(monkeypatch):
    """Or the time for a brain would grow with its blocks times its centres."""
    volume = Volume(da.zeros((30, 80, 90), dtype=np.uint16), VOXEL_SIZE, "a volume without maxima")
    scale = create_detector("dog").scale(volume.voxel_size)
    centres = np.random.default_rng(0).uniform(0, np.array(volume.shape) - 1, (3000, 3))
    looked_at, in_core = [], Block.in_core

    def counting(block, positions):
        looked_at.append(len(positions))
        return in_core(block, positions)

    monkeypatch.setattr(Block, "in_core", counting)
    blocks = list(measured_blocks(volume, scale, centres, slab_planes=2, tile_side=64))
    tiles = 4
    assert len(blocks) == 15 * tiles
    assert sum(looked_at) == tiles * len(centres)
    rows = np.concatenate([rows for _, rows, _ in blocks])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(centres)))


def test_parts_are_stored_whole_or_not_at_all(tmp_path):
    def failing():
        yield {"voxels": np.zeros((5, 3))}
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        write_parts(failing(), tmp_path / "parts.npz")
    assert not list(tmp_path.iterdir())
    write_parts([], tmp_path / "empty.npz")
    assert not list(StoredParts([tmp_path / "empty.npz"]))


def test_the_number_of_jobs_can_differ_between_brains(tmp_path):
    (tmp_path / "brains.tsv").write_text(
        "brain\trole\tsignal\tbackground\tvoxel_z\tvoxel_y\tvoxel_x\tcells\tnon_cells\n"
        "a\ttrain\ta\t\t5\t2\t2\ta.csv\t\nb\tpredict\tb\t\t5\t2\t2\t\t\n"
    )
    config = {"arms": ["resnet"], "brains_table": "brains.tsv"}

    def jobs(**changes):
        brains = load_project(config | changes, tmp_path).brains
        return [brain.settings["jobs_per_brain"] for brain in brains.values()]

    assert jobs() == [{"detection": 1, "cuboids": 1}] * 2
    own = {"b": {"jobs_per_brain": {"cuboids": 5}}}
    assert jobs(jobs_per_brain={"detection": 3}, brains=own) == [
        {"detection": 3, "cuboids": 1},
        {"detection": 3, "cuboids": 5},
    ]
    for wrong in (0, 2.5, "many"):
        with pytest.raises(InputError, match="jobs_per_brain"):
            jobs(jobs_per_brain={"detection": wrong})
