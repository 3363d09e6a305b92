"""The `cellfinder` detector: BrainGlobe cellfinder's own classes, run in this process.

`cellfinder.core.detect.detect.main` runs the same classes in processes of its own, which costs
10 to 15 s of start-up, cannot be called from a script that has no main guard, and asks SLURM's
accounting how many cores there are. Here its filters run in threads; the candidates are the same.
Method: Tyson et al., PLoS Computational Biology 2021, doi 10.1371/journal.pcbi.1009074.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd

from cellsift.detection import dog
from cellsift.detection.blocks import available_cores
from cellsift.detection.parameters import Parameter
from cellsift.errors import InputError
from cellsift.io.volumes import Volume

PARAMETERS = {
    "soma_diameter": Parameter(16.0, "diameter of a typical soma in the plane, µm", exclusive=True),
    "log_sigma_size": Parameter(
        0.2, "width of the Gaussian of the filter in the plane, in soma diameters", exclusive=True
    ),
    "n_sds_above_mean_thresh": Parameter(
        10.0, "a voxel counts as bright this many standard deviations above its filtered plane"
    ),
    "tiled_thresh_tile_size": Parameter(
        None,
        "side of the tiles of a second, local threshold, in soma diameters; empty: none",
        exclusive=True,
        optional=True,
    ),
    "n_sds_above_mean_tiled_thresh": Parameter(
        10.0, "the local threshold, in standard deviations above the tile's mean"
    ),
    "ball_xy_size": Parameter(6.0, "diameter of the ball filter in the plane, µm", exclusive=True),
    "ball_z_size": Parameter(15.0, "diameter of the ball filter along z, µm", exclusive=True),
    "ball_overlap_fraction": Parameter(
        0.6, "share of the ball that bright voxels must fill for its centre to stay"
    ),
    "soma_spread_factor": Parameter(
        1.4,
        "structures above the volume of a soma this many times as wide are split",
        exclusive=True,
    ),
    "max_cluster_size": Parameter(
        100_000.0,
        "structures above this volume, µm³, are not split but count as one",
        exclusive=True,
    ),
    "split_ball_xy_size": Parameter(
        6.0, "diameter in the plane of the ball that splits, µm", exclusive=True
    ),
    "split_ball_z_size": Parameter(
        15.0, "diameter along z of the ball that splits, µm", exclusive=True
    ),
    "split_ball_overlap_fraction": Parameter(
        0.8, "share of the splitting ball that bright voxels must fill"
    ),
    "n_splitting_iter": Parameter(
        10, "a structure is eroded at most this many times to split it", minimum=1, integer=True
    ),
    "batch_size": Parameter(
        4,
        "planes filtered together; marks leak from one batch to the next, so the candidates depend "
        "on it and it is pinned to cellfinder's own default on a CPU",
        minimum=1,
        integer=True,
    ),
    "keep_dark_tiles": Parameter(
        False,
        "cellfinder drops what lies in tiles of a plane no brighter than its first corner, taken "
        "for outside the brain; true keeps them: for volumes that are tissue up to the corner",
    ),
}


def detect(volume: Volume, parameters: dict) -> pd.DataFrame:
    """Candidates z, y, x (voxels) and contrast, sorted by z, y, x, for complete parameters.

    `contrast` is that of the dog detector at the candidate's voxel, for the same soma.
    Raises InputError if the volume or the parameters leave the filters nothing to work on.
    """
    settings = _settings(volume, parameters)
    structures = _structures(volume, settings, parameters["keep_dark_tiles"])
    centres = _centres(structures, _splitting_settings(settings, parameters))
    centres = centres[np.lexsort(centres.T[::-1])]
    table = pd.DataFrame(centres, columns=["z", "y", "x"])
    table["contrast"] = dog.contrast_at(volume, centres, parameters["soma_diameter"])
    return table


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


def _structures(volume: Volume, settings, keep_dark_tiles: bool) -> list[np.ndarray]:
    """Connected voxels (n, 3) in order x, y, z of each structure that the filters leave."""
    import torch
    from cellfinder.core.detect.filters.volume.volume_filter import VolumeFilter

    volume_filter = VolumeFilter(settings=settings)
    ball_filter, detector = volume_filter.ball_filter, volume_filter.cell_detector
    previous = None
    with torch.inference_mode():
        for planes, masks in _filtered_planes(volume, settings):
            ball_filter.append(planes, torch.ones_like(masks) if keep_dark_tiles else masks)
            if not ball_filter.ready:
                continue
            ball_filter.walk()
            somata = settings.detection_data_converter_func(ball_filter.get_processed_planes())
            for plane in somata:
                previous = detector.process(plane, previous)
    return list(detector.get_structures().values())


def _filtered_planes(volume: Volume, settings) -> Iterator[tuple]:
    """Batches of planes after the filter in the plane, with their masks of tiles in the brain."""
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
        for start in range(0, volume.shape[0], settings.batch_size):
            planes = volume.planes(start, min(start + settings.batch_size, volume.shape[0]))
            converted = settings.filter_data_converter_func(planes)
            planes, masks = zip(*pool.map(filtered, converted), strict=True)
            yield torch.cat(planes), torch.cat(masks)


def _centres(structures: list[np.ndarray], splitting) -> np.ndarray:
    """Centres (n, 3) in order z, y, x: of each structure, or of the somata a large one splits into.

    The rule of cellfinder's `VolumeFilter.get_results`, which starts processes for the splitting.
    """
    import torch
    from cellfinder.core.detect.filters.volume.structure_detection import get_structure_centre
    from cellfinder.core.detect.filters.volume.structure_splitting import split_cells

    centres = [np.empty((0, 3))]
    with torch.inference_mode():
        for voxels in structures:
            if splitting.max_cell_volume <= len(voxels) < splitting.max_cluster_size:
                centres.append(split_cells(voxels, settings=splitting))
            else:
                centres.append(np.asarray(get_structure_centre(voxels))[np.newaxis])
    return np.concatenate(centres).astype(float)[:, ::-1]
