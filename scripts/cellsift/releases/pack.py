"""From the results of a finished run to one file that holds a trained arm and all about it."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cellsift.calibration.description import read_description
from cellsift.errors import InputError
from cellsift.inference.trained_arm import TrainedArm, load_arm
from cellsift.interop.onnx_arm import export_raw_scorer
from cellsift.io.json_files import write_json
from cellsift.io.names import MODEL_FILE, check_file_names
from cellsift.models.storage import weights_path
from cellsift.releases.archive import members_of, write_archive
from cellsift.releases.card import make_card, with_name
from cellsift.releases.card_text import card_text
from cellsift.releases.index import Entry, add_to_index
from cellsift.releases.manifest import Release, check_line, check_name_and_version
from cellsift.releases.parity import check_onnx, write_parity
from cellsift.releases.snapshot import read_snapshot, write_snapshot
from cellsift.releases.texts import Texts
from cellsift.results import Results

CARD, CARD_TEXT = "card.json", "card.md"
PARITY = "parity.safetensors"


def pack(
    results: str | Path,
    arm: str,
    name: str,
    to: str | Path,
    version: str = "1.0.0",
    texts: Texts | None = None,
    *,
    models: Results | None = None,
) -> Entry:
    """Write NAME-VERSION.zip to a folder and list it in the folder's index; return its entry.

    The file holds the arm's folder (and those of an ensemble's members), each network as ONNX with
    its normalisation inside, the model card, made-up cuboids with the logits that they must give,
    and a snapshot of config, code and environment. The same results give the same bytes, as long as
    the versions of torch and onnx are the same.

    Args:
        models: where the arm's models lie, if not in the results: those of a release that has
            learnt from all annotated brains (`final.write_final_models`).

    Raises:
        InputError: no such arm, a file that is missing or damaged, an ONNX file that does not give
            the logits of torch, or this version is there already with other content.
    """
    check_name_and_version(name, version)
    files, to = Results(results), Path(to)
    trained = models or files
    networks = _load(trained, arm)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        run = read_snapshot(files, read_description(trained.model(arm).path)["provenance"])
        card = make_card(files, arm, networks, texts or Texts(), run, trained)
        card = with_name(card, name, version)
        _fill(folder, trained, arm, networks, card, run)
        check_line(card["description"])
        release = Release(name, version, arm, card["description"], members_of(folder))
        to.mkdir(parents=True, exist_ok=True)
        packed = write_archive(release, folder, folder / release.file_name)
        return add_to_index(to, release, packed)


def _load(files: Results, arm: str) -> TrainedArm:
    if arm not in files.model_names():
        known = ", ".join(files.model_names()) or "none"
        raise InputError(
            f"{files}: has no trained arm {arm!r} (there are: {known}); give one of them, or the "
            "folder of results of a finished run"
        )
    folder = files.model(arm).path
    if read_description(folder).get("draft"):
        raise InputError(
            f"{folder}: is the model of a draft, trained for a quick look; write mode: crossval "
            "into the config, or leave mode out, and run again before you release it"
        )
    return load_arm(folder)


def _fill(
    folder: Path,
    trained: Results,
    arm: str,
    networks: TrainedArm,
    card: Mapping[str, Any],
    run: Mapping[str, Any],
) -> None:
    """Write all members of a release to a folder."""
    onnx_files = _copy_arm(trained, arm, folder)
    parity = write_parity(networks, folder / PARITY)
    layout = (networks.channels, *networks.shape)
    pairs = enumerate(zip(networks.scorers, onnx_files, strict=True))
    # None: tqdm keeps quiet where nobody watches.
    for number, (scorer, path) in tqdm(pairs, total=len(onnx_files), unit="network", disable=None):
        export_raw_scorer(scorer, layout, path)
        check_onnx(scorer, number, parity, path)
    write_snapshot(run, folder / "snapshot")
    write_json(dict(card), folder / CARD)
    (folder / CARD_TEXT).write_text(card_text(card), encoding="utf-8")


def _copy_arm(files: Results, arm: str, folder: Path) -> list[Path]:
    """Copy an arm, or an ensemble and its members; return the paths for their ONNX files."""
    source, target = files.model(arm).path, Results(folder).model(arm).path
    model = read_description(source)
    target.mkdir(parents=True)
    shutil.copyfile(source / MODEL_FILE, target / MODEL_FILE)
    if "members" in model:
        return [path for name in model["members"] for path in _copy_arm(files, name, folder)]
    onnx_files = []
    for name in check_file_names(model["folds"], source / MODEL_FILE):
        sidecar = source / name
        for file in (sidecar, weights_path(sidecar)):
            shutil.copyfile(file, target / file.name)
        onnx_files.append(folder / "onnx" / arm / f"{sidecar.stem}.onnx")
    return onnx_files
