"""A model card as data: what the results of a run, and people, know of a trained arm."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from cellsift.calibration.description import read_description
from cellsift.inference.trained_arm import TrainedArm
from cellsift.io.checksums import file_sha256
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table
from cellsift.releases.texts import Texts
from cellsift.results import BrainFolder, Results
from cellsift.settings.learnt_detection import KEY as DETECTION

# The tables with held-out figures of an arm.
TABLES = ("end_to_end", "classification")
COLUMNS = ["brain", "role", "scores", "metric", "value", "low", "high"]


def make_card(
    results: Results,
    arm: str,
    networks: TrainedArm,
    texts: Texts,
    run: Mapping[str, Any],
    models: Results | None = None,
) -> dict[str, Any]:
    """What is known of an arm, ready for JSON; what is not is None.

    Args:
        networks: the arm as `load_arm` gives it.
        run: the snapshot of the run (`snapshot.read_snapshot`).
        models: where its models lie, if not in the results. Of those that have learnt from all
            annotated brains the card says so under `final`, as the figures are of others.
    """
    models = models or results
    model = read_description(models.model(arm).path)
    sidecars = _sidecars(models, arm, model)
    brains = model["provenance"]["brains"]
    return {
        "arm": arm,
        "description": texts.description or _in_a_line(arm, model, networks),
        "texts": {key: value for key, value in texts.to_dict().items() if key != "description"},
        "takes": {
            "channels": networks.channels,
            "shape": list(networks.shape),
            "voxel_size_um": list(networks.voxel_size),
            "normalisation": sorted({s.normalisation.name for s in networks.scorers}),
        },
        "network": {
            "architecture": model["architecture"],
            "options": model.get("options"),
            "members": model.get("members"),
            "networks": len(networks.scorers),
        },
        "training": {
            "brains": [_brain(results.brain(name), name) for name in brains],
            "earlier_brains": sorted(_all_of(sidecars, "earlier_brains") - set(brains)),
            "seed": model["provenance"].get("seed"),
            "recipe": model["provenance"].get("recipe"),
            "versions": model["provenance"].get("versions"),
        },
        "detection": model.get(DETECTION) or (run["config"] or {}).get("detection"),
        "note": (run["config"] or {}).get("note") or None,
        "figures": {table: _figures(results.evaluation(table), arm) for table in TABLES},
        "calibration": model["calibration"],
        "run": {key: run[key] for key in ("cellsift", "commit", "changed")},
    } | ({"final": model["final"]} if "final" in model else {})


def with_name(card: Mapping[str, Any], name: str, version: str) -> dict[str, Any]:
    """The card under the name and version of its release.

    Example:
        >>> with_name({"arm": "small"}, "cfos", "1.0.0")
        {'name': 'cfos', 'version': '1.0.0', 'arm': 'small'}
    """
    return {"name": name, "version": version, **card}


def _in_a_line(arm: str, model: Mapping[str, Any], networks: TrainedArm) -> str:
    shape = " x ".join(map(str, networks.shape))
    size = " x ".join(f"{length:g}" for length in networks.voxel_size)
    channels = "signal alone" if networks.channels == 1 else "signal and background"
    return f"{arm} ({model['architecture']}): cuboids of {shape} voxels of {size} µm, {channels}"


def _sidecars(results: Results, arm: str, model: Mapping[str, Any]) -> list[dict]:
    """The sidecars of an arm's networks, or of those of an ensemble's members."""
    if "members" in model:
        of_members = (
            (name, read_description(results.model(name).path)) for name in model["members"]
        )
        return [side for name, of_it in of_members for side in _sidecars(results, name, of_it)]
    return [read_json(results.model(arm).path / name) for name in model["folds"]]


def _all_of(sidecars: Sequence[Mapping[str, Any]], key: str) -> set[str]:
    return {name for sidecar in sidecars for name in sidecar["provenance"].get(key, [])}


def _brain(files: BrainFolder, name: str) -> dict[str, Any]:
    """A train brain: fingerprints of its volumes and labels, as far as the results have them."""
    volumes = read_json(files.volumes) if files.volumes.is_file() else {}
    labels = read_json(files.labels_summary) if files.labels_summary.is_file() else {}
    fingerprints = {
        channel: (volumes.get(channel) or {}).get("content") for channel in ("signal", "background")
    }
    return {
        "name": name,
        **fingerprints,
        "voxel_size_um": (volumes.get("signal") or {}).get("voxel_size_um"),
        "labels_sha256": file_sha256(files.labels) if files.labels.is_file() else None,
        **{key: labels.get(key) for key in ("annotated", "cell", "no_cell")},
    }


def _figures(path: Path, arm: str) -> list[dict[str, Any]]:
    """The rows of an arm in a table of the evaluation; none where there is no table."""
    if not path.is_file():
        return []
    table = read_table(path)
    rows = table[(table["arm"] == arm) & table["value"].notna()][COLUMNS].to_dict("records")
    return [{key: None if pd.isna(value) else value for key, value in row.items()} for row in rows]
