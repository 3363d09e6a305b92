"""The `cellfinder` detector: BrainGlobe cellfinder's own classes, run in this process.

`cellfinder.core.detect.detect.main` runs the same classes in processes of its own, which costs
10 to 15 s of start-up, cannot be called from a script that has no main guard, and asks SLURM's
accounting how many cores there are. Here its filters run in threads; the candidates are the same.

Structures may span any number of planes, so the filters alone run slab by slab. The voxels that
they mark are gathered, structures are found in them and split, and the contrast of the candidates
is measured slab by slab again.
Method: Tyson et al., PLoS Computational Biology 2021, doi 10.1371/journal.pcbi.1009074.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from cellsift.detection.contract import Detector
from cellsift.detection.registry import detector
from cellsift.errors import InputError
from cellsift.settings.parameters import Parameter, Range

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from cellfinder.core.detect.filters.setup_filters import DetectionSettings

    from cellsift.detection.parts import Part, Parts
    from cellsift.detection.resources import Resources
    from cellsift.detection.somata import Somata
    from cellsift.io.volumes import Volume

# What filtering takes in bytes for a voxel of a plane, as measured: for each plane of the batch and
# of the ball, and for a ball of few voxels, which torch lays over a plane in copies of it.
HELD_BYTES, SMALL_BALL_BYTES, SMALL_BALL = 22, 108, 3

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
    "most_candidates": Parameter(
        5_000_000,
        "a brain with more candidates than this is refused, as its threshold is too low to tell "
        "cells from texture: bounds the memory",
        minimum=1,
        integer=True,
    ),
}


@detector("cellfinder")
class Cellfinder(Detector):
    """Structures of voxels that a ball filter marks, split where they are of several somata."""

    known_parameters = PARAMETERS
    measures_contrast_apart = True
    relative_time = 2.0
    rehearsal_parameters = {"soma_diameter": 16.0, "n_sds_above_mean_thresh": 3.0}

    @property
    def slab_grid(self) -> int:
        """Slabs begin where batches begin, as marks leak from batch to batch."""
        return int(self.parameters["batch_size"])

    def detect_slab(
        self, volume: Volume, first: int, last: int, resources: Resources
    ) -> Iterator[Part]:
        """The voxels that the filters mark in the batches of these planes.

        Parts with `voxels` (n, 3), int32, z, y, x, sorted, in the order of z; exact for slabs that
        begin at multiples of `slab_grid`, for any size of batch and ball.
        Raises InputError if the volume or the parameters leave the filters nothing to work on or
        the planes do not fit into the job's memory, and ValueError if `first` is no multiple of the
        grid.
        """
        from cellsift.detection.ball_filter import SlabFilters
        from cellsift.detection.blocks import refuse_beyond_limit

        settings = self._settings(volume)
        if first % settings.batch_size:
            raise ValueError(f"slabs begin at multiples of {settings.batch_size}, not at {first}")
        needed, planes = self.memory_for(volume), _planes_held(settings)
        refuse_beyond_limit(volume, needed, planes, resources.memory_bytes)
        keep_dark_tiles = self.parameters["keep_dark_tiles"]
        filters = SlabFilters(volume, settings, keep_dark_tiles, resources.workers)
        for voxels in filters.marked_voxels(first, last):
            yield {"voxels": voxels}

    def find_centres(self, volume: Volume, parts: Parts) -> np.ndarray:
        """Centres of the structures, or of the somata that a large one splits into.

        By the rule of cellfinder's `VolumeFilter.get_results`. Only the volume's shape, type and
        voxel size count. Memory: the marked voxels of one batch, the structures open there, each
        with fewer voxels than `max_cluster_size`, and at most `most_candidates` centres. Time: as
        in `structures`, and for every structure that is split as much as the splitting takes.
        Raises InputError as soon as there are more centres than `most_candidates`.
        """
        import numpy as np

        from cellsift.detection.splitting import centres_of, marks_beside
        from cellsift.detection.structures import find_structures

        settings = self._settings(volume)
        splitting, beside = self._splitting_settings(settings), marks_beside(settings)
        blocks = (part["voxels"] for part in parts)
        structures = find_structures(blocks, volume.shape[1:], settings.max_cluster_size)
        most = int(self.parameters["most_candidates"])
        found, held = [np.empty((0, 3))], 0
        for structure in structures:
            found.append(centres_of(structure, splitting, beside))
            held += len(found[-1])
            if held > most:
                raise InputError(
                    f"{volume.source}: cellfinder finds more than {most:,} candidates; raise "
                    "n_sds_above_mean_thresh, or most_candidates if there are so many cells"
                )
        centres = np.concatenate(found)
        return centres[np.lexsort(centres.T[::-1])]

    def contrast_slab(
        self, volume: Volume, centres: np.ndarray, first: int, last: int, resources: Resources
    ) -> Iterator[Part]:
        """The contrast is that of the dog detector at the centre's voxel, for the same soma."""
        from cellsift.detection.contrast import contrast_parts

        scale = self.scale(volume.voxel_size)
        return contrast_parts(volume, scale, centres, first, last, resources)

    def gather(self, parts: Parts) -> pd.DataFrame:
        """All candidates, of which `find_centres` lets no more than `most_candidates` through."""
        from cellsift.detection.candidates import candidate_table

        return candidate_table(parts)

    @classmethod
    def search_space(
        cls, somata: Somata, voxel_size: tuple[float, float, float]
    ) -> Mapping[str, Range]:
        """Soma, ball and thresholds; the balls follow the soma as cellfinder's defaults do not."""
        z, y, x = voxel_size
        soma, in_plane = somata.diameter, (y + x) / 2
        ball, deep = max(0.6 * soma, in_plane), max(0.6 * soma, z)
        return {
            "soma_diameter": Range(max(0.4 * soma, in_plane), max(1.4 * soma, 2 * in_plane), True),
            "n_sds_above_mean_thresh": Range(0.5, 10.0, True, length=False),
            "ball_xy_size": Range(max(0.5 * ball, 0.6 * in_plane), 2 * ball, True),
            "ball_z_size": Range(max(0.5 * deep, 0.6 * z), 2 * deep, True),
            "ball_overlap_fraction": Range(0.4, 0.8, length=False),
        }

    @classmethod
    def searched_parameters(cls, values: Mapping[str, float]) -> dict[str, Any]:
        """The ball that splits is as large as the other, as in cellfinder's defaults.

        Dark tiles are kept: crops are searched on, whose first corner is tissue.
        """
        return {
            **values,
            "split_ball_xy_size": values["ball_xy_size"],
            "split_ball_z_size": values["ball_z_size"],
            "keep_dark_tiles": True,
        }

    def least_planes(self, voxel_size: tuple[float, float, float]) -> tuple[int, str]:
        """Those of the ball."""
        return max(1, round(self.parameters["ball_z_size"] / voxel_size[0])), "ball_z_size"

    def doubts(self, volume: Volume, planes: Mapping[int, np.ndarray]) -> list[str]:
        """Whether tissue of a crop would count as the outside of the brain."""
        from cellsift.detection.dark_tiles import lost_in_dark_tiles

        if self.parameters["keep_dark_tiles"]:
            return []
        return lost_in_dark_tiles(self.parameters["soma_diameter"], volume, planes)

    def halo(self, voxel_size: tuple[float, float, float]) -> tuple[int, int, int]:
        """That of the filters of contrast."""
        return self.scale(voxel_size).halo

    def memory_for(self, volume: Volume) -> int:
        """Bytes that the filters take, however many planes the slab has."""
        settings = self._settings(volume)
        held = HELD_BYTES * _planes_held(settings)
        ball = SMALL_BALL_BYTES if settings.ball_xy_size <= SMALL_BALL else 0
        return (held + ball) * volume.shape[1] * volume.shape[2]

    def _settings(self, volume: Volume) -> DetectionSettings:
        """cellfinder's own settings; InputError where they leave its filters nothing to do."""
        from cellfinder.core.detect.filters.setup_filters import DetectionSettings

        parameters = self.parameters
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

    def _splitting_settings(self, settings: DetectionSettings) -> DetectionSettings:
        from dataclasses import replace

        import numpy as np

        return replace(
            settings,
            ball_xy_size_um=self.parameters["split_ball_xy_size"],
            ball_z_size_um=self.parameters["split_ball_z_size"],
            ball_overlap_fraction=self.parameters["split_ball_overlap_fraction"],
            plane_original_np_dtype=np.float32,
        )


def _planes_held(settings: DetectionSettings) -> int:
    return settings.batch_size + settings.ball_z_size


def _check_sizes(
    volume: Volume, settings: DetectionSettings, parameters: Mapping[str, Any]
) -> None:
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
