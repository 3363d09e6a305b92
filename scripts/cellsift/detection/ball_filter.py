"""cellfinder's filters over a slab of planes, as they are in a run over all planes of a volume."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellsift.io.reading import batches
from cellsift.io.volumes import Volume

if TYPE_CHECKING:
    import torch
    from cellfinder.core.detect.filters.setup_filters import DetectionSettings
    from cellfinder.core.detect.filters.volume.ball_filter import BallFilter


@dataclass(frozen=True)
class SlabFilters:
    """The filter in the plane and the ball filter, for slabs of a volume; threads share planes.

    `settings` are cellfinder's own. With `keep_dark_tiles` the filters leave out no tile.
    """

    volume: Volume
    settings: DetectionSettings
    keep_dark_tiles: bool
    threads: int

    def marked_voxels(self, first: int, last: int) -> Iterator[np.ndarray]:
        """Voxels (n, 3), int32, z, y, x, that the filters mark in planes `first` to `last` - 1.

        Sorted, in arrays in the order of z. `first` is a multiple of the size of batches. The ball
        of a batch's last planes reaches into the next batch, which owns the marks of these planes.
        """
        if first >= last:
            return
        ball_filter = self._ball_filter_at(first)
        for z, planes, masks in self._filtered_planes(first, last):
            if not _walk(ball_filter, planes, masks):
                continue
            marked = ball_filter.get_processed_planes() == self.settings.soma_centre_value
            voxels = np.argwhere(marked).astype(np.int32)
            held_from = z + len(planes) - len(ball_filter.volume)
            voxels[:, 0] += held_from + ball_filter.first_valid_plane
            yield voxels

    def _ball_filter_at(self, first: int) -> BallFilter:
        """The ball filter as it is in the undivided run when that comes to plane `first`.

        A mark counts as a bright voxel in the next batch, whose marks count in the one after it,
        and so on. Hence two filters start some batches before: in the planes whose marks they
        cannot know, one takes no voxel for marked and the other takes all. More marks lead to more
        marks, never to fewer, so the truth lies between the two; where they agree it is known. With
        batches of at least `2 * (ball planes // 2)` planes they agree at once; otherwise the start
        moves back until they do, in the end to the first plane of the volume.
        """
        settings = self.settings
        middle = settings.ball_z_size // 2
        unsure = settings.ball_z_size - 1 + 2 * middle
        halo = -(-unsure // settings.batch_size) * settings.batch_size
        while True:
            start = max(first - halo, 0)
            fewest, most = _new_ball_filter(settings), _new_ball_filter(settings)
            for z, planes, masks in self._filtered_planes(start, first):
                _walk(fewest, planes, masks)
                if start:
                    planes[: max(start + middle - z, 0)] = settings.soma_centre_value
                    _walk(most, planes, masks)
            if start == 0 or _same_to_come(fewest, most):
                return fewest
            halo *= 2

    def _filtered_planes(
        self, first: int, last: int
    ) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
        """Batches from plane `first` to before plane `last`, after the filter in the plane.

        Of each the number of its first plane, its planes, and the masks of tiles in the brain.
        """
        import torch
        from cellfinder.core.detect.filters.plane import TileProcessor

        settings = self.settings
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

        def filtered(plane: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
            # The inference mode is each thread's own.
            with torch.inference_mode():
                return processor.get_tile_mask(torch.from_numpy(plane[np.newaxis]))

        with ThreadPoolExecutor(max_workers=self.threads) as pool:
            for z, read in batches(self.volume, first, last, settings.batch_size):
                converted = settings.filter_data_converter_func(read)
                planes, masks = map(torch.cat, zip(*pool.map(filtered, converted), strict=True))
                yield z, planes, torch.ones_like(masks) if self.keep_dark_tiles else masks


def _new_ball_filter(settings: DetectionSettings) -> BallFilter:
    """The ball filter of cellfinder's `VolumeFilter`.

    That one would compile its search for structures as well, which takes seconds and is not used.
    """
    from cellfinder.core.detect.filters.volume.ball_filter import BallFilter

    return BallFilter(
        plane_height=settings.plane_height,
        plane_width=settings.plane_width,
        ball_xy_size=settings.ball_xy_size,
        ball_z_size=settings.ball_z_size,
        overlap_fraction=settings.ball_overlap_fraction,
        threshold_value=settings.threshold_value,
        soma_centre_value=settings.soma_centre_value,
        tile_height=settings.tile_height,
        tile_width=settings.tile_width,
        dtype=settings.filtering_dtype.__name__,
        batch_size=settings.batch_size,
        torch_device=settings.torch_device,
        use_mask=True,
    )


def _same_to_come(one: BallFilter, other: BallFilter) -> bool:
    """Whether two ball filters hold the same bright voxels where the next batch can see them."""
    forgotten = len(one.volume) - one.kernel_z_size + 1
    bright = [each.volume[forgotten:] >= each.THRESHOLD_VALUE for each in (one, other)]
    return bright[0].equal(bright[1])


def _walk(ball_filter: BallFilter, planes: torch.Tensor, masks: torch.Tensor) -> bool:
    """Filter a batch; False if the ball does not yet fit into the planes so far."""
    import torch

    with torch.inference_mode():
        ball_filter.append(planes, masks)
        if ball_filter.ready:
            ball_filter.walk()
    return ball_filter.ready
