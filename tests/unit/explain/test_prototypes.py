"""Prototypes as cuboids: where each is most present, and the points it gives."""

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from synthetic_cuboids import SHAPE, make_brains
from trained_folds import train_in

from cellsift.calibration.description import write_description
from cellsift.cuboids.normalisation import Normalisation
from cellsift.explain.arm import explain_arm
from cellsift.explain.prototypes import export_prototypes
from cellsift.io.tables import read_table
from cellsift.models.storage import load_model, save_model
from cellsift.results import ExplanationFolder
from cellsift.settings.arms import Arm
from cellsift.settings.recipe import Recipe

SMALL = {"depth": 10, "width": 4, "prototypes": 12}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Models of both folds, stores, and each brain's candidates with their fold."""
    return train(tmp_path_factory.mktemp("trained"), SHAPE)


def train(folder, shape, **options):
    stores, table = make_brains(folder, count=40, shape=shape)
    recipe = {"epochs": 2, "batch_size": 16, "learning_rate": 0.003}
    arm = Arm("p", "pipnet3d", SMALL | options, Recipe.from_dict(recipe))
    models = {fold: train_in(folder, arm, (stores, table), fold) for fold in range(2)}
    cells = {
        brain: pd.DataFrame({"fold": of.sort_values("candidate")["fold"].to_numpy()})
        for brain, of in table.groupby("brain")
    }
    return models, stores, cells


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prototypes")
    return folder, export_prototypes(*trained, folder)


def test_each_prototype_is_shown_where_it_is_most_present(trained, exported):
    models, stores, cells = trained
    _, table = exported
    assert set(table["fold"]) == {0, 1}
    for row in table.itertuples():
        model, sidecar = load_model(models[row.fold])
        normalisation = Normalisation.from_dict(sidecar["normalisation"])
        highest = {}
        for brain, store in stores.items():
            learnt = np.flatnonzero(cells[brain]["fold"] != row.fold)
            inputs = normalisation.apply(store.read(learnt), store.log_median, store.log_spread)
            with torch.inference_mode():
                maps = model.prototype_maps(inputs)[:, row.prototype]
            for candidate, of_candidate in zip(learnt, maps, strict=True):
                highest[brain, candidate] = float(of_candidate.max())
        assert row.presence == pytest.approx(max(highest.values()), abs=1e-5)
        assert highest[row.brain, row.candidate] == pytest.approx(row.presence, abs=1e-5)


def test_points_are_those_of_the_scoring_sheet(trained, exported):
    models, *_ = trained
    _, table = exported
    for fold, path in models.items():
        sheet = load_model(path)[0].scoring_sheet()
        for row in table[table["fold"] == fold].itertuples():
            expected = sheet[row.prototype].tolist()
            assert [row.points_no_cell, row.points_cell] == pytest.approx(expected)
    first = table[table["fold"] == 0]
    assert first["points_cell"].is_monotonic_decreasing


def test_pieces_are_of_the_cuboids_around_the_places(trained, exported):
    _, stores, _ = trained
    folder, table = exported
    with tifffile.TiffFile(folder / "prototypes.tif") as tif:
        stack, labels = tif.asarray(), tif.imagej_metadata["Labels"]
    stack = stack.reshape(len(table), -1, 3, *stack.shape[-2:]).swapaxes(1, 2)
    middle = tuple((n - 1) // 2 for n in stack.shape[2:])
    assert all(n % 2 for n in stack.shape[2:])
    for number, row in enumerate(table.itertuples()):
        place = (row.z, row.y, row.x)
        assert all(0 <= p < n for p, n in zip(place, SHAPE, strict=True))
        (cuboid,) = stores[row.brain].read(np.array([row.candidate]))
        for channel in (0, 1):
            assert stack[number, channel][middle] == cuboid[channel][place]
        assert 0 <= stack[number, 2].min() <= stack[number, 2].max() <= 1
    assert labels[0].endswith(f"{table['points_no_cell'][0]:.3f}")
    assert "prototypes.csv" in {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("shape", "options", "planes"),
    [((1, 20, 20), {}, 1), ((3, 20, 20), {"planes_as_channels": True}, 3)],
)
def test_pieces_of_images_have_the_cuboids_planes(tmp_path, shape, options, planes):
    table = export_prototypes(*train(tmp_path, shape, **options), tmp_path / "out")
    assert len(table)
    with tifffile.TiffFile(tmp_path / "out" / "prototypes.tif") as tif:
        assert tif.imagej_metadata.get("slices", 1) == planes
    assert set(table["z"]) == {planes // 2}


def test_a_sheet_without_points_exports_nothing(trained, tmp_path):
    models, stores, cells = trained
    model, sidecar = load_model(models[0])
    with torch.no_grad():
        model.sheet.zero_()
    path = save_model(tmp_path / "fold-0.json", model, sidecar)
    table = export_prototypes({0: path}, stores, cells, tmp_path / "out")
    assert table.empty
    assert (tmp_path / "out" / "prototypes.tif").exists()


def test_they_are_among_the_explanations_of_an_arm(trained, exported, tmp_path):
    models, stores, cells = trained
    folder = models[0].parent
    write_description(folder, list(models.values()), {"temperature": 1.0, "threshold": 0.5})
    scored = {
        brain: of.assign(z=0.0, y=0.0, x=0.0, p_cell=0.5, is_cell=True, label="cell")
        for brain, of in cells.items()
    }
    explain_arm(folder, stores, scored, ExplanationFolder(tmp_path), count=1)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "prototypes.csv"), read_table(exported[0] / "prototypes.csv")
    )
    assert (tmp_path / "prototypes.tif").stat().st_size > 1000
    assert (tmp_path / "montage.png").stat().st_size > 1000
