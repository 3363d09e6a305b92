"""What the `cellfinder` detector can be told; apart from it, as rules ask for it without torch."""

from cellsift.settings.parameters import Parameter

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
