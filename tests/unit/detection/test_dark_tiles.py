"""Preflight says where cellfinder would take a crop's tissue for the outside of the brain."""

import dask.array as da
import numpy as np
import pytest
import tifffile

from cellsift.detection import create_detector
from cellsift.detection.dark_tiles import tile_side, tiles_inside
from cellsift.io.volumes import Volume, open_volume
from cellsift.preflight.brain import check_brain
from cellsift.settings.brains import Brain

SHAPE, VOXEL_SIZE = (24, 240, 240), (5.0, 2.0, 2.0)
Z, Y, X = np.indices(SHAPE, dtype=np.float32)
BRAIN = (Y - 120) ** 2 + (X - 120) ** 2 < 95**2
NOISE = np.random.default_rng(0).normal(0, 10, SHAPE)


def with_somata(voxels: np.ndarray, brightness: float, where=None) -> np.ndarray:
    """Sixty somata more, all or those that lie in a mask."""
    voxels = voxels.copy()
    for z, y, x in np.random.default_rng(1).uniform([0, 8, 8], np.array(SHAPE) - 9, (60, 3)):
        if where is None or where[int(z), int(y), int(x)]:
            box = np.s_[:, int(y) - 8 : int(y) + 9, int(x) - 8 : int(x) + 9]
            away = ((Z[box] - z) * 5) ** 2 + ((Y[box] - y) * 2) ** 2 + ((X[box] - x) * 2) ** 2
            voxels[box] += brightness * np.exp(-away / 60)
    return voxels


def blob(voxels: np.ndarray) -> np.ndarray:
    voxels = voxels.copy()
    voxels[:, :14, :14] += 3000
    return voxels


def whole_brain(outside: float, tissue: float) -> np.ndarray:
    return np.where(BRAIN, tissue, outside) + NOISE / 2


CROPS = {
    "darker along x": with_somata(900 - 1.5 * X + NOISE, 900),
    "darker along y": with_somata(900 - 1.5 * Y + NOISE, 900),
    "darker along both": with_somata(900 - 0.8 * (X + Y) + NOISE, 900),
    "even tissue": with_somata(500 + NOISE, 900),
    "even tissue, faint cells": with_somata(500 + NOISE, 200),
    "even tissue without cells in view": 500 + NOISE,
    "a bright corner": blob(with_somata(500 + NOISE, 900)),
    "a bright corner of a whole brain": blob(with_somata(whole_brain(100, 400), 900, BRAIN)),
}
WHOLE = {
    "cells": with_somata(whole_brain(100, 400), 900, BRAIN),
    "no cells in view": whole_brain(100, 400),
    "dim tissue": with_somata(whole_brain(100, 140), 300, BRAIN),
    "darker away from the corner": with_somata(
        whole_brain(100, 400) + np.where(BRAIN, 0, 40 - X / 6), 900, BRAIN
    ),
    "zeros where nothing was imaged": with_somata(
        np.where(Y > 210, 0, whole_brain(100, 400)), 900, BRAIN
    ),
    "tissue that is darker away from a dark corner": with_somata(500 + 1.5 * Y + NOISE, 900),
}


def volume_of(voxels: np.ndarray) -> Volume:
    return Volume(da.from_array(voxels.clip(0, 65535).astype(np.uint16)), VOXEL_SIZE, "made up")


def brain_of(path="made up", **detection) -> Brain:
    settings = {"detection": {"method": "cellfinder"} | detection, "intensity_range": None}
    return Brain(
        name="b1", role="predict", signal=str(path), voxel_size=VOXEL_SIZE, settings=settings
    )


def warnings_of(voxels: np.ndarray, method="cellfinder", **parameters) -> list[str]:
    volume = volume_of(voxels)
    planes = {z: volume.planes(z, z + 1)[0] for z in (2, 7, 12, 16, 21)}
    return create_detector(method, **parameters).doubts(volume, planes)


@pytest.mark.parametrize("name", CROPS)
def test_tissue_that_counts_as_outside_is_told(name):
    (warning,) = warnings_of(CROPS[name])
    assert "keep_dark_tiles: true" in warning
    share = int(warning.split("would take ")[1].split("%")[0])
    assert share > 70


@pytest.mark.parametrize("name", WHOLE)
def test_a_dark_corner_is_no_cause_for_alarm(name):
    assert warnings_of(WHOLE[name]) == []


@pytest.mark.parametrize("detection", [{"keep_dark_tiles": True}, {"method": "dog"}])
def test_only_a_detection_that_drops_tiles_is_warned_of(detection):
    assert warnings_of(CROPS["darker along x"], **detection) == []


def test_preflight_warns_of_a_file(tmp_path):
    for name, number in [("darker along y", 1), ("even tissue", 1)]:
        voxels = CROPS[name].clip(0, 65535).astype(np.uint16)
        tifffile.imwrite(tmp_path / "signal.tif", voxels, photometric="minisblack")
        found = check_brain(brain_of(tmp_path / "signal.tif"))
        assert sum("keep_dark_tiles" in each for each in found["warnings"]) == number
        kept = check_brain(brain_of(tmp_path / "signal.tif", keep_dark_tiles=True))
        assert not any("keep_dark_tiles" in each for each in kept["warnings"])


@pytest.mark.parametrize("name", ["phantom", "cortex"])
def test_the_phantom_and_the_cortex_are_not_warned_of(name, small_brains, request):
    if name == "phantom":
        path = small_brains / "mouse_3" / "signal"
    else:
        path = request.getfixturevalue("shared_data") / "cortex_two_channel" / "signal"
    volume = open_volume(path, VOXEL_SIZE)
    planes = {z: volume.planes(z, z + 1)[0] for z in (3, 8, 14, 19, 25)}
    assert create_detector("cellfinder").doubts(volume, planes) == []


@pytest.mark.parametrize("shape", [(96, 128), (100, 141), (31, 200)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_tiles_are_those_that_cellfinder_searches(shape, dtype):
    """In whole and cut tiles, gradients, noise and saturated voxels."""
    import torch
    from cellfinder.core.detect.filters.plane.tile_walker import TileWalker
    from cellfinder.core.detect.filters.setup_filters import DetectionSettings

    settings = DetectionSettings(
        plane_original_np_dtype=dtype, plane_shape=shape, voxel_sizes=VOXEL_SIZE
    )
    rng, most = np.random.default_rng(3), np.iinfo(dtype).max
    y, x = np.indices(shape)
    for steepness in (-0.3, 0, 0.2):
        plane = most * (0.4 + steepness * (x + y) / sum(shape)) + rng.normal(0, most / 30, shape)
        plane[rng.random(shape) < 0.01] = most
        plane = plane.clip(0, most).astype(dtype)
        side = tile_side(16.0, VOXEL_SIZE)
        assert side == settings.tile_height
        clipped = torch.from_numpy(plane[np.newaxis].astype(np.float32))
        clipped = clipped.clip(0, settings.clipping_value)
        expected = TileWalker(shape, settings.soma_diameter).get_bright_tiles(clipped)[0].numpy()
        np.testing.assert_array_equal(tiles_inside(plane, side), expected)
        assert steepness <= 0 or expected.any()
