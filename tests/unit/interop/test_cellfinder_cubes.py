"""What was annotated for cellfinder's training is read as it was cut, and can be trained on."""

import numpy as np
import pytest
import tifffile
import yaml
from synthetic_cuboids import EXTENT, SHAPE, VOXEL_SIZE, blobs, narrow_arm
from trained_folds import train_in

from cellsift.errors import InputError
from cellsift.interop.cellfinder_cubes import read_training_cubes
from cellsift.io.json_files import read_json
from cellsift.labels.folds import assign_folds

DATA_VOXEL_SIZE = (4.0, 1.0, 2.0)


def save(folder, cuboids, places):
    """Write cubes as cellfinder's curation does, with the fractions of resized ones."""
    folder.mkdir(parents=True)
    for cuboid, (z, y, x) in zip(cuboids, places, strict=True):
        for channel, voxels in enumerate(cuboid):
            name = f"pCellz{z}y{y}x{x}Ch{channel}.tif"
            tifffile.imwrite(folder / name, voxels.astype(np.float32) - 0.3)


def write_brain(folder, seed, count=40):
    """Write cubes of a brain; return those of cells and of none, with their places."""
    random, made = np.random.default_rng(seed), {}
    places = random.permutation(2000)[:count, None] * [1, 2, 3] + [0, 1, 0]
    for index, kind in enumerate(("cells", "non_cells")):
        of_kind = places[index::2]
        cuboids = blobs(np.full(len(of_kind), kind == "cells"), seed + index)
        save(folder / kind, cuboids, of_kind)
        made[kind] = (cuboids, of_kind)
    return made


def entries(folder, background=1, **changed):
    return [
        {
            "cube_dir": f"{folder}/{kind}",
            "cell_def": "",
            "type": label,
            "signal_channel": 0,
            "bg_channel": background,
        }
        | changed
        for kind, label in (("cells", "cell"), ("non_cells", "no_cell"))
    ]


def write_yaml(folder, data):
    path = folder / "training.yaml"
    path.write_text(yaml.safe_dump({"data": data}))
    return path


@pytest.mark.parametrize("channels", [1, 2])
def test_cubes_labels_and_places_are_those_of_the_files(tmp_path, channels):
    made = write_brain(tmp_path / "one", 0)
    file = write_yaml(tmp_path, entries("one", background=1 if channels == 2 else -1))
    stores, table = read_training_cubes(file, tmp_path / "out", DATA_VOXEL_SIZE, VOXEL_SIZE)
    store = stores["one"]
    assert (store.channels, store.shape, store.voxel_size) == (channels, SHAPE, VOXEL_SIZE)
    assert len(store) == len(table) == 40
    read = store.read(table["candidate"].to_numpy())
    for kind, label in (("cells", "cell"), ("non_cells", "no_cell")):
        cuboids, places = made[kind]
        for cuboid, place in zip(cuboids, places, strict=True):
            at = (table[["z_um", "y_um", "x_um"]] == place * DATA_VOXEL_SIZE).all(axis=1)
            (row,) = np.flatnonzero(at)
            assert table["label"][row] == label
            np.testing.assert_array_equal(read[row], cuboid[:channels])
            np.testing.assert_array_equal(store.positions[row], place)


@pytest.mark.slow
def test_what_was_read_can_be_trained_on(tmp_path):
    for seed, name in enumerate(("one", "two")):
        write_brain(tmp_path / name, 10 * seed)
    file = write_yaml(tmp_path, entries("one") + entries("two"))
    stores, table = read_training_cubes(file, tmp_path / "out", DATA_VOXEL_SIZE, VOXEL_SIZE)
    brains = (stores, assign_folds(table, 2, EXTENT))
    sidecar = train_in(tmp_path / "trained", narrow_arm(epochs=1), brains)
    assert read_json(sidecar)["in_channels"] == 2


@pytest.mark.slow
def test_cellfinder_reads_the_same_of_the_same_yaml(tmp_path):
    train = pytest.importorskip("cellfinder.core.train.train_yaml")
    write_brain(tmp_path / "one", 0)
    # cellfinder looks for folders from where it is started.
    file = write_yaml(tmp_path, entries(tmp_path / "one"))
    files, cells = train.make_tiff_lists(train.get_tiff_files(train.parse_yaml([file])))
    stores, table = read_training_cubes(file, tmp_path / "out", (1, 1, 1), VOXEL_SIZE)
    ours = {
        (row.z_um, row.y_um, row.x_um): (row.label, stores["one"].read(np.array([row.candidate])))
        for row in table.itertuples()
    }
    assert len(cells) == len(ours)
    for of_channels, cell in zip(files, cells, strict=True):
        label, cuboid = ours[cell.z, cell.y, cell.x]
        assert (label == "cell") == cell.is_cell()
        theirs = [tifffile.imread(name) for name in of_channels]
        np.testing.assert_allclose(cuboid[0], theirs, atol=0.31)


def _same_place(folder):
    save(folder / "one" / "more", np.ones((2, 2, *SHAPE)), [(5, 5, 5), (9, 9, 9)])
    save(folder / "one" / "again", np.ones((1, 2, *SHAPE)), [(5, 5, 5)])
    one, two = entries("one")
    return [one | {"cube_dir": "one/more"}, two | {"cube_dir": "one/again"}]


def _without_background(folder):
    next((folder / "one" / "cells").glob("*Ch1.tif")).unlink()
    return entries("one")


def _other_shape(folder):
    save(folder / "one" / "other", np.ones((1, 2, 5, 9, 9)), [(9000, 0, 0)])
    return [*entries("one"), entries("one")[0] | {"cube_dir": "one/other"}]


def _not_raw(folder):
    save(folder / "one" / "scaled", np.full((1, 2, *SHAPE), -0.7), [(9000, 0, 0)])
    return [*entries("one"), entries("one")[0] | {"cube_dir": "one/scaled"}]


def _same_name(folder):
    write_brain(folder / "other" / "one", 1)
    return entries("one") + entries("other/one")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (lambda _: None, "has no list 'data'"),
        (lambda _: ["one"], "has no cube_dir"),
        (lambda _: entries("one", type="neuron"), "type .* is 'neuron'; write cell or no_cell"),
        (lambda _: entries("one", cell_def="cells.xml"), "leave cell_def empty"),
        (lambda _: entries("one", background=12), r"channels .* \[0, 12\]; give digits"),
        (lambda _: entries("one", signal_channel=-1), "has no signal_channel"),
        (lambda _: entries("absent"), "absent/cells is no folder"),
        (lambda _: entries("one", signal_channel=5), "no cubes of channel 5: files such as"),
        (_without_background, "Ch1.tif does not exist; .*Ch0.tif needs its background"),
        (_same_place, "are of one place in one"),
        (_other_shape, "give cubes of one shape"),
        (_not_raw, "give cubes of raw intensities"),
        (_same_name, "several folders .* are named one"),
    ],
)
def test_what_does_not_fit_together_is_refused_and_nothing_is_written(tmp_path, data, message):
    write_brain(tmp_path / "one", 0, count=4)
    file = write_yaml(tmp_path, data(tmp_path))
    with pytest.raises(InputError, match=message):
        read_training_cubes(file, tmp_path / "out", DATA_VOXEL_SIZE, VOXEL_SIZE)
    assert not list(tmp_path.glob("out/*"))
