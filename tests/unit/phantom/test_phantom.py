"""Made-up brains: repeatable, true to their tables, different from animal to animal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from scipy.ndimage import gaussian_filter

from cellsift.errors import InputError
from cellsift.phantom import (
    BrainSettings,
    Distractors,
    cohort,
    demo_cohort,
    make_brain,
    write_brain,
    write_cohort,
)
from cellsift.phantom.__main__ import main
from cellsift.phantom.distractors import KINDS
from cellsift.project.demo_note import WORDS, demo_note_doubts
from cellsift.settings.brains import Brain
from cellsift.settings.config import Config
from cellsift.settings.project import Project

CONFIG = Path(__file__).resolve().parents[3] / "config" / "config.yaml"
SMALL = BrainSettings(shape=(20, 100, 120), cells=30)
NOTHING = Distractors(**dict.fromkeys(KINDS, 0))


@pytest.fixture(scope="module")
def brain():
    return make_brain(7, SMALL)


@pytest.fixture(scope="module")
def bare_brain():
    return make_brain(4, replace(SMALL, distractors=NOTHING))


@pytest.fixture
def small_cohort(monkeypatch):
    animals = {
        "first": cohort.Animal(1, replace(SMALL, cells=8)),
        "new": cohort.Animal(2, replace(SMALL, cells=5), "truth.csv"),
    }
    monkeypatch.setattr(cohort, "demo_cohort", lambda: animals)
    return animals


def above_surround(volume: np.ndarray, positions: pd.DataFrame) -> np.ndarray:
    """Mean of the 3 x 5 x 5 voxels at each position, less the median of those around."""
    differences = []
    for z, y, x in np.rint(positions[["z", "y", "x"]].to_numpy()).astype(int):
        near = volume[max(z - 1, 0) : z + 2, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3]
        wide = volume[max(z - 3, 0) : z + 4, max(y - 14, 0) : y + 15, max(x - 14, 0) : x + 15]
        differences.append(near.mean() - np.median(wide))
    return np.array(differences)


def test_both_channels_are_uint16_of_the_asked_shape(brain):
    for channel in (brain.signal, brain.background):
        assert channel.dtype == np.uint16
        assert channel.shape == SMALL.shape


def test_same_seed_gives_the_same_voxels_and_tables(brain):
    again = make_brain(7, SMALL)
    np.testing.assert_array_equal(again.signal, brain.signal)
    np.testing.assert_array_equal(again.background, brain.background)
    pd.testing.assert_frame_equal(again.cells, brain.cells)
    pd.testing.assert_frame_equal(again.distractors, brain.distractors)


def test_another_seed_gives_another_brain(brain):
    other = make_brain(8, SMALL)
    assert not np.array_equal(other.signal, brain.signal)
    assert not np.array_equal(other.cells.to_numpy(), brain.cells.to_numpy())


def test_a_change_to_one_part_leaves_the_others_as_they_are(brain):
    without_haze = replace(SMALL, distractors=replace(SMALL.distractors, haze=0))
    other = make_brain(7, without_haze)
    pd.testing.assert_frame_equal(other.cells, brain.cells)
    kept = brain.distractors[brain.distractors["kind"] != "haze"].reset_index(drop=True)
    pd.testing.assert_frame_equal(other.distractors, kept)


def test_cells_are_bright_in_the_signal_and_dim_in_the_background(brain):
    signal = above_surround(brain.signal, brain.cells)
    background = above_surround(brain.background, brain.cells)
    assert len(brain.cells) > 20
    assert (signal > 100).mean() > 0.95
    assert np.median(background) < 0.25 * np.median(signal)


def test_a_truth_shifted_by_a_voxel_would_be_noticed():
    # With next to no noise the light's centre must lie where the table says.
    alone = replace(SMALL, cells=6, distractors=NOTHING, noise=0.5, stripes=0, shading=0, spread=0)
    made = make_brain(3, alone)
    offsets = []
    for z, y, x in made.cells[["z", "y", "x"]].to_numpy():
        centre = np.rint([z, y, x]).astype(int)
        low, high = np.maximum(centre - (3, 7, 7), 0), centre + (4, 8, 8)
        block = made.signal[tuple(map(slice, low, high))]
        bright = np.argwhere(block > 0.6 * block.max())
        offsets.append(bright.mean(0) + low - (z, y, x))
    assert np.abs(np.median(offsets, axis=0)).max() < 0.6


def test_truth_lies_inside_the_volume_and_in_columns_that_others_read(brain):
    assert list(brain.cells) == ["z", "y", "x", "diameter_um", "brightness"]
    assert list(brain.distractors) == ["kind", "z", "y", "x"]
    for table in (brain.cells, brain.distractors):
        positions = table[["z", "y", "x"]].to_numpy()
        assert (positions > -0.5).all()
        assert (positions < np.array(SMALL.shape) - 0.5).all()


def test_autofluorescent_blobs_shine_in_both_channels(brain):
    blobs = brain.distractors[brain.distractors["kind"] == "autofluorescent"]
    signal = above_surround(brain.signal, blobs)
    background = above_surround(brain.background, blobs)
    assert len(blobs) > 10
    assert np.median(signal) > 100
    assert np.median(background) > 0.3 * np.median(signal)


def test_distractors_keep_clear_of_cells(brain):
    size = np.array(SMALL.voxel_size)
    cells = brain.cells[["z", "y", "x"]].to_numpy() * size
    others = brain.distractors[["z", "y", "x"]].to_numpy() * size
    apart = np.linalg.norm(others[:, None] - cells[None], axis=-1)
    assert apart.min() >= 15


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_distractor_can_be_drawn_alone(kind, bare_brain):
    only = replace(SMALL, distractors=replace(NOTHING, **{kind: 0.3}))
    made = make_brain(4, only)
    assert set(made.distractors["kind"]) == {kind}
    assert not np.array_equal(made.signal, bare_brain.signal)


def test_without_cells_or_distractors_there_is_tissue_and_an_empty_truth():
    made = make_brain(5, replace(SMALL, cells=0))
    assert made.cells.empty
    assert list(made.cells) == ["z", "y", "x", "diameter_um", "brightness"]
    assert made.distractors.empty
    assert made.signal.max() > 100


def test_other_voxel_sizes_keep_the_cells_their_size_in_um():
    coarse = replace(SMALL, shape=(20, 60, 70), voxel_size=(6.0, 4.0, 4.0))
    made = make_brain(6, coarse)
    assert made.signal.shape == (20, 60, 70)
    assert np.median(above_surround(made.signal, made.cells)) > 100


def test_the_demo_cohort_differs_from_animal_to_animal():
    animals = demo_cohort()
    assert {"phantom_a", "phantom_b", "phantom_test", "phantom_new"} <= set(animals)
    assert len({animal.seed for animal in animals.values()}) == len(animals)
    for key in ("cells", "contrast"):
        assert len({getattr(animal.settings, key) for animal in animals.values()}) == len(animals)


def test_the_first_corner_of_a_plane_is_outside_the_tissue(brain):
    # cellfinder takes what is no brighter than this corner for outside the brain.
    assert np.median(brain.signal[:, :9, :9]) < 100 < np.median(brain.signal)


def test_threads_and_vessels_do_not_lead_out_of_the_tissue():
    wanted = replace(SMALL, cells=10, distractors=replace(NOTHING, vessels=5.0, processes=5.0))
    anatomy_alone = make_brain(4, replace(wanted, cells=10, distractors=NOTHING))
    made = make_brain(4, wanted)
    outside = gaussian_filter(anatomy_alone.signal.astype(float), 3) < 60
    assert outside.mean() > 0.01
    assert np.median(made.signal[outside]) < 80
    assert np.percentile(made.signal[outside], 99) < 150


def test_contrast_and_number_of_cells_show_in_the_voxels(brain):
    pale = make_brain(7, replace(SMALL, contrast=SMALL.contrast / 2))
    crowded = make_brain(7, replace(SMALL, cells=60))
    seen = above_surround(brain.signal, brain.cells)
    assert np.median(above_surround(pale.signal, pale.cells)) < 0.7 * np.median(seen)
    assert len(crowded.cells) > 1.5 * len(brain.cells)


def test_written_brain_reads_back(tmp_path, brain):
    write_brain(brain, tmp_path / "brain")
    for channel in ("signal", "background"):
        paths = sorted((tmp_path / "brain" / channel).iterdir())
        assert [p.name for p in paths[:2]] == ["plane_0000.tif", "plane_0001.tif"]
        planes = np.stack([tifffile.imread(path) for path in paths])
        np.testing.assert_array_equal(planes, getattr(brain, channel))
    cells = pd.read_csv(tmp_path / "brain" / "cells.csv")
    pd.testing.assert_frame_equal(cells, brain.cells, atol=1e-5)


def modified(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_a_second_write_does_nothing(tmp_path, small_cohort):
    assert write_cohort(tmp_path / "cohort") == ["first", "new"]
    before = modified(tmp_path / "cohort")
    assert write_cohort(tmp_path / "cohort") == []
    assert modified(tmp_path / "cohort") == before


def test_the_truth_of_a_brain_to_predict_is_not_named_as_an_annotation(tmp_path, small_cohort):
    write_cohort(tmp_path)
    assert (tmp_path / "new" / "truth.csv").exists()
    assert not (tmp_path / "new" / "cells.csv").exists()


def test_an_incomplete_or_differently_made_brain_is_written_anew(tmp_path, small_cohort):
    write_cohort(tmp_path)
    (tmp_path / "first" / "signal" / "plane_0003.tif").unlink()
    assert write_cohort(tmp_path) == ["first"]
    assert (tmp_path / "first" / "signal" / "plane_0003.tif").exists()
    small_cohort["new"] = replace(small_cohort["new"], seed=9)
    assert write_cohort(tmp_path) == ["new"]


def test_named_brains_alone_are_written(tmp_path, small_cohort):
    assert write_cohort(tmp_path, ["new"]) == ["new"]
    assert not (tmp_path / "first").exists()
    assert write_cohort(tmp_path) == ["first"]


def test_a_log_of_the_cohort_has_lines_and_no_bar(tmp_path, small_cohort, capfd):
    assert main([str(tmp_path), "--brains", "new"]) == 0
    told = capfd.readouterr()
    assert told.out == "wrote new\n"
    assert "\r" not in told.err


def test_the_note_of_the_demo_suits_brains_of_a_cohort_alone(tmp_path, small_cohort):
    write_cohort(tmp_path, ["new"])
    config = Config(arms=["features"], note=f"This is a {WORDS}.")
    for signal, suits in ((tmp_path / "new" / "signal", True), (tmp_path / "mine.tif", False)):
        brains = {"a": Brain("a", str(signal), (5, 2, 2))}
        assert (demo_note_doubts(Project(config, brains, {})) == []) == suits


def test_the_note_of_the_demo_owns_that_its_settings_know_the_test_brain():
    """The report claims that nothing was chosen by that brain's annotation in this run."""
    config = yaml.safe_load(CONFIG.read_text())
    note = " ".join(config["note"].split())
    assert WORDS in note
    assert "chosen with a look at the test brain phantom_test" in note


def test_an_unknown_brain_is_refused_with_the_names_there_are(tmp_path, small_cohort, capsys):
    with pytest.raises(InputError, match=r"phantom_z.*first, new"):
        write_cohort(tmp_path, ["phantom_z"])
    assert main([str(tmp_path / "cohort"), "--brains", "phantom_z"]) == 2
    assert "phantom_z" in capsys.readouterr().err
    assert not (tmp_path / "cohort").exists()
