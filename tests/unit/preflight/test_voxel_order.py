"""Sizes of voxels that stand in another order than z, y, x are told before any work."""

import dataclasses

import numpy as np
import pytest
import tifffile

from cellsift.preflight.volumes import check_volumes
from cellsift.preflight.voxel_order import order_doubts
from cellsift.settings.brains import Brain

RIGHT = "voxel_z 6, voxel_y 1.62, voxel_x 1.62"


@pytest.mark.parametrize("sizes", [(1.62, 1.62, 6), (1.62, 6, 1.62)])
def test_swapped_sizes_are_told_with_the_order_that_makes_the_plane_square(sizes):
    (doubt,) = order_doubts(sizes)
    assert RIGHT in doubt
    assert "correct the table" in doubt


@pytest.mark.parametrize("sizes", [(6, 1.62, 1.62), (2, 2, 2), (0.5, 2, 2), (5, 2, 2.2)])
def test_planes_with_square_voxels_pass_in_silence(sizes):
    """Also thin planes, and voxels that are square but for a stretched side."""
    assert order_doubts(sizes) == []


@pytest.mark.parametrize("sizes", [(5, 1, 2), (1.1, 1, 1.3)])
def test_no_order_is_proposed_where_none_is_surely_meant(sizes):
    (doubt,) = order_doubts(sizes)
    assert "Look at the table again" in doubt


def test_the_doubt_is_among_those_of_the_brain(tmp_path):
    voxels = np.random.default_rng(1).integers(100, 4000, (12, 40, 36)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "s.tif", voxels, photometric="minisblack")
    settings = {"detection": {"method": "cellfinder", "keep_dark_tiles": True}}
    swapped = Brain("b", str(tmp_path / "s.tif"), (2.0, 2.0, 5.0), settings=settings)
    (warning,) = check_volumes(swapped)["warnings"]
    assert warning.startswith("brain b: voxels of voxel_z 2, voxel_y 2, voxel_x 5 µm")
    right = dataclasses.replace(swapped, voxel_size=(5.0, 2.0, 2.0))
    assert check_volumes(right)["warnings"] == []
