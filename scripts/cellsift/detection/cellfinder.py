"""The `cellfinder` detector: BrainGlobe cellfinder's own classes, run in this process.

`cellfinder.core.detect.detect.main` runs the same classes in processes of its own, which costs
10 to 15 s of start-up, cannot be called from a script that has no main guard, and asks SLURM's
accounting how many cores there are. Here its filters run in threads; the candidates are the same.

Structures may span any number of planes, so the filters alone run slab by slab. The voxels that
they mark are gathered, structures are found in them and split, and the contrast of the candidates
is measured slab by slab again.
Method: Tyson et al., PLoS Computational Biology 2021, doi 10.1371/journal.pcbi.1009074.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd

from cellsift.detection import dog
from cellsift.detection.blocks import refuse_beyond_limit
from cellsift.detection.parts import Part, Parts
from cellsift.detection.splitting import centres_of_split, marks_beside
from cellsift.detection.structures import Structure, find_structures
from cellsift.errors import InputError
from cellsift.io.cores import available_cores
from cellsift.io.reading import batches
from cellsift.io.volumes import Volume

# What filtering takes in bytes for a voxel of a plane, as measured: for each plane of the batch and
# of the ball, and for a ball of few voxels, which torch lays over a plane in copies of it.
HELD_BYTES, SMALL_BALL_BYTES, SMALL_BALL = 22, 108, 3


def slab_grid(parameters: dict) -> int:
    """Slabs begin where batches begin, as marks leak from batch to batch."""
    return int(parameters["batch_size"])


def detect_slab(volume: Volume, parameters: dict, first: int, last: int) -> Iterator[Part]:
    """The voxels that the filters mark in the batches from plane `first` to before plane `last`.

    Parts with `voxels` (n, 3), int32, z, y, x, sorted, in the order of z; exact for slabs that
    begin at multiples of `slab_grid`, for any size of batch and ball. The ball of a batch's last
    planes reaches into the next batch, which owns the marks of these planes.
    Raises InputError if the volume or the parameters leave the filters nothing to work on or the
    planes do not fit into the job's memory, and ValueError if `first` is no multiple of the grid.
    """
    settings = _settings(volume, parameters)
    if first % settings.batch_size:
        raise ValueError(f"slabs begin at multiples of {settings.batch_size}, not at {first}")
    refuse_beyond_limit(volume, memory_for(volume, parameters), _planes_held(settings))
    if first >= last:
        return
    keep_dark_tiles = parameters["keep_dark_tiles"]
    ball_filter = _ball_filter_at(volume, settings, keep_dark_tiles, first)
    for z, planes, masks in _filtered_planes(volume, settings, keep_dark_tiles, first, last):
        if not _walk(ball_filter, planes, masks):
            continue
        marked = ball_filter.get_processed_planes() == settings.soma_centre_value
        voxels = np.argwhere(marked).astype(np.int32)
        held_from = z + len(planes) - len(ball_filter.volume)
        voxels[:, 0] += held_from + ball_filter.first_valid_plane
        yield {"voxels": voxels}


def memory_for(volume: Volume, parameters: dict) -> int:
    """Bytes that `detect_slab` takes, however many planes the slab has."""
    settings = _settings(volume, parameters)
    held = HELD_BYTES * _planes_held(settings)
    ball = SMALL_BALL_BYTES if settings.ball_xy_size <= SMALL_BALL else 0
    return (held + ball) * volume.shape[1] * volume.shape[2]


def _planes_held(settings) -> int:
    return settings.batch_size + settings.ball_z_size


def find_centres(volume: Volume, parameters: dict, parts: Parts) -> np.ndarray:
    """Centres (n, 3) of somata in voxels z, y, x, sorted, of the marked voxels of all slabs.

    Centres of the structures, or of the somata that a large one splits into, by the rule of
    cellfinder's `VolumeFilter.get_results`. Only the volume's shape, type and voxel size count.
    Memory: the marked voxels of one batch, the structures open there, each with fewer voxels than
    `max_cluster_size`, and at most `most_candidates` centres. Time: as in `structures`, and for
    every structure that is split as much as the splitting takes.
    Raises InputError as soon as there are more centres than `most_candidates`.
    """
    settings = _settings(volume, parameters)
    splitting, beside = _splitting_settings(settings, parameters), marks_beside(settings)
    blocks = (part["voxels"] for part in parts)
    structures = find_structures(blocks, volume.shape[1:], settings.max_cluster_size)
    most = int(parameters["most_candidates"])
    centres, held = [np.empty((0, 3))], 0
    for structure in structures:
        centres.append(_centres(structure, splitting, beside))
        held += len(centres[-1])
        if held > most:
            raise InputError(
                f"{volume.source}: cellfinder finds more than {most:,} candidates; raise "
                "n_sds_above_mean_thresh, or most_candidates if there are so many cells"
            )
    centres = np.concatenate(centres)
    return centres[np.lexsort(centres.T[::-1])]


def contrast_slab(
    volume: Volume, parameters: dict, centres: np.ndarray, first: int, last: int
) -> Iterator[Part]:
    """What `gather` needs for the contrast of those `centres` (n, 3) that lie in these planes.

    The contrast is that of the dog detector at the centre's voxel, for the same soma.
    """
    return dog.contrast_parts(volume, parameters["soma_diameter"], centres, first, last)


def gather(parts: Parts, parameters: dict) -> pd.DataFrame:
    """Candidates z, y, x (voxels) and contrast, sorted by z, y, x, of `contrast_slab`'s parts.

    Memory: the candidates, of which `find_centres` lets no more than `most_candidates` through.
    Time: linear in them.
    """
    return dog.contrasts(parts)


def _settings(volume: Volume, parameters: dict):
    from cellfinder.core.detect.filters.setup_filters import DetectionSettings

    settings = DetectionSettings(
        plane_original_np_dtype=volume.dtype.type,
        plane_shape=volume.shape[1:],
        start_plane=0,
        end_plane=volume.shape[0],
        voxel_sizes=tuple(map(float, volume.voxel_size)),
        soma_diameter_um=parameters["soma_diameter"],
        soma_spread_factor=parameters["soma_spread_factor"],
        max_cluster_size_um3=parameters["max_cluster_size"],
        ball_xy_size_um=parameters["ball_xy_size"],
        ball_z_size_um=parameters["ball_z_size"],
        ball_overlap_fraction=parameters["ball_overlap_fraction"],
        log_sigma_size=parameters["log_sigma_size"],
        n_sds_above_mean_thresh=parameters["n_sds_above_mean_thresh"],
        n_sds_above_mean_tiled_thresh=parameters["n_sds_above_mean_tiled_thresh"],
        tiled_thresh_tile_size=parameters["tiled_thresh_tile_size"],
        batch_size=int(parameters["batch_size"]),
        n_splitting_iter=int(parameters["n_splitting_iter"]),
        torch_device="cpu",
    )
    _check_sizes(volume, settings, parameters)
    return settings


def _check_sizes(volume: Volume, settings, parameters: dict) -> None:
    """Refuse what cellfinder would answer with no candidates, without saying why."""
    z, y, x = volume.voxel_size
    in_plane, ball = (y + x) / 2, parameters["ball_z_size"]
    for name in ("soma_diameter", "ball_xy_size", "split_ball_xy_size"):
        if round(parameters[name] / in_plane) < 1:
            raise InputError(
                f"{volume.source}: {name} {parameters[name]:g} µm is less than half a voxel of "
                f"{in_plane:g} µm; give a larger {name}"
            )
    for name in ("ball_z_size", "split_ball_z_size"):
        if round(parameters[name] / z) < 1:
            raise InputError(
                f"{volume.source}: {name} {parameters[name]:g} µm is less than half a plane of "
                f"{z:g} µm; give a larger {name}"
            )
    if volume.shape[0] < settings.ball_z_size:
        raise InputError(
            f"{volume.source}: {volume.shape[0]} planes, but a ball_z_size of {ball:g} µm needs "
            f"{settings.ball_z_size}; give more planes or a smaller ball_z_size"
        )
    # A plane smaller than a tile counts as outside the brain.
    tile = 0 if parameters["keep_dark_tiles"] else 2 * settings.soma_diameter
    side = max(settings.ball_xy_size, tile)
    if min(volume.shape[1:]) < side:
        raise InputError(
            f"{volume.source}: planes of {volume.shape[1]} x {volume.shape[2]} voxels, but the "
            f"filters need {side} x {side}; give larger planes or a smaller soma_diameter"
        )


def _splitting_settings(settings, parameters: dict):
    return replace(
        settings,
        ball_xy_size_um=parameters["split_ball_xy_size"],
        ball_z_size_um=parameters["split_ball_z_size"],
        ball_overlap_fraction=parameters["split_ball_overlap_fraction"],
        plane_original_np_dtype=np.float32,
    )


def _ball_filter_at(volume: Volume, settings, keep_dark_tiles: bool, first: int):
    """The ball filter as it is in the undivided run when that comes to plane `first`.

    A mark counts as a bright voxel in the next batch, whose marks count in the one after it, and so
    on. Hence two filters start some batches before: in the planes whose marks they cannot know, one
    takes no voxel for marked and the other takes all. More marks lead to more marks, never to
    fewer, so the truth lies between the two; where they agree it is known. With batches of at
    least `2 * (ball planes // 2)` planes they agree at once; otherwise the start moves back until
    they do, in the end to the first plane of the volume.
    """
    middle = settings.ball_z_size // 2
    unsure = settings.ball_z_size - 1 + 2 * middle
    halo = -(-unsure // settings.batch_size) * settings.batch_size
    while True:
        start = max(first - halo, 0)
        fewest, most = _new_ball_filter(settings), _new_ball_filter(settings)
        for z, planes, masks in _filtered_planes(volume, settings, keep_dark_tiles, start, first):
            _walk(fewest, planes, masks)
            if start:
                planes[: max(start + middle - z, 0)] = settings.soma_centre_value
                _walk(most, planes, masks)
        if start == 0 or _same_to_come(fewest, most):
            return fewest
        halo *= 2


def _new_ball_filter(settings):
    from cellfinder.core.detect.filters.volume.volume_filter import VolumeFilter

    return VolumeFilter(settings=settings).ball_filter


def _same_to_come(one, other) -> bool:
    """Whether two ball filters hold the same bright voxels where the next batch can see them."""
    forgotten = len(one.volume) - one.kernel_z_size + 1
    bright = [each.volume[forgotten:] >= each.THRESHOLD_VALUE for each in (one, other)]
    return bright[0].equal(bright[1])


def _walk(ball_filter, planes, masks) -> bool:
    """Filter a batch; False if the ball does not yet fit into the planes so far."""
    import torch

    with torch.inference_mode():
        ball_filter.append(planes, masks)
        if ball_filter.ready:
            ball_filter.walk()
    return ball_filter.ready


def _filtered_planes(
    volume: Volume, settings, keep_dark_tiles: bool, first: int, last: int
) -> Iterator[tuple]:
    """Batches from plane `first` to before plane `last`, after the filter in the plane.

    Of each the number of its first plane, its planes, and the masks of tiles in the brain.
    """
    import torch
    from cellfinder.core.detect.filters.plane import TileProcessor

    processor = TileProcessor(
        plane_shape=settings.plane_shape,
        clipping_value=settings.clipping_value,
        threshold_value=settings.threshold_value,
        n_sds_above_mean_thresh=settings.n_sds_above_mean_thresh,
        n_sds_above_mean_tiled_thresh=settings.n_sds_above_mean_tiled_thresh,
        tiled_thresh_tile_size=settings.tiled_thresh_tile_size,
        log_sigma_size=settings.log_sigma_size,
        soma_diameter=settings.soma_diameter,
        torch_device="cpu",
        dtype=settings.filtering_dtype.__name__,
        use_scipy=True,
    )

    def filtered(plane: np.ndarray):
        # The inference mode is each thread's own.
        with torch.inference_mode():
            return processor.get_tile_mask(torch.from_numpy(plane[np.newaxis]))

    with ThreadPoolExecutor(max_workers=available_cores()) as pool:
        for z, planes in batches(volume, first, last, settings.batch_size):
            converted = settings.filter_data_converter_func(planes)
            planes, masks = map(torch.cat, zip(*pool.map(filtered, converted), strict=True))
            yield z, planes, torch.ones_like(masks) if keep_dark_tiles else masks


def _centres(structure: Structure, splitting, beside: np.ndarray) -> np.ndarray:
    """Centres (n, 3) in voxels z, y, x of a structure, or of the somata it splits into.

    `beside` (3,) is how far in voxels the marks lie beside the middle of the ball.
    """
    import torch

    if not splitting.max_cell_volume <= structure.count < splitting.max_cluster_size:
        return np.round(structure.mean - beside)[np.newaxis]
    # Threads would cost more than they bring on so few voxels, ten times as much on busy cores.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return centres_of_split(structure, splitting, beside)
    finally:
        torch.set_num_threads(threads)
