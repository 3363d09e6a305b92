"""A release as a model package of bioimage.io: one ONNX file from intensities to p_cell."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from cellsift.inference.trained_arm import TrainedArm, load_arm
from cellsift.interop.onnx_arm import MEDIAN, P_CELL, SPREAD, export_raw_arm, raw_examples
from cellsift.interop.onnx_export import INPUT, OPSET
from cellsift.io.axes import AXES
from cellsift.io.checksums import file_sha256
from cellsift.io.json_files import read_json
from cellsift.releases.archive import write_zip
from cellsift.releases.fetch import Fetched
from cellsift.releases.pack import CARD, CARD_TEXT, PARITY
from cellsift.releases.parity import onnx_inputs, read_parity

FORMAT_VERSION = "0.5.12"
DESCRIPTION, DOCUMENTATION, WEIGHTS = "rdf.yaml", "README.md", "p_cell.onnx"
CHANNELS = ("signal", "background")
DOI = re.compile(r"10\.\d{4,9}/[^\s\"<>]*[^\s\"<>.,;)]")
URL = re.compile(r"https?://[^\s\"<>]*[^\s\"<>.,;)]")
TOLERANCE = {"relative_tolerance": 1e-3, "absolute_tolerance": 1e-4}
SAID = {
    INPUT: "intensities of the volume, as they are, of the cuboid around a candidate",
    MEDIAN: "median of log(1 + intensity) over all cuboids of the brain",
    SPREAD: "1.4826 times their median absolute deviation from it, at least 0.001",
    P_CELL: "calibrated probability that the candidate is a cell",
}


def write_bioimageio(fetched: Fetched, path: str | Path) -> Path:
    """Write a release as a package that bioimage.io's own tools load; return its path.

    It has the whole arm in one ONNX file, the model card as its documentation, the made-up parity
    cuboids and their p_cell as test tensors. Networks that are fed by the statistics of a brain
    have two more inputs for them. The same release gives the same bytes.

    Raises InputError as `export_raw_arm`.
    """
    arm = load_arm(fetched.model)
    card = read_json(fetched.folder / CARD)
    parity = read_parity(fetched.folder / PARITY)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        export_raw_arm(arm, folder / WEIGHTS)
        (folder / DOCUMENTATION).write_bytes((fetched.folder / CARD_TEXT).read_bytes())
        tensors = onnx_inputs(parity) | {P_CELL: parity[P_CELL].astype(np.float32)}
        names = [*raw_examples(arm.scorers, (arm.channels, *arm.shape)), P_CELL]
        for name in names:
            np.save(folder / _tensor(name), tensors[name], allow_pickle=False)
        text = yaml.safe_dump(
            _description(arm, card, names, folder), sort_keys=False, allow_unicode=True, width=100
        )
        (folder / DESCRIPTION).write_text(text, encoding="utf-8")
        return write_zip(folder, path)


def _description(
    arm: TrainedArm, card: Mapping[str, Any], names: list[str], folder: Path
) -> dict[str, Any]:
    """What rdf.yaml says; what the card does not know is left out."""
    texts = card["texts"]
    known = {
        "authors": [{"name": name} for name in texts["authors"]],
        "license": texts["licence"],
        "cite": _citations(texts["citation"]),
    }
    return {
        "format_version": FORMAT_VERSION,
        "type": "model",
        # At least five letters, which a name of ours need not have.
        "name": f"cellsift {card['name']}",
        "version": card["version"],
        "description": card["description"],
        **{key: value for key, value in known.items() if value},
        "documentation": _file(folder / DOCUMENTATION),
        "tags": ["cellsift", "cell-detection", "classification", "3d", "whole-brain"],
        "inputs": [
            {"id": name, "description": SAID[name], "axes": _axes(name, arm)}
            | {"data": {"type": "float32"}, "test_tensor": _file(folder / _tensor(name))}
            for name in names[:-1]
        ],
        "outputs": [
            {"id": P_CELL, "description": SAID[P_CELL], "axes": [{"type": "batch"}]}
            | {"data": {"type": "float32"}, "test_tensor": _file(folder / _tensor(P_CELL))}
        ],
        "weights": {"onnx": {**_file(folder / WEIGHTS), "opset_version": OPSET}},
        "config": {"bioimageio": {"reproducibility_tolerance": [TOLERANCE]}},
    }


def _axes(name: str, arm: TrainedArm) -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = [
        {"type": "batch"},
        {"type": "channel", "channel_names": list(CHANNELS[: arm.channels])},
    ]
    if name == INPUT:
        axes += [
            {"type": "space", "id": axis, "size": count, "unit": "micrometer", "scale": size}
            for axis, count, size in zip(AXES, arm.shape, arm.voxel_size, strict=True)
        ]
    return axes


def _citations(text: str | None) -> list[dict[str, str]]:
    """A citation with the DOI or address that is in it, without which bioimage.io takes none.

    Example:
        >>> _citations("Doe 2026, doi:10.1234/abc.")
        [{'text': 'Doe 2026, doi:10.1234/abc.', 'doi': '10.1234/abc'}]
    """
    doi, url = DOI.search(text or ""), URL.search(text or "")
    if not text or not (doi or url):
        return []
    found = {"doi": doi[0]} if doi else {"url": url[0] if url else ""}
    return [{"text": text, **found}]


def _tensor(name: str) -> str:
    return f"test_{name}.npy"


def _file(path: Path) -> dict[str, str]:
    return {"source": path.name, "sha256": file_sha256(path)}
