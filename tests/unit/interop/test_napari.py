"""A brain's results in napari: layers, its plugin, and a window where there is one."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import dask.array as da
import npe2
import numpy as np
import pandas as pd
import pytest
import tifffile
from npe2 import PluginManager, PluginManifest

import cellsift
from cellsift.cli import main
from cellsift.errors import InputError
from cellsift.explain.volume import write_saliency
from cellsift.interop.napari_layers import brain_layers
from cellsift.interop.napari_reader import napari_get_reader, read_results
from cellsift.io.tables import read_table, write_table
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.accept_volumes import accept_volumes
from cellsift.steps.check_volumes import check_volumes
from cellsift.steps.label import label

SIZE, SHAPE = (5.0, 2.0, 2.0), (28, 150, 180)
SETTINGS = {"detection": {"method": "dog"}, "matching": {"distance_um": 10.0}}
MANIFEST = Path(cellsift.__file__).with_name("interop") / "napari.yaml"
CUBOID = (7, 15, 15)
AXES = ["z", "y", "x"]


@pytest.fixture(scope="module")
def results(small_brains, tmp_path_factory) -> Results:
    """What a run leaves of a brain: looked at, detected in, labelled, classified and explained."""
    results = Results(tmp_path_factory.mktemp("napari") / "mine")
    source = small_brains / "mouse_1"
    paths = {name: str(source / name) for name in ("signal", "background")}
    cells = str(source / "cells.csv")
    brain = Brain("mouse_1", voxel_size=SIZE, role="train", settings=SETTINGS, cells=cells, **paths)
    files = results.brain(brain.name)
    check_volumes(brain, 1, files.checked, print)
    accept_volumes(files.checked, files.volumes)
    signal = cellsift.open_volume(paths["signal"], SIZE)
    candidates = cellsift.detect(signal, "dog", soma_diameter=14, minimum_contrast=0.3)
    write_table(candidates, files.candidates)
    outputs = files.labels, files.labels_summary, print
    label(brain, files.candidates, files.volumes, *outputs, positions=files.annotation)
    p_cell = np.linspace(0, 1, len(candidates))
    for arm, threshold in (("first", 0.5), ("second", 0.9)):
        scored = candidates[AXES].assign(p_cell=p_cell, is_cell=p_cell > threshold)
        write_table(scored, files.cells(arm))
    explain(results, signal, candidates)
    return results


def explain(results: Results, signal, candidates: pd.DataFrame) -> None:
    """Examples of two brains, whose saliency is the signal itself, as a share of its largest."""
    explained = results.explanation("first")
    inside = candidates[(candidates[AXES] > CUBOID).all(axis=1)].iloc[:2]
    store = cellsift.extract_cuboids(
        signal, None, inside[AXES].to_numpy(), CUBOID, SIZE, results.path / "cuboids.zarr"
    )
    cuboids = store.read(np.arange(2)).astype(float)
    chosen = inside[AXES].assign(kind=["cell", "artefact"], brain=["mouse_1", "other"], p_cell=0.5)
    write_table(chosen, explained.chosen)
    write_saliency(explained.saliency, cuboids, cuboids[:, 0] / 2**16, SIZE, ["a", "b"])


@pytest.fixture(scope="module")
def layers(results):
    return {layer.told["name"]: layer for layer in brain_layers(results.brain("mouse_1"))}


def test_layers_are_the_tables_in_voxels_with_a_scale_in_micrometres(results, layers, small_brains):
    files = results.brain("mouse_1")
    cells = read_table(files.cells("second"))
    truth = pd.read_csv(small_brains / "mouse_1" / "cells.csv")
    wanted = {
        "candidates": read_table(files.candidates),
        "annotated cells": truth,
        "cells of second": cells[cells["is_cell"]],
    }
    for name, table in wanted.items():
        assert layers[name].kind == "points"
        assert layers[name].told["scale"] == SIZE
        shown = pd.DataFrame(layers[name].data, columns=AXES)
        assert len(shown) == len(table) > 1
        found = shown.sort_values(AXES).to_numpy(), table[AXES].sort_values(AXES).to_numpy()
        np.testing.assert_allclose(*found, atol=1e-5)
    assert list(layers["cells of second"].told["features"]["p_cell"] > 0.9) == [True] * len(
        layers["cells of second"].data
    )


def test_volumes_are_not_read(layers, small_brains):
    for column in ("signal", "background"):
        layer = layers[column]
        assert isinstance(layer.data, da.Array)
        assert (layer.kind, layer.data.shape, layer.told["scale"]) == ("image", SHAPE, SIZE)
        low, high = layer.told["contrast_limits"]
        assert 0 <= low < high
    planes = sorted((small_brains / "mouse_1" / "signal").glob("*.tif"))
    plane = layers["signal"].data[3].compute()
    assert (plane == tifffile.imread(planes[3])).all()


def test_saliency_lies_where_its_cuboid_was_cut(layers):
    """Here it is the signal itself: where it lies, the same intensities are."""
    (name,) = (name for name in layers if name.startswith("saliency"))
    assert name == "saliency of first: cell, p_cell 0.50"
    maps, told = layers[name].data, layers[name].told
    start = np.rint(np.array(told["translate"]) / told["scale"]).astype(int)
    assert told["scale"] == pytest.approx(SIZE)
    np.testing.assert_allclose(start * told["scale"], told["translate"], atol=1e-6)
    part = tuple(slice(first, first + n) for first, n in zip(start, CUBOID, strict=True))
    signal = layers["signal"].data[part].compute()
    np.testing.assert_allclose(maps * 2**16, signal, rtol=1e-5)


def test_arms_are_chosen_and_an_unknown_one_is_refused_with_those_there_are(results):
    brain = results.brain("mouse_1")
    names = [layer.told["name"] for layer in brain_layers(brain, ["second"], saliency=False)]
    assert [name for name in names if "of" in name] == ["cells of second"]
    with pytest.raises(InputError, match="no cells of third; its arms are first, second"):
        brain_layers(brain, ["third"])
    with pytest.raises(InputError, match=r"one of its brains \(mouse_1\)"):
        brain_layers(results.brain("mouse_7"))


def test_without_its_volume_a_brain_shows_its_cells_and_says_so(results, tmp_path):
    copied = Results(tmp_path / "copied").brain("mouse_1")
    copied.path.mkdir(parents=True)
    for path in results.brain("mouse_1").path.glob("*.*"):
        (copied.path / path.name).write_bytes(path.read_bytes())
    found = json.loads(copied.volumes.read_text())
    found["signal"]["path"] = "moved/away"
    copied.volumes.write_text(json.dumps(found))
    told = []
    names = [layer.told["name"] for layer in brain_layers(copied, tell=told.append)]
    assert names == ["background", "candidates", "annotated cells"]
    assert "signal is not shown: moved/away: there is no such volume" in told[0]
    # Beside the folder of the results it is found from anywhere, if it is the same.
    away = tmp_path / "moved" / "away"
    away.mkdir(parents=True)
    tifffile.imwrite(away / "plane_0.tif", np.zeros((9, 9), np.uint16))
    tifffile.imwrite(away / "plane_1.tif", np.zeros((9, 9), np.uint16))
    brain_layers(copied, tell=told.append)
    assert "has the shape (z, y, x) (2, 9, 9)" in told[1]


def test_what_the_package_says_of_itself_to_napari_is_valid():
    manifest = PluginManifest.from_file(MANIFEST)
    manifest.validate_imports()
    root = Path(__file__).resolve().parents[3]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    named = project["project"]["entry-points"]["napari.manifest"]
    assert named == {manifest.name: f"cellsift.interop:{MANIFEST.name}"}
    assert MANIFEST.name in project["tool"]["setuptools"]["package-data"]["cellsift.interop"]
    assert "napari" in project["project"]["optional-dependencies"]


def test_a_brains_folder_opens_as_its_layers(results, monkeypatch):
    plugins = PluginManager()
    plugins.register(PluginManifest.from_file(MANIFEST))
    monkeypatch.setattr(PluginManager, "instance", lambda: plugins)
    found = npe2.read([results.brain("mouse_1").path], stack=False, plugin_name="cellsift")
    wanted = brain_layers(results.brain("mouse_1"))
    assert [layer[1]["name"] for layer in found] == [layer.told["name"] for layer in wanted]


def test_of_several_brains_the_first_is_seen(results, tmp_path):
    both = Results(tmp_path / "both")
    (both.path / "brains").mkdir(parents=True)
    for name in ("mouse_1", "mouse_2"):
        os.symlink(results.brain("mouse_1").path, both.brain(name).path)
    found = read_results(str(both.path))
    seen = [layer.told["name"] for layer in found if layer.told["visible"]]
    assert {"mouse_1: signal", "mouse_1: candidates"} <= set(seen)
    assert not any(name.startswith("mouse_2") for name in seen)
    assert any(layer.told["name"] == "mouse_2: candidates" for layer in found)


@pytest.mark.parametrize("part", ["", "signal", "explanations", "brains"])
def test_other_folders_and_files_are_left_to_other_plugins(results, small_brains, part):
    others = {
        "": small_brains,
        "signal": small_brains / "mouse_1" / "signal",
        "explanations": results.explanation("first").path,
        "brains": results.path / "brains",
    }
    assert napari_get_reader(str(others[part])) is None
    assert napari_get_reader(str(results.brain("mouse_1").candidates)) is None
    assert napari_get_reader([str(results.path), str(others[part])]) is None


def test_no_window_is_no_traceback(results, capsys):
    """As most environments have no binding of Qt."""
    code = "import sys; sys.modules['qtpy'] = None; from cellsift.cli import main; "
    code += f"main(['view', {str(results.path)!r}, 'mouse_1'])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert "pip install 'cellsift[napari]'" in ended.stderr
    assert "Traceback" not in ended.stderr
    with pytest.raises(SystemExit) as end:
        main(["view", str(results.path), "mouse_9"])
    assert end.value.code == 2
    assert "mouse_1" in capsys.readouterr().err


OPENED = """
import sys
from cellsift.interop.napari_layers import brain_layers
from cellsift.interop.napari_window import open_window
from cellsift.results import Results
viewer = open_window(brain_layers(Results(sys.argv[1]).brain("mouse_1")), "mouse_1")
print([layer.name for layer in viewer.layers], viewer.layers["signal"].extent.world[1].tolist())
viewer.close()
"""


def test_napari_opens_the_layers(results):
    reason = "napari has no window here: no Qt is installed (extra napari)"
    pytest.importorskip("qtpy.QtWidgets", reason=reason, exc_type=ImportError)
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    ended = subprocess.run(
        [sys.executable, "-c", OPENED, str(results.path)],
        capture_output=True,
        text=True,
        env=environment,
    )
    if "glGetParameter" in ended.stderr:
        pytest.skip("napari has nothing to draw with here: no OpenGL without a display")
    assert ended.returncode == 0, ended.stderr
    assert "cells of second" in ended.stdout
    assert "[135.0, 298.0, 358.0]" in ended.stdout
