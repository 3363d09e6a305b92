"""The search for a detector and its parameters on annotated brains."""

import json
import re
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pytest
import tifffile
import yaml

from cellsift.detection import check_parameters
from cellsift.detection.registry import detector_class
from cellsift.detection.resources import Resources
from cellsift.detection.somata import Somata
from cellsift.errors import InputError
from cellsift.evaluation.recall_curve import Piece, RecallCurve
from cellsift.io.tables import read_table
from cellsift.io.volumes import Volume
from cellsift.phantom import BrainSettings, make_brain
from cellsift.training.detection import crops as crops_module
from cellsift.training.detection import search as search_module
from cellsift.training.detection.__main__ import main as suggestion_command
from cellsift.training.detection.crops import cut_crops, window_size
from cellsift.training.detection.judging import Judgement, Wish, judge
from cellsift.training.detection.outcome import LeftOpen, write_outcome
from cellsift.training.detection.preparing import AnnotatedVolume, prepare_search
from cellsift.training.detection.search import (
    DetectionSearch,
    Trial,
    best_of,
    tried_on_others,
)
from cellsift.training.detection.suggestion import suggest_detection
from cellsift.training.detection.trying import TrialBrain, curves_of

SIZE = (5.0, 2.0, 2.0)
SOMATA = Somata(diameter=14.0, depth=17.0)
CUBOID = {"shape": [12, 25, 25], "voxel_size": [5.6, 2.8, 2.8]}
DOG = {"soma_diameter": 9.0, "axial_blur": 1.0, "minimum_distance": 5.0}


def volume_of(voxels: np.ndarray) -> Volume:
    return Volume(da.from_array(voxels, chunks=(8, *voxels.shape[1:])), SIZE, "made up")


@pytest.fixture(scope="module")
def phantoms():
    """Two made-up brains: their volume and the positions of their cells."""
    made = [make_brain(seed, BrainSettings(shape=(24, 120, 150), cells=50)) for seed in (1, 2)]
    return [(volume_of(brain.signal), brain.cells[["z", "y", "x"]].to_numpy()) for brain in made]


@pytest.fixture(scope="module")
def brains(phantoms):
    return [
        TrialBrain(name, cut_crops(volume, cells, 1e9, 30, 1), 10.0)
        for name, (volume, cells) in zip("ab", phantoms, strict=True)
    ]


@pytest.fixture
def short(brains) -> DetectionSearch:
    return DetectionSearch(brains, SOMATA, trials=8, seed=3, resources=Resources(threads=1))


class TestCrops:
    def test_a_brain_that_is_small_enough_is_taken_whole(self, phantoms):
        volume, cells = phantoms[0]
        (crop,) = cut_crops(volume, cells, volume.data.size, 30, 1)
        assert crop.volume.shape == volume.shape
        assert crop.counts(crop.annotated).all()
        np.testing.assert_array_equal(crop.annotated, cells)

    def test_crops_of_a_larger_one_hold_cells_and_share_no_voxel(self, phantoms):
        volume, cells = phantoms[0]
        crops = cut_crops(volume, cells, volume.data.size / 4, 10, 1)
        assert 1 < len(crops) <= 256
        assert sum(np.prod(crop.volume.shape) for crop in crops) <= volume.data.size / 4
        taken = np.zeros(volume.shape, int)
        for crop in crops:
            window = tuple(
                slice(a, a + n) for a, n in zip(crop.origin, crop.volume.shape, strict=True)
            )
            taken[window] += 1
            np.testing.assert_array_equal(crop.volume.data.compute(), volume.data[window].compute())
            assert len(crop.annotated)
            assert crop.holds(crop.annotated + crop.origin).all()
        assert taken.max() == 1

    def test_what_lies_in_the_margin_does_not_count(self, phantoms):
        volume, cells = phantoms[0]
        crop = cut_crops(volume, cells, volume.data.size / 4, 10, 1)[0]
        crop = replace(crop, margin=np.array([[2, 3, 3], [2, 3, 3]]))
        last = np.array(crop.volume.shape) - 1
        assert not crop.counts(np.array([[0, *last[1:] // 2], last])).any()
        assert crop.counts(last[None] // 2).all()

    def test_where_cells_are_sparse_there_are_more_and_smaller_crops(self):
        volume = volume_of(np.zeros((160, 400, 400), np.uint8))
        rng = np.random.default_rng(1)
        sparse = rng.uniform([0, 0, 0], [159, 399, 399], (70, 3))
        dense = rng.uniform([0, 0, 0], [159, 399, 399], (7000, 3))
        for cells, most in ((sparse, 256), (dense, 4)):
            crops = cut_crops(volume, cells, 4e6, 30, 1)
            assert sum(np.prod(crop.volume.shape) for crop in crops) <= 4e6
            assert len(crops) <= most
            counted = sum(int(crop.counts(crop.annotated).sum()) for crop in crops)
            assert counted >= 15
        assert len(cut_crops(volume, sparse, 4e6, 30, 1)) > 4

    def test_where_cells_are_dense_crops_are_smaller(self):
        """More cells tell no more, and a search would take longer than a detection."""
        volume = volume_of(np.zeros((160, 400, 400), np.uint8))
        dense = np.random.default_rng(1).uniform([0, 0, 0], [159, 399, 399], (20_000, 3))
        crops = cut_crops(volume, dense, 1.2e7, 10, 1)
        counted = sum(int(crop.counts(crop.annotated).sum()) for crop in crops)
        assert 200 < counted <= 900
        assert len(crops) == 4

    def test_the_windows_of_a_whole_brain_are_not_listed(self, monkeypatch):
        """There are millions of the smallest, which would not fit into the memory of the job."""
        shape = (2000, 7000, 7000)
        whole = Volume(da.zeros(shape, np.uint16, chunks=(4, *shape[1:])), SIZE, "made up")
        cells = np.random.default_rng(0).uniform(0, shape, (300, 3))
        monkeypatch.setattr(crops_module, "_read", lambda volume, start, *_: start)
        tracemalloc.start()
        starts = cut_crops(whole, cells, 6e6, 30, 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(starts) > 4
        assert peak < 5e6

    def test_at_the_border_of_the_volume_itself_everything_counts(self, phantoms):
        volume, cells = phantoms[0]
        for crop in cut_crops(volume, cells, volume.data.size / 4, 10, 1):
            at_start = crop.origin == 0
            at_end = crop.origin + crop.volume.shape == volume.shape
            assert ((crop.margin[0] == 0) == at_start).all()
            assert ((crop.margin[1] == 0) == at_end).all()

    def test_windows_are_as_long_in_micrometres_along_each_axis(self):
        volume = volume_of(np.zeros((400, 900, 800), np.uint8))
        z, y, x = window_size(volume, 1e6) * np.array(SIZE)
        assert y == pytest.approx(x, rel=0.05)
        assert z == pytest.approx(x, rel=0.1)
        flat = volume_of(np.zeros((6, 3000, 3000), np.uint8))
        assert window_size(flat, 1e6)[0] == 6
        assert np.prod(window_size(flat, 1e6)) == pytest.approx(1e6, rel=0.05)

    def test_the_same_seed_takes_the_same_crops(self, phantoms):
        volume = volume_of(np.zeros((80, 200, 200), np.uint8))
        cells = np.random.default_rng(1).uniform([0, 0, 0], [79, 199, 199], (4000, 3))

        def origins(seed):
            crops = cut_crops(volume, cells, volume.data.size / 6, 10, seed)
            return [tuple(crop.origin) for crop in crops]

        assert origins(1) == origins(1)
        assert len({tuple(origins(seed)) for seed in range(8)}) > 1


class TestTrying:
    def test_a_brain_in_crops_gives_the_candidates_of_the_whole(self, phantoms):
        """But for those near a border, where something else lies beyond it."""
        volume, cells = phantoms[0]
        whole = TrialBrain("a", cut_crops(volume, cells, 1e9, 30, 1), 10.0)
        parts = TrialBrain("a", cut_crops(volume, cells, volume.data.size / 2, 20, 1), 10.0)
        found = [
            next(iter(curves_of([brain, brain_b], "dog", DOG).values()))
            for brain, brain_b in (
                (whole, replace(whole, name="b")),
                (parts, replace(parts, name="b")),
            )
        ]
        in_whole = {tuple(at) for piece in found[0].pieces for at in piece.positions}
        in_parts = [
            tuple(at + crop.origin)
            for piece, crop in zip(found[1].pieces, parts.crops, strict=True)
            for at in piece.positions[piece.counted]
        ]
        assert in_parts
        assert np.mean([at in in_whole for at in in_parts]) > 0.95

    def test_an_only_brain_is_divided_into_halves_with_as_many_cells(self, brains):
        halves = curves_of(brains[:1], "dog", DOG)
        assert list(halves) == ["half 1", "half 2"]
        counts = [half.annotated for half in halves.values()]
        assert sum(counts) == brains[0].annotated
        assert abs(counts[0] - counts[1]) <= 2

    def test_a_few_cells_are_not_divided(self, brains):
        crop = brains[0].crops[0]
        few = replace(brains[0], crops=[replace(crop, annotated=crop.annotated[:6])])
        assert list(curves_of([few], "dog", DOG)) == ["a"]

    def test_a_brain_without_cells_is_no_group(self, brains):
        bare = TrialBrain("bare", [replace(brains[0].crops[0], annotated=np.empty((0, 3)))], 10.0)
        assert "bare" not in curves_of([*brains, bare], "dog", DOG)


class TestJudging:
    def curve(self, of_cells, of_others=(), unreached=0):
        count = len(of_cells) + len(of_others)
        at = np.column_stack([np.zeros(count), 50.0 * np.arange(count), np.zeros(count)])
        lost = np.column_stack([np.full(unreached, 900.0)] + [50.0 * np.arange(unreached)] * 2)
        contrasts = np.array([*of_cells, *of_others], float)
        piece = Piece(at, contrasts, np.concatenate([at[: len(of_cells)], lost]))
        return RecallCurve([piece], SIZE, 10.0)

    def test_what_is_told_of_a_brain_is_with_the_threshold_of_the_others(self):
        bright = self.curve([0.9] * 20, [0.8] * 20)
        faint = self.curve([0.2] * 20, [0.1] * 20)
        judged = judge({"bright": bright, "faint": faint}, Wish(0.9, 1.5))
        assert judged.held_out["faint"]["recall"] == 0.0
        assert judged.held_out["bright"]["candidates_per_cell"] == 2.0
        # Together they have the threshold that reaches the recall in both.
        assert judged.groups["faint"]["recall"] == 1.0
        alike = judge({"one": bright, "other": bright}, Wish(0.9, 1.5))
        assert alike.loss < judged.loss

    def test_recall_is_worth_more_than_candidates(self):
        few, many = self.curve([0.9] * 80, unreached=20), self.curve([0.9] * 97, [0.9] * 200, 3)
        wish = Wish(0.95, 4.0)
        assert judge({"a": many, "b": many}, wish).loss < judge({"a": few, "b": few}, wish).loss

    def test_of_the_same_recall_fewer_candidates_are_better(self):
        few, many = self.curve([0.9] * 50, [0.9] * 20), self.curve([0.9] * 50, [0.9] * 60)
        wish = Wish(0.95, 4.0)
        assert judge({"a": few, "b": few}, wish).loss < judge({"a": many, "b": many}, wish).loss

    def test_a_setting_that_would_miss_smaller_somata_is_worse(self):
        good = {"a": self.curve([0.9] * 50), "b": self.curve([0.9] * 50)}
        missing = {name: self.curve([0.9] * 30, unreached=20) for name in good}
        wish = Wish(0.95, 4.0)
        robust, fragile = judge(good, wish, good), judge(good, wish, missing)
        assert robust.loss == judge(good, wish).loss < fragile.loss
        # What is told of a setting is what it gives, not what it would give.
        assert fragile.groups == robust.groups

    def test_of_settings_as_good_as_each_other_the_quicker_detector_is_taken(self):
        def trial(number, method, loss):
            return Trial(number, method, {}, {}, Judgement(loss, {}, {}, {}))

        as_good = [trial(0, "cellfinder", 2.0), trial(1, "dog", 2.01), trial(2, "dog", 2.5)]
        assert best_of(as_good).number == 1
        better = [trial(0, "cellfinder", 1.5), trial(1, "dog", 2.01)]
        assert best_of(better).method == "cellfinder"

    def test_what_is_told_of_a_brain_is_of_the_setting_that_is_best_on_the_others(self):
        def trial(number, losses, recall):
            held_out = {name: {"recall": recall} for name in losses}
            mean = sum(losses.values()) / len(losses)
            return Trial(number, "dog", {}, {}, Judgement(mean, losses, held_out, held_out))

        trials = [trial(0, {"a": 1.0, "b": 9.0}, 0.5), trial(1, {"a": 3.0, "b": 2.0}, 0.8)]
        assert best_of(trials).number == 1
        # Without a say of its own, b has what is best on a.
        found = tried_on_others(trials)
        assert {name: one["recall"] for name, one in found.items()} == {"a": 0.8, "b": 0.5}

    def test_of_a_partly_annotated_brain_more_candidates_cost_little(self):
        few = self.curve([0.9] * 20, [0.8] * 20)
        many = self.curve([0.9] * 20, [0.8] * 400)
        poor = self.curve([0.9] * 14, [0.8] * 10, unreached=6)
        of_few, of_many, of_poor = (
            judge({"a": replace(c, partial=True), "b": replace(c, partial=True)}, Wish()).loss
            for c in (few, many, poor)
        )
        assert of_few < of_many < of_poor

    def test_where_nothing_could_be_tried_it_says_why(self):
        refused = Trial(0, "dog", {}, {}, None, "the planes are too small")
        with pytest.raises(InputError, match="no detector can work .* the planes are too small"):
            best_of([refused])


class TestSearch:
    def test_it_finds_cells_that_the_defaults_for_another_soma_miss(self, brains, tmp_path):
        search = DetectionSearch(brains, SOMATA, trials=14, seed=1)
        best = best_of(search.run(tmp_path / "journal.log"))
        assert best.judgement.recall >= 0.9
        assert best.judgement.candidates_per_cell <= 4
        wrong = judge(curves_of(brains, "dog", {"soma_diameter": 40.0}), Wish())
        assert best.judgement.loss < wrong.loss / 3

    def test_the_same_seed_tries_the_same_with_any_number_of_threads(self, short, tmp_path):
        one = short.run(tmp_path / "one.log")
        other = replace(short, resources=Resources(threads=2)).run(tmp_path / "other.log")
        assert one == other
        third = replace(short, seed=4).run(tmp_path / "third.log")
        assert [t.values for t in one] != [t.values for t in third]

    def test_a_search_that_was_killed_goes_on_as_if_it_had_not_been(
        self, short, tmp_path, monkeypatch
    ):
        tried, killed = [], True
        real = search_module.curves_of

        def counted(brains, *arguments):
            tried.append(arguments)
            if killed and len(tried) == 6:
                raise KeyboardInterrupt
            return real(brains, *arguments)

        monkeypatch.setattr(search_module, "curves_of", counted)
        with pytest.raises(KeyboardInterrupt):
            short.run(tmp_path / "cut.log")
        killed, before = False, tried[:4]
        tried.clear()
        resumed = short.run(tmp_path / "cut.log")
        # Nothing of the trials that had ended is done again.
        assert not any(arguments in tried for arguments in before)
        assert resumed == short.run(tmp_path / "whole.log")

    def test_other_cells_begin_anew_and_the_same_do_nothing_again(
        self, short, tmp_path, monkeypatch
    ):
        first = short.run(tmp_path / "journal.log")
        fewer = replace(short.brains[0].crops[0], annotated=short.brains[0].crops[0].annotated[1:])
        other = replace(short, brains=[replace(short.brains[0], crops=[fewer]), short.brains[1]])
        assert [t.judgement for t in other.run(tmp_path / "journal.log")] != [
            t.judgement for t in first
        ]
        monkeypatch.setattr(search_module, "curves_of", None)
        assert short.run(tmp_path / "journal.log") == first

    def test_each_detector_is_tried_first_with_what_is_seen_of_the_somata(self, short, tmp_path):
        trials = short.run(tmp_path / "journal.log")
        assert {t.method for t in trials[:2]} == {"cellfinder", "dog"}
        for trial in trials[:2]:
            for name, tried in short.space(trial.method).items():
                middle = (
                    np.sqrt(tried.low * tried.high) if tried.log else (tried.low + tried.high) / 2
                )
                assert trial.values[name] == pytest.approx(middle, rel=0.01)

    def test_progress_is_told_up_to_the_end(self, short, tmp_path):
        told = []
        short.run(tmp_path / "journal.log", lambda done, total: told.append((done, total)))
        assert told == [(done, 8) for done in range(9)]

    @pytest.mark.parametrize("method", ["cellfinder", "dog"])
    @pytest.mark.parametrize("size", [(5, 2, 2), (6, 1.62, 1.62), (0.9, 0.2, 0.2), (50, 10, 10)])
    def test_what_is_tried_are_parameters_that_the_detector_takes(self, method, size):
        somata = Somata(3.0 * size[1] + 2.0, 2.0 * size[0] + 2.0)
        made = detector_class(method)
        space = made.search_space(somata, size)
        for end in ("low", "high"):
            values = {name: getattr(tried, end) for name, tried in space.items()}
            assert check_parameters(method, **made.searched_parameters(values))
        assert all(tried.low < tried.high for tried in space.values())


class TestOutcome:
    @pytest.fixture
    def files(self, tmp_path):
        return SimpleNamespace(
            choice=tmp_path / "chosen.json",
            outcome=tmp_path / "outcome.json",
            config=tmp_path / "chosen.yaml",
            trials=tmp_path / "trials.csv",
        )

    def test_the_choice_can_be_pasted_into_a_config(self, short, files, tmp_path):
        from cellsift.project.reading import load_project

        trials = short.run(tmp_path / "journal.log")
        choice = write_outcome(short, trials, LeftOpen(10.5, CUBOID), files)
        assert json.loads(files.outcome.read_text()) == choice
        assert json.loads(files.choice.read_text()).items() <= choice.items()
        pasted = yaml.safe_load(files.config.read_text())
        config = load_project({"arms": ["features"], **pasted}).config
        assert config.detection.method == choice["detection"]["method"]
        given = choice["detection"].items() - {("method", config.detection.method)}
        assert given <= config.detection.parameters.items()
        assert config.matching.distance_um == 10.5
        assert list(config.cuboid.voxel_size) == choice["cuboid"]["voxel_size"]

    def test_all_trials_are_in_the_table_with_the_chosen_one_marked(self, short, files, tmp_path):
        trials = short.run(tmp_path / "journal.log")
        choice = write_outcome(short, trials, LeftOpen(10.0, CUBOID), files)
        table = read_table(files.trials)
        assert list(table["trial"]) == list(range(8))
        assert table.loc[table["chosen"], "trial"].tolist() == [choice["trial"]]
        best = table[table["chosen"]].iloc[0]
        assert best["soma_diameter"] == choice["detection"]["soma_diameter"]

    def notes(self, search, tmp_path, files):
        trials = search.run(tmp_path / "journal.log")
        return " ".join(write_outcome(search, trials, LeftOpen(10.0, CUBOID), files)["notes"])

    def test_it_says_what_it_cannot_know(self, short, files, tmp_path):
        few = [
            replace(b, crops=[replace(b.crops[0], annotated=b.crops[0].annotated[:9])])
            for b in short.brains
        ]
        assert "Only 18 annotated cells" in self.notes(replace(short, brains=few), tmp_path, files)
        partial = [replace(short.brains[0], partial=True), short.brains[1]]
        said = self.notes(replace(short, brains=partial), tmp_path, files)
        assert "Of the cells of a only some are annotated" in said
        alone = self.notes(replace(short, brains=short.brains[:1]), tmp_path, files)
        assert "tried on the other" in alone

    def test_cells_that_seem_flat_make_it_doubt_the_voxel_sizes(self, short, files, tmp_path):
        flat = replace(short, somata=Somata(diameter=14.0, depth=5.0))
        assert "check the voxel sizes" in self.notes(flat, tmp_path, files)
        assert "check the voxel sizes" not in self.notes(short, tmp_path, files)


class TestAnnotationOfAnother:
    def brain(self, seed: int, cells_of: int) -> AnnotatedVolume:
        one, other = (
            make_brain(s, BrainSettings(shape=(24, 120, 150), cells=50)) for s in (seed, cells_of)
        )
        cells = other.cells[["z", "y", "x"]].to_numpy(float)
        return AnnotatedVolume("mouse_9", volume_of(one.signal), cells, distance_um=8.0)

    def test_the_annotation_of_another_brain_is_refused_before_anything_is_tried(self):
        with pytest.raises(InputError, match="mouse_9 are no brighter than random places"):
            prepare_search([self.brain(1, cells_of=2)])

    def test_its_own_is_not(self):
        search, _ = prepare_search([self.brain(1, cells_of=1)])
        assert search.somata.diameter > 5


class TestSuggestion:
    def test_bright_spots_tell_how_large_they_are(self):
        rng = np.random.default_rng(2)
        log = rng.normal(6, 0.03, (30, 90, 90))
        grid = np.indices(log.shape)
        for centre in rng.integers([4, 10, 10], [26, 80, 80], (14, 3)):
            away = [(g - c) * s for g, c, s in zip(grid, centre, SIZE, strict=True)]
            log += np.exp(-(away[0] ** 2 / 7**2 + (away[1] ** 2 + away[2] ** 2) / 5**2) / 2)
        found = suggest_detection(volume_of(np.exp(log).astype(np.uint16)))
        assert found.detection["method"] == "dog"
        assert found.somata.diameter == pytest.approx(2.355 * 5, rel=0.2)
        assert found.somata.depth == pytest.approx(2.355 * 7, rel=0.3)

    def test_a_volume_without_spots_is_refused(self):
        with pytest.raises(InputError, match="no bright spots"):
            suggest_detection(volume_of(np.full((20, 60, 60), 500, np.uint16)))

    def test_the_command_prints_settings_that_say_they_are_unchecked(self, tmp_path, capsys):
        brain = make_brain(1, BrainSettings(shape=(24, 120, 150), cells=50))
        tifffile.imwrite(tmp_path / "signal.tif", brain.signal, photometric="minisblack")
        command = [str(tmp_path / "signal.tif"), "--voxel-size", "5", "2", "2"]
        assert suggestion_command(command) == 0
        said, progress = capsys.readouterr()
        sizes = re.findall(r"(\d+) of (\d+) sizes", progress)
        assert [int(number) for number, _ in sizes] == list(range(1, int(sizes[0][1]) + 1))
        assert "Unchecked" in said
        assert "one plane long" not in said
        assert "flatter" not in said
        given = yaml.safe_load(said)["detection"]
        assert check_parameters(**given)
        assert suggestion_command([str(tmp_path / "none.tif"), *command[1:]]) == 2
        assert "none.tif" in capsys.readouterr().err

    def test_the_size_of_voxels_is_what_the_files_say(self, tmp_path, capsys):
        brain = make_brain(1, BrainSettings(shape=(24, 120, 150), cells=50))
        path = tmp_path / "signal.tif"
        tifffile.imwrite(
            path,
            brain.signal,
            imagej=True,
            resolution=(0.5, 0.5),
            metadata={"spacing": 5.0, "unit": "um", "axes": "ZYX"},
        )
        assert suggestion_command([str(path)]) == 0
        from_file = capsys.readouterr().out
        assert "Voxels (z, y, x) of 5, 2, 2 µm, from ImageJ description" in from_file
        assert suggestion_command([str(path), "--voxel-size", "5", "2", "2"]) == 0
        assert from_file.splitlines()[1:] == capsys.readouterr().out.splitlines()[1:]

    def test_spots_of_a_single_plane_are_doubted(self, tmp_path, capsys):
        rng = np.random.default_rng(3)
        log = rng.normal(6, 0.03, (24, 90, 90))
        y, x = np.indices(log.shape[1:])
        for z, row, column in rng.integers([2, 10, 10], [22, 80, 80], (20, 3)):
            log[z] += np.exp(-((y - row) ** 2 + (x - column) ** 2) / 2 / 2.0**2)
        path = tmp_path / "signal.tif"
        tifffile.imwrite(path, np.exp(log).astype(np.uint16), photometric="minisblack")
        said = {}
        for size in ((), ("5", "2", "2"), ("9", "2", "2")):
            assert suggestion_command([str(path), *(["--voxel-size", *size] if size else [])]) == 0
            said[size] = capsys.readouterr().out
        assert "flatter along z than wide" in said["5", "2", "2"]
        # Planes so far apart do not make them flat, but still each is in one alone.
        assert "about one plane long" in said["9", "2", "2"]
        assert "about one plane long" in said[()]

    def test_without_any_size_spots_are_measured_in_voxels(self, tmp_path, capsys):
        brain = make_brain(1, BrainSettings(shape=(24, 120, 150), cells=50))
        path = tmp_path / "signal.tif"
        tifffile.imwrite(path, brain.signal, photometric="minisblack")
        assert suggestion_command([str(path)]) == 0
        said = capsys.readouterr().out
        assert "does not say how large its voxels are" in said
        # The phantom's cells are about 12 µm wide, its voxels 2 µm.
        width = float(said.split("a voxel is ")[1].split(" ")[0])
        assert width == pytest.approx(2, rel=0.35)
        assert "give --voxel-size" in said
