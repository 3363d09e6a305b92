"""The weights in Keras files, read without Keras: only numbers are read, no code is run.

Three layouts are known: HDF5 with a group for every layer under its name (`save_weights` of
Keras 2; in `model_weights`, `save` to .h5), HDF5 with a group `layers/KIND_NUMBER/vars` for every
layer (`save_weights` of Keras 3), and .keras, a zip archive of config.json and such a file.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from cellsift.errors import InputError

ENDINGS = (".h5", ".hdf5", ".keras")
# Arrays may take this many times the size of their file: none is blown up from a few bytes.
MOST_BLOWN_UP = 4
LARGEST_CONFIG = 64_000_000  # bytes of config.json; that of a ResNet-152 has half a million
# Names the groups of a layer's kind as Keras does: "BatchNormalization" is "batch_normalization".
WORD = re.compile(r"([a-z])([A-Z])")

Layers = dict[str, list[np.ndarray]]


def read_layers(path: str | Path) -> Layers:
    """Return the arrays of every layer with weights, by the layer's name, in Keras' order.

    Raises:
        InputError: the file is missing, damaged, no Keras file, leads to other files, or is small
            but would fill memory.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist; give a Keras file ({', '.join(ENDINGS)})")
    try:
        with _opened(path) as (file, names):
            layers = _read(file, names, MOST_BLOWN_UP * path.stat().st_size)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    # What h5py raises for a garbled file depends on the bytes.
    except Exception as error:
        raise InputError(f"{path} is no whole Keras file ({error}); copy it again") from error
    if not layers:
        raise InputError(f"{path} holds no weights of layers; give weights that Keras saved")
    return layers


@contextmanager
def _opened(path: Path) -> Iterator[tuple[h5py.File, dict[str, str]]]:
    """Yield the open HDF5 file, and the layers' names by group where a config tells them."""
    if not zipfile.is_zipfile(path):
        with h5py.File(path) as file:
            yield file, {}
        return
    with zipfile.ZipFile(path) as archive:
        config, weights = (archive.getinfo(name) for name in ("config.json", "model.weights.h5"))
        if config.compress_type or weights.compress_type or config.file_size > LARGEST_CONFIG:
            raise InputError(
                "its parts are compressed, which Keras does not do; save it with Keras again"
            )
        names = _names_by_group(json.loads(archive.read(config)))
        with archive.open(weights) as content, h5py.File(content, "r") as file:
            yield file, names


def _names_by_group(config: dict) -> dict[str, str]:
    """Return the names of layers by the groups in which Keras 3 puts them: kind and number."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}
    for layer in config["config"]["layers"]:
        kind = WORD.sub(r"\1_\2", layer["class_name"]).lower()
        number = counts[kind] = counts.get(kind, -1) + 1
        names[f"{kind}_{number}" if number else kind] = layer["config"]["name"]
    return names


def _read(file: h5py.File, names: dict[str, str], most_bytes: int) -> Layers:
    if "layers" in file:
        layers = _numbered_layers(_inside(file, "layers"), names)
    else:
        layers = _named_layers(_inside(file, "model_weights") if "model_weights" in file else file)
    found = {name: datasets for name, datasets in layers if datasets}
    if sum(dataset.nbytes for of_layer in found.values() for dataset in of_layer) > most_bytes:
        raise InputError("its arrays are far larger than the file; give weights that Keras saved")
    return {name: [dataset[()] for dataset in datasets] for name, datasets in found.items()}


def _named_layers(root: h5py.Group) -> Iterator[tuple[str, list[h5py.Dataset]]]:
    for name in root:
        group = _inside(root, name)
        yield name, [_array(group, _text(weight)) for weight in group.attrs["weight_names"]]


def _numbered_layers(
    root: h5py.Group, names: dict[str, str]
) -> Iterator[tuple[str, list[h5py.Dataset]]]:
    for number in root:
        group = _inside(root, number)
        if "vars" not in group:
            continue
        group = _inside(group, "vars")
        name = names.get(number) or _text(group.attrs.get("name", ""))
        if len(group) and not name:
            raise InputError(
                "it does not tell the names of its layers; save the model, not only its weights: "
                "model.save('model.keras')"
            )
        yield name, [_array(group, str(index)) for index in range(len(group))]


def _array(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset of numbers that lies in this file; nothing is read yet."""
    dataset = _inside(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind != "f":
        raise InputError(f"'{name}' is no array of numbers; give weights that Keras saved")
    if dataset.external or dataset.is_virtual:
        raise InputError(f"the numbers of '{name}' lie in another file; give whole weights")
    return dataset


def _inside(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """Return what has this name in the group, never what lies in another file."""
    for part in name.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise InputError(f"'{name}' is missing or leads elsewhere; give whole weights")
        group = group[part]
    return group


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
