"""Bad input is refused before any work, by a message that names the brain, file and remedy."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from cellsift.benchmarks.rehearsal.brain import brain_shape
from cellsift.errors import InputError
from cellsift.io import reading
from cellsift.io.volumes import open_volume
from cellsift.preflight import volumes
from cellsift.preflight.brain import check_brain
from cellsift.settings.brains import Brain

VOXEL_SIZE = (5.0, 2.0, 2.0)


@pytest.fixture
def voxels() -> np.ndarray:
    return np.random.default_rng(3).integers(100, 4000, (12, 40, 36)).astype(np.uint16)


@pytest.fixture
def brain(tmp_path, voxels) -> Brain:
    """A brain with which nothing is wrong."""
    for channel, values in (("signal", voxels), ("background", voxels // 2)):
        (tmp_path / channel).mkdir()
        for z, plane in enumerate(values):
            tifffile.imwrite(tmp_path / channel / f"plane_{z:04}.tif", plane)
    (tmp_path / "cells.csv").write_text("z,y,x,note\n0,0,0,a\n12,40,36,b\n5,20.5,3,c\n")
    (tmp_path / "non_cells.csv").write_text("z,y,x\n2,2,2\n")
    return Brain(
        name="mouse-3",
        role="train",
        signal=str(tmp_path / "signal"),
        background=str(tmp_path / "background"),
        voxel_size=VOXEL_SIZE,
        cells=str(tmp_path / "cells.csv"),
        non_cells=str(tmp_path / "non_cells.csv"),
        settings={
            # It is tissue up to its corner.
            "detection": {"method": "cellfinder", "keep": None, "keep_dark_tiles": True},
            "intensity_range": None,
        },
    )


def signal_alone(brain: Brain, path: Path | str, **settings) -> Brain:
    """The brain with another signal, without background and annotation."""
    return dataclasses.replace(
        brain,
        signal=str(path),
        background=None,
        cells=None,
        non_cells=None,
        settings=brain.settings | settings,
    )


def stack(path: Path, voxels: np.ndarray) -> Path:
    tifffile.imwrite(path, voxels, photometric="minisblack")
    return path


def assert_refused(brain: Brain, file: Path | str, found: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        check_brain(brain)
    message = str(caught.value)
    for part in ("brain mouse-3", str(file), found, remedy):
        assert part in message


def test_a_good_brain_is_described(brain, voxels):
    found = check_brain(brain)
    assert found == json.loads(json.dumps(found, allow_nan=False))
    assert found["brain"] == "mouse-3"
    assert found["channels"] == 2
    assert found["annotated_cells"] == 3
    assert found["annotated_non_cells"] == 1
    signal = found["signal"]
    assert signal["kind"] == "planes"
    assert signal["shape"] == [12, 40, 36]
    assert signal["dtype"] == "uint16"
    assert signal["voxel_size_um"] == [5, 2, 2]
    assert signal["size_mm"] == [0.06, 0.08, 0.072]
    looked_at = voxels[[1, 3, 6, 8, 10]]
    for percent, value in signal["intensity_percentiles"].items():
        assert value == np.percentile(looked_at, float(percent), method="inverted_cdf")
    assert found["device"]
    # Not a matter of the files: the brains table has it.
    assert "role" not in found
    assert signal["absent_chunks"] is None
    assert found["warnings"] == []
    assert check_brain(brain) == found


def test_a_brain_of_one_channel_without_annotation_passes(brain):
    found = check_brain(signal_alone(brain, brain.signal))
    assert found["channels"] == 1
    assert found["background"] is None
    assert found["annotated_cells"] is None
    assert found["annotated_non_cells"] is None


def test_float_data_passes_with_an_intensity_range(brain, voxels, tmp_path):
    path = stack(tmp_path / "float.tif", (voxels / 65535).astype(np.float32))
    found = check_brain(signal_alone(brain, path, intensity_range=[0, 1]))
    assert found["signal"]["dtype"] == "float32"
    assert found["signal"]["intensity_percentiles"]["99.9"] == pytest.approx(4000, abs=50)


class TestRegions:
    @staticmethod
    def with_regions(brain: Brain, folder: Path, numbers: np.ndarray, names: str = "") -> Brain:
        image, table = stack(folder / "regions.tif", numbers), folder / "names.csv"
        table.write_text(names or "id,name\n3,cortex\n")
        return dataclasses.replace(brain, regions=str(image), region_names=str(table))

    def test_an_image_that_covers_the_brain_passes(self, brain, tmp_path):
        good = self.with_regions(brain, tmp_path, np.full((12, 20, 18), 3, np.uint32))
        assert check_brain(good)["warnings"] == []

    def test_an_image_that_may_lie_in_another_way_is_doubted(self, brain, tmp_path):
        turned = self.with_regions(brain, tmp_path, np.full((25, 11, 9), 3, np.uint32))
        (doubt,) = check_brain(turned)["warnings"]
        assert doubt.startswith("brain mouse-3, regions: ")
        assert "axes are in the same order" in doubt

    def test_brightness_is_no_image_of_regions(self, brain, tmp_path):
        bright = self.with_regions(brain, tmp_path, np.zeros((12, 40, 36), np.float32))
        assert_refused(bright, bright.regions, "regions: ", "Save it as integers")

    def test_names_that_cannot_be_used_are_refused_as_such(self, brain, tmp_path):
        numbers = np.full((12, 40, 36), 3, np.uint32)
        bad = self.with_regions(brain, tmp_path, numbers, "number,name\n3,cortex\n")
        assert_refused(bad, bad.region_names, "region_names: ", "give the regions' numbers as id")


@pytest.mark.parametrize("column", ["signal", "background", "cells", "non_cells", "regions"])
def test_missing_files_are_refused(brain, column, tmp_path):
    path = tmp_path / "absent.csv"
    bad = dataclasses.replace(brain, **{column: str(path)})
    assert_refused(bad, path, f"{column}: ", "orrect")


def test_an_empty_folder_is_refused(brain, tmp_path):
    (tmp_path / "empty").mkdir()
    assert_refused(signal_alone(brain, tmp_path / "empty"), tmp_path / "empty", "no TIFF", "Give")


def test_planes_of_unequal_shape_are_refused(brain, voxels):
    plane = Path(brain.signal) / "plane_0007.tif"
    tifffile.imwrite(plane, voxels[7, 1:])
    assert_refused(brain, plane, "(39, 36)", "replace")


def test_a_damaged_background_is_refused_as_such(brain):
    plane = Path(brain.background) / "plane_0007.tif"
    plane.write_bytes(plane.read_bytes()[:-100])
    assert_refused(brain, plane, "background: ", "Copy or export")


def test_a_missing_plane_is_refused(brain):
    (Path(brain.signal) / "plane_0007.tif").unlink()
    assert_refused(brain, brain.signal, "number 7 is missing", "Put the missing plane")


def test_channels_of_unequal_shape_are_refused(brain, voxels, tmp_path):
    path = stack(tmp_path / "other.tif", voxels[:, :-1])
    bad = dataclasses.replace(brain, background=str(path))
    assert_refused(bad, path, "(12, 39, 36)", "both channels")
    assert_refused(bad, brain.signal, "(12, 40, 36)", "both channels")


def test_float_data_without_intensity_range_is_refused(brain, voxels, tmp_path):
    path = stack(tmp_path / "float.tif", voxels.astype(np.float32))
    assert_refused(signal_alone(brain, path), path, "float32", "intensity_range")


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_no_numbers_are_refused_with_the_plane(brain, voxels, tmp_path, wrong):
    values = voxels.astype(np.float32)
    values[9, 39, 35] = wrong
    path = stack(tmp_path / "wrong.tif", values)
    bad = signal_alone(brain, path, intensity_range=[0, 4000])
    assert_refused(bad, path, "plane 9 (counted from 0)", "Replace")
    folder = Path(brain.signal)
    for z, plane in enumerate(values):
        tifffile.imwrite(folder / f"plane_{z:04}.tif", plane)
    bad = signal_alone(brain, folder, intensity_range=[0, 4000])
    assert_refused(bad, folder / "plane_0009.tif", "NaN or infinite", "Replace")


@pytest.mark.parametrize("wrong", [[0, 65535], [-5000, 1], [0, 1e-6]])
def test_an_intensity_range_that_does_not_fit_is_refused(brain, voxels, tmp_path, wrong):
    path = stack(tmp_path / "unit.tif", np.clip(voxels / 4000, 0, 1).astype(np.float32))
    bad = signal_alone(brain, path, intensity_range=wrong)
    assert_refused(bad, path, "", "intensity_range")


@pytest.mark.parametrize("level", [0, 300])
def test_a_constant_channel_is_refused(brain, voxels, tmp_path, level):
    path = stack(tmp_path / "flat.tif", np.full_like(voxels, level))
    assert_refused(signal_alone(brain, path), path, f"all voxels are {level}", "Give the channel")
    bad = dataclasses.replace(brain, background=str(path))
    assert_refused(bad, path, "background", "leave it empty")


def test_a_signal_with_one_lit_plane_is_not_called_constant(brain, voxels, tmp_path):
    values = np.zeros_like(voxels)
    values[5] = voxels[5]
    assert check_brain(signal_alone(brain, stack(tmp_path / "dark.tif", values)))


@pytest.mark.parametrize(
    ("detection", "planes", "remedy"),
    [
        ({"method": "cellfinder"}, 3, "ball_z_size"),
        ({"method": "cellfinder", "ball_z_size": 30, "keep": None}, 6, "ball_z_size"),
        ({"method": "dog", "soma_diameter": 16}, 3, "soma_diameter"),
    ],
)
def test_fewer_planes_than_detection_needs_are_refused(
    brain, voxels, tmp_path, detection, planes, remedy
):
    enough = stack(tmp_path / "enough.tif", voxels[:planes])
    assert check_brain(signal_alone(brain, enough, detection=detection))
    few = stack(tmp_path / "few.tif", voxels[: planes - 1])
    bad = signal_alone(brain, few, detection=detection)
    assert_refused(bad, few, f"{planes - 1} planes", remedy)


@pytest.mark.parametrize("column", ["cells", "non_cells"])
@pytest.mark.parametrize("position", ["-1.1,0,0", "12.1,0,0", "0,41,0", "3,3,400"])
def test_annotation_outside_the_volume_is_refused(brain, column, position):
    path = Path(getattr(brain, column))
    path.write_text(f"z,y,x\n1,1,1\n{position}\n")
    assert_refused(brain, path, "1 of 2 positions", "in voxels")
    assert_refused(brain, path, "row 2", "(12, 40, 36)")


def test_annotation_without_its_columns_is_refused(brain):
    Path(brain.cells).write_text("z,y,column\n1,1,1\n")
    assert_refused(brain, brain.cells, "x", "columns z, y, x")


def test_colour_and_lossy_compression_are_refused(brain, voxels, tmp_path):
    grey = (voxels >> 4).astype(np.uint8)
    colour, lossy = tmp_path / "colour.tif", tmp_path / "lossy.tif"
    tifffile.imwrite(colour, np.stack([grey] * 3, axis=-1), photometric="rgb")
    tifffile.imwrite(lossy, grey, compression="jpeg")
    assert_refused(signal_alone(brain, colour), colour, "RGB", "Export each channel alone")
    assert_refused(signal_alone(brain, lossy), lossy, "JPEG", "lossless")


def test_what_is_not_3d_is_refused(brain, voxels, tmp_path):
    path = stack(tmp_path / "plane.tif", voxels[0])
    assert_refused(signal_alone(brain, path), path, "not 3D", "Give the folder")


def test_a_cut_stack_is_refused_with_the_plane(brain, voxels, tmp_path):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, voxels, compression="zlib")
    path.write_bytes(path.read_bytes()[:-40])
    assert_refused(signal_alone(brain, path), path, "plane 11", "Copy or export")


def test_a_list_with_a_missing_plane_is_refused(brain, tmp_path):
    listing = tmp_path / "planes.txt"
    listing.write_text("signal/plane_0000.tif\nsignal/lost.tif\n")
    assert_refused(signal_alone(brain, listing), listing, "lost.tif", "Correct the path")


def test_bad_ome_zarr_is_refused(brain, voxels, tmp_path):
    path = tmp_path / "brain.zarr"
    zarr.create_group(path)
    assert_refused(signal_alone(brain, path), path, "no multiscales", "convert")
    group = zarr.open_group(path)
    for name, shape in (("c", (2, 6, 40, 36)), ("t", (3, 4, 40, 36))):
        group.create_array(name, data=voxels.reshape(shape))
        scale = [{"type": "scale", "scale": [1, *VOXEL_SIZE]}]
        group.attrs["ome"] = {
            "version": "0.5",
            "multiscales": [
                {
                    "axes": [{"name": axis} for axis in (name, "z", "y", "x")],
                    "datasets": [{"path": name, "coordinateTransformations": scale}],
                }
            ],
        }
        found = f"axis {name} has length {shape[0]}"
        assert_refused(signal_alone(brain, path), path, found, "Write one position")


def write_ome_zarr(path: Path, voxels: np.ndarray, **options) -> Path:
    group = zarr.create_group(path)
    group.create_array("0", data=voxels, **options)
    scale = [{"type": "scale", "scale": list(VOXEL_SIZE)}]
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [
            {
                "axes": [{"name": axis} for axis in "zyx"],
                "datasets": [{"path": "0", "coordinateTransformations": scale}],
            }
        ],
    }
    return path


def test_absent_chunks_of_an_ome_zarr_are_told_but_not_refused(brain, voxels, tmp_path):
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, chunks=(4, 20, 18))
    good = signal_alone(brain, path)
    found = check_brain(good)
    assert (found["signal"]["chunks"], found["signal"]["absent_chunks"]) == (12, 0)
    assert found["warnings"] == []
    (path / "0" / "c" / "0" / "1" / "0").unlink()
    found = check_brain(good)
    assert found["signal"]["absent_chunks"] == 1
    (warning,) = found["warnings"]
    for part in ("brain mouse-3", str(path), "1 of 12 chunks", "write the OME-Zarr again"):
        assert part in warning


def test_an_ome_zarr_at_a_url_whose_chunks_cannot_be_counted_is_told(
    brain, voxels, tmp_path, server
):
    """Those that a broken-off upload has left out read as dark."""
    path = write_ome_zarr(tmp_path / "brain.zarr", voxels, chunks=(4, 20, 18))
    (path / "0" / "c" / "0" / "1" / "0").unlink()
    url = f"http://127.0.0.1:{server.server_port}/brain.zarr"
    found = check_brain(signal_alone(brain, url))
    assert found["signal"]["absent_chunks"] is None
    seen, warning = found["warnings"]
    for part in ("brain mouse-3", url, "cannot be counted", "read as empty"):
        assert part in warning
    # Here it shows in the planes that are looked at.
    for part in ("brain mouse-3", url, "exact zeros", "y 20 to 39, x 0 to 17"):
        assert part in seen


def test_chunks_that_are_decoded_again_and_again_are_told(brain, voxels, tmp_path, monkeypatch):
    """Counted as detection reads: every time that one of its planes is asked for."""
    monkeypatch.setattr(reading, "LARGEST_READ", 3 * voxels[0].nbytes)
    for planes, times in ((12, 4.0), (3, 1.0), (1, 1.0)):
        path = tmp_path / f"{planes}.zarr"
        write_ome_zarr(path, voxels, chunks=(planes, 20, 18))
        good = signal_alone(brain, path)
        found = check_brain(good)
        assert found["signal"]["times_decoded"] == times
        decoded = Counter()
        volume = open_volume(path, VOXEL_SIZE)
        for start, stop in reading.reads(volume, 0, len(voxels)):
            decoded.update({z // planes for z in range(start, stop)})
        assert np.mean(list(decoded.values())) == times
        told = found["warnings"]
        assert len(told) == (times > 1)
        assert all("brain mouse-3" in warning and "4 times" in warning for warning in told)
    assert check_brain(brain)["background"]["times_decoded"] == 1


def test_a_brain_too_large_for_its_jobs_of_detection_is_told_but_not_refused(
    brain, voxels, monkeypatch
):
    monkeypatch.setattr(volumes, "LARGE_SLAB", voxels.size / 3.5)
    (warning,) = check_brain(brain)["warnings"]
    assert warning.startswith("brain mouse-3: ")
    assert "1 job of detection" in warning
    assert "jobs_per_brain: {detection: 4}" in warning
    (warning,) = check_brain(brain, slabs=3)["warnings"]
    assert "3 jobs of detection" in warning
    assert check_brain(brain, slabs=4)["warnings"] == []


def test_a_whole_brain_in_a_few_jobs_is_told_of_and_in_sixteen_it_is_not():
    shape = brain_shape(10**11.5)
    assert volumes._large_slabs("whole", shape, slabs=4)
    assert volumes._large_slabs("whole", shape, slabs=16) == []


@pytest.mark.parametrize("kind", ["float", "dark"])
def test_a_damaged_chunk_far_from_the_planes_looked_at_is_refused(brain, voxels, tmp_path, kind):
    """Float data are read whole, and so is a volume of which a few planes show nothing."""
    values = voxels.astype(np.float32) if kind == "float" else np.ones_like(voxels)
    options = {"compressors": zarr.codecs.ZstdCodec(), "chunks": (2, 40, 36)}
    path = write_ome_zarr(tmp_path / "brain.zarr", values, **options)
    chunk = path / "0" / "c" / "2" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    bad = signal_alone(brain, path, intensity_range=[0, 4000])
    assert_refused(bad, path, "planes 4 to 5 (counted from 0)", "Copy or export")


@pytest.mark.parametrize("size", [0, -1, np.inf, np.nan, 0.002, 2e-6])
def test_voxel_sizes_that_cannot_be_true_are_refused(brain, size):
    bad = dataclasses.replace(brain, voxel_size=(5, size, 2))
    assert_refused(bad, "voxel_y", str(size), "in µm")


def test_real_brains_pass(brain, shared_data):
    folder = shared_data / "cfos" / "1147"
    real = signal_alone(brain, folder / "signal.tif")
    real = dataclasses.replace(real, cells=str(folder / "cells.csv"), voxel_size=(6.0, 1.62, 1.62))
    found = check_brain(real)
    assert found["annotated_cells"] == 487
    assert found["signal"]["shape"] == [200, 100, 200]
