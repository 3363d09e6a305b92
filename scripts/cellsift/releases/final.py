"""Releases of networks that have learnt from all annotated brains, after the comparison."""

from pathlib import Path
from typing import Any

from cellsift.calibration.description import description_of, read_description
from cellsift.errors import InputError
from cellsift.io.json_files import read_json, write_json
from cellsift.releases.index import Entry
from cellsift.releases.pack import pack
from cellsift.releases.texts import Texts
from cellsift.results import Results
from cellsift.settings.learnt_detection import KEY as DETECTION

# In place of a fold's number.
ALL = "all"


def pack_final(
    results: str | Path, arm: str, name: str, to: str | Path, version: str, texts: Texts
) -> Entry:
    """Pack an arm whose final network, or those of its members, a run has trained.

    Arguments and errors as of `pack.pack`, and errors of `write_final_models`.
    """
    models = write_final_models(Results(results), arm)
    return pack(results, arm, name, to, version, texts, models=models)


def write_final_models(results: Results, arm: str) -> Results:
    """Write model.json of an arm's final network, and of an ensemble's members; return their place.

    Temperature, threshold, and the weights of an ensemble are those of the comparison, whose
    networks judged what they had not learnt from. The key `final` says that the networks have
    learnt from other brains than those of the comparison: `brains`, and `epochs` of each network.

    Raises InputError where the arm was not compared, or only in a draft.
    """
    _write(results, arm)
    return results.final


def _write(results: Results, arm: str) -> dict[str, Any]:
    """Write the model.json of an arm, and return what it says."""
    compared = read_description(results.model(arm).path)
    if compared.get("draft"):
        raise InputError(
            f"{results.model(arm).path}: is the model of a draft; run with mode: crossval before "
            "you release it"
        )
    folder = results.final.model(arm)
    if "members" in compared:
        members = {name: _write(results, name)["final"] for name in compared["members"]}
        brains = sorted({brain for found in members.values() for brain in found["brains"]})
        epochs = {name: found["epochs"][name] for name, found in members.items()}
        content = compared | {"provenance": compared["provenance"] | {"brains": brains}}
    else:
        calibration = compared["calibration"]
        content = description_of(folder.path, [folder.sidecar(ALL)], calibration)
        # As candidates of the comparison were detected, whose threshold it has.
        if DETECTION in compared:
            content[DETECTION] = compared[DETECTION]
        brains, epochs = content["provenance"]["brains"], {arm: _epochs(folder.sidecar(ALL))}
    content = content | {"final": {"brains": brains, "epochs": epochs}}
    write_json(content, folder.description)
    return content


def _epochs(sidecar: Path) -> int:
    return int(read_json(sidecar)["provenance"]["epochs"])
