"""Files from strangers: they run no code, fill no memory, and name nothing outside their folder."""

import io
import json
import pickle
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import FUZZ
from hypothesis import given
from hypothesis import strategies as st

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.explain.arm import fold_model_files
from cellsift.inference.trained_arm import load_arm
from cellsift.io.cells import read_points
from cellsift.models import create_model
from cellsift.models.storage import load_model, save_model
from cellsift.project.reading import load_project, read_project
from cellsift.reporting.projections import KEYS, load_projection
from cellsift.training.checkpoint import load_checkpoint, save_checkpoint

SIDECAR = {
    "architecture": "resnet",
    "options": {"depth": 18, "width": 4},
    "in_channels": 2,
    "cuboid": {"shape": [16, 20, 20], "voxel_size": [5.0, 1.0, 1.0]},
    "normalisation": Normalisation().to_dict(),
    "provenance": {},
}


class Trap:
    """Pickled, it writes a file when it is loaded."""

    def __init__(self, sprung: Path):
        self.sprung = str(sprung)

    def __reduce__(self):
        return open, (self.sprung, "w")


@pytest.fixture
def sprung(tmp_path) -> Path:
    """What a trap writes; it must not be there after the test."""
    path = tmp_path / "sprung"
    yield path
    assert not path.exists()


@pytest.fixture
def stored(tmp_path) -> Path:
    """The JSON of a stored model."""
    model = create_model("resnet", 2, (16, 20, 20), depth=18, width=4)
    return save_model(tmp_path / "fold-0.json", model, SIDECAR)


@pytest.fixture
def memory():
    """A fence: the test may not take more than 2 GB beyond what is taken already."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2 * 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def change(path: Path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_runs_no_code(sprung, tmp_path, zipped):
    content = {"fingerprint": "mark", "state": Trap(sprung)}
    path = tmp_path / "fold-0.pt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    assert load_checkpoint(path, "mark") is None


def test_the_trap_of_these_tests_would_spring(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "sprung"))).close()
    assert (tmp_path / "sprung").exists()


@FUZZ
@given(st.data())
def test_a_garbled_checkpoint_is_not_used(tmp_path, data):
    path = tmp_path / "fold-0.pt"
    save_checkpoint(path, "mark", {"weights": torch.arange(8.0), "history": [{"epoch": 1}]})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    load_checkpoint(path, "mark")


def test_a_projection_runs_no_code(sprung, tmp_path):
    path = tmp_path / "projection.npz"
    trap = np.array([Trap(sprung)], dtype=object)
    np.savez(path, **dict.fromkeys(KEYS, trap))
    with pytest.raises(InputError, match=r"projection\.npz"):
        load_projection(path)


def test_a_projection_that_unpacks_to_more_than_a_projection_is_refused(memory, tmp_path):
    path = tmp_path / "projection.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for key in KEYS:
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                header = {"descr": "<u2", "fortran_order": False, "shape": (2**29,)}
                np.lib.format.write_array_header_1_0(member, header)
                for _ in range(64 if key == KEYS[0] else 0):
                    member.write(bytes(2**24))
    assert path.stat().st_size < 2**23
    with pytest.raises(InputError, match=r"projection\.npz.*unpacks to"):
        load_projection(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", pickle.dumps({"top": 1})])
def test_what_is_no_projection_is_refused(content, tmp_path):
    (tmp_path / "projection.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"projection\.npz"):
        load_projection(tmp_path / "projection.npz")


def safetensors_with(header: dict | bytes, length: int | None = None) -> bytes:
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(encoded) if length is None else length) + encoded


@pytest.mark.parametrize(
    "content",
    [
        safetensors_with(b"{}", length=2**63),
        safetensors_with(b"{}", length=2**40),
        safetensors_with({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}),
        safetensors_with({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}}),
        safetensors_with({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}),
        safetensors_with(b"[" * 100_000),
        b"",
    ],
    ids=["length", "long", "large", "overflow", "negative", "deep", "empty"],
)
def test_a_header_that_promises_too_much_is_refused(memory, stored, content):
    stored.with_suffix(".safetensors").write_bytes(content)
    change(stored, weights_sha256=None)
    with pytest.raises(InputError, match=r"fold-0\.safetensors"):
        load_model(stored)


@pytest.mark.parametrize(
    "changes",
    [
        {"options": {"depth": 152, "width": 4096}},
        {"options": {"depth": 10**9, "width": 4}},
        {"options": {"depth": 18, "width": 10**12}},
        {"cuboid": {"shape": [4096, 4096, 4096], "voxel_size": [1, 1, 1]}},
        {"in_channels": 10**9},
    ],
)
def test_a_sidecar_that_asks_for_a_huge_network_is_refused(memory, stored, changes):
    change(stored, **changes)
    if "cuboid" in changes:  # As many weights, for larger cuboids.
        load_model(stored)
        return
    with pytest.raises(InputError, match=r"fold-0\."):
        load_model(stored)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=4,
)


@FUZZ
@given(st.dictionaries(st.sampled_from([*SIDECAR, "weights_sha256", "logit_offset"]), values))
def test_a_sidecar_with_anything_in_it_is_refused_or_read(stored, changes):
    stored.write_text(json.dumps(SIDECAR | changes))
    try:
        load_model(stored)
    except InputError as refusal:
        message = str(refusal)
        assert "fold-0" in message


CLIMBING = ["../fold-0.json", "/etc/hostname", "a/../fold-0.json", "..", "", 5, None, ["a"]]


@pytest.mark.parametrize("name", CLIMBING)
@pytest.mark.parametrize("read", [load_arm, fold_model_files])
def test_models_are_looked_for_beside_their_list_alone(read, name, stored, tmp_path):
    folder = tmp_path / "arm"
    folder.mkdir()
    content = {"folds": [name], "temperature": 1, "threshold": 0.5}
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.json"):
        read(folder)


@pytest.mark.parametrize("folds", [5, None, {}, [], "fold-0.json"])
@pytest.mark.parametrize("read", [load_arm, fold_model_files])
def test_a_list_of_models_that_is_none_is_refused(read, folds, stored):
    content = {"folds": folds, "temperature": 1, "threshold": 0.5}
    (stored.parent / "model.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"model\.json"):
        read(stored.parent)


@pytest.mark.parametrize("name", ["../../evil", "os", "resnet/../../evil", "__init__"])
def test_an_architecture_is_never_imported_by_its_name(name, stored):
    change(stored, architecture=name)
    with pytest.raises(InputError, match="is not known"):
        load_model(stored)


LAUGHS = '<!ENTITY l0 "ha">' + "".join(
    f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12)
)


@pytest.mark.parametrize(
    "content",
    [
        f"<!DOCTYPE b [{LAUGHS}]><b>&l11;</b>",
        f'<!DOCTYPE b [<!ENTITY a "{"a" * 10**5}">]><b>{"&a;" * 10**5}</b>',
        '<!DOCTYPE b [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><b/>',
        f"{'<a>' * 200_000}",
        f"{'<a>' * 200_000}{'</a>' * 200_000}",
    ],
    ids=["laughs", "quadratic", "parameter", "open", "deep"],
)
def test_an_xml_bomb_is_refused_in_little_memory(memory, content, tmp_path):
    path = tmp_path / "cells.xml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"cells\.xml"):
        read_points(path)


HEAD = "CellCounter_Marker_File: true\n"
ALIASES = "l0: &l0 [ha, ha]\n" + "".join(
    f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    "content",
    [
        f"{HEAD}{ALIASES}candidate_cells: [{{x: *l11, y: 1, z: 1, type: 1}}]",
        f"{HEAD}{ALIASES}candidate_cells: *l11",
        f"{HEAD}{ALIASES}candidate_cells: [{{x: 1, y: 1, z: 1, type: *l11}}]",
        f"{HEAD}candidate_cells: {'[' * 200_000}",
        f"{HEAD}candidate_cells: {'[' * 200_000}{']' * 200_000}",
        f"{HEAD}candidate_cells:\n{'- ' * 200_000}1",
        f"{HEAD}candidate_cells:\n" + "\n".join(f"{' ' * n}a:" for n in range(1, 2000)),
        "!!python/object/apply:os.getcwd []",
    ],
    ids=["position", "cells", "type", "open", "deep", "lists", "steps", "code"],
)
def test_a_yaml_of_cells_runs_no_code_and_fills_no_memory(memory, content, tmp_path):
    path = tmp_path / "cells.yml"
    path.write_text(content)
    with pytest.raises(InputError, match=r"cells\.yml"):
        read_points(path)


def test_an_xml_in_another_encoding_hides_no_bomb(tmp_path):
    path = tmp_path / "cells.xml"
    text = f'<?xml version="1.0" encoding="utf-16"?><!DOCTYPE b [{LAUGHS}]><b>&l11;</b>'
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match="document type or entities"):
        read_points(path)


@pytest.mark.parametrize(
    "content",
    [
        "!!python/object/apply:builtins.open [{sprung}, w]",
        "arms: !!python/object/apply:builtins.open [{sprung}, w]",
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1},' * 20}]\n" for n in range(1, 12)),
        "arms: &a [*a]",
        "arms: " + "[" * 20_000,
    ],
    ids=["code", "code in a value", "laughs", "circle", "deep"],
)
def test_a_config_runs_no_code_and_fills_no_memory(memory, sprung, content, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(content.replace("{sprung}", str(sprung)))
    with pytest.raises(InputError, match=r"config\.yaml"):
        read_project(path, tmp_path)


CIRCLE, MAPPING, PAIRS = [], {}, []
CIRCLE.append(CIRCLE)
MAPPING["shape"] = MAPPING
PAIRS.append(("shape", PAIRS))


def laughing(box: Callable[[object], object]) -> object:
    """Twelve levels of the same ten values: a million million of them, in hardly any memory."""
    value = "ha"
    for _ in range(12):
        value = box(value)
    return value


@pytest.mark.parametrize(
    "value",
    [
        CIRCLE,
        MAPPING,
        PAIRS,
        laughing(lambda value: [value] * 10),
        laughing(lambda value: (value,) * 10),
        laughing(lambda value: {f"a{n}": value for n in range(10)}),
        [laughing(lambda value: [value])] * 10_000,
    ],
    ids=["circle", "mapping", "pairs", "laughs", "tuples", "mappings", "wide"],
)
@pytest.mark.parametrize("key", ["arms", "cuboid", "brains_table", "unknown"])
def test_a_config_of_aliases_that_was_read_by_others_fills_no_memory(memory, key, value, tmp_path):
    """As Snakemake hands it over: the aliases are gone, the values are in each other."""
    config = {"brains_table": "brains.tsv", "arms": ["resnet_narrow"]} | {key: value}
    started = time.monotonic()
    with pytest.raises(InputError, match="config: .*alias"):
        load_project(config, tmp_path)
    assert time.monotonic() - started < 5


def test_arrays_of_a_brain_run_no_code(sprung, tmp_path):
    from cellsift.detection.parts import StoredParts

    path = tmp_path / "detect-0.npz"
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap(sprung)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0/centres.npy", buffer.getvalue())
    with pytest.raises(ValueError, match="allow_pickle"):
        list(StoredParts([path]))
