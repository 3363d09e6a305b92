"""A small finished run with trained arms, and releases of a few bytes that nothing trained."""

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
from synthetic_cuboids import VOXEL_SIZE, make_brains, narrow_arm
from trained_folds import fold_files, run_options

from cellsift.calibration.arm import join_folds
from cellsift.calibration.ensemble import combine_members
from cellsift.io.json_files import write_json
from cellsift.io.tables import write_table
from cellsift.releases.archive import members_of, write_archive
from cellsift.releases.index import Entry, add_to_index
from cellsift.releases.manifest import Release
from cellsift.results import Results
from cellsift.settings.config import Config
from cellsift.training.classification.fold import train_fold

BRAINS = ("one", "two")
FIGURES = {
    ("classification", "f1"): (0.913, 0.871, 0.942),
    ("classification", "brier"): (0.041, 0.031, 0.053),
    ("end_to_end", "recall"): (0.847, 0.812, 0.879),
    ("end_to_end", "f1"): (0.872, 0.849, 0.893),
}

TEXTS = {
    "description": "Cells of two made-up brains",
    "tissue": "Blobs in noise.",
    "licence": "CC-BY-4.0",
    "citation": "Doe 2026, doi:10.1234/blobs.",
    "authors": ["Jane Doe"],
}


def make_run(folder: Path) -> Results:
    """Write the results of a run with the arms "narrow" and "other" and an ensemble "both"."""
    results = Results(folder / "results")
    stores, table = make_brains(folder / "cuboids", BRAINS)
    scores = {
        arm: _train(results, arm, stores, table, seed)
        for seed, arm in enumerate(("narrow", "other"))
    }
    combine_members(results.model("both").path, scores, results.training("both").scores)
    for name in BRAINS:
        volume = {"content": f"5c2f58{name}", "voxel_size_um": list(VOXEL_SIZE)}
        write_json({"signal": volume, "background": volume}, results.brain(name).volumes)
        counts = {"annotated": 33, "cell": 31, "no_cell": 23}
        write_json(counts, results.brain(name).labels_summary)
        write_table(table[table["brain"] == name], results.brain(name).labels)
    for kind in ("classification", "end_to_end"):
        rows = [
            (arm, "three", "test", "locked", metric, *figures)
            for (of_table, metric), figures in FIGURES.items()
            for arm in ("narrow", "another")
            if of_table == kind
        ]
        columns = ["arm", "brain", "role", "scores", "metric", "value", "low", "high"]
        write_table(pd.DataFrame(rows, columns=columns), results.evaluation(kind))
    write_record(results)
    return results


def _train(results: Results, name: str, stores, table, seed: int) -> list[Path]:
    """Train two folds of a network that is soon exported; return the files of their scores."""
    model, training = results.model(name), results.training(name)
    arm = replace(
        narrow_arm(epochs=8), name=name, architecture="vit3d", options={"width": 24, "depth": 1}
    )
    for fold in (0, 1):
        checkpoint = results.training_checkpoint(name, fold)
        files = fold_files(model.path, training.fold(fold).path, checkpoint, fold)
        train_fold(arm, stores, table, fold, files, run_options(seed=seed))
    scores = [training.fold(fold).scores for fold in (0, 1)]
    join_folds(model.path, [model.sidecar(fold) for fold in (0, 1)], scores)
    return scores


def write_record(results: Results) -> None:
    """Write what a run notes of itself."""
    config = Config(arms=["narrow"], results="/disk/of/mine", note="Two brains of one mouse.")
    environment = {"python": "3.11.7", "packages": {"torch": "2.13.0"}}
    code = {"cellsift": "0.1.0", "commit": "c0ffee", "changed": False}
    write_json({**code, "config": config.to_dict(), "environment": environment}, results.run)


def tiny_release(folder: Path, name="tiny", version="1.0.0", text="a", more=()) -> Entry:
    """Put a release with a few small files into a folder and its index."""
    content = folder / f".content-{name}-{version}"
    files = {
        "models/arm/model.json": json.dumps({"temperature": 1.0, "threshold": 0.5}),
        "models/arm/fold-0.json": "{}",
        "models/arm/fold-0.safetensors": text * 1000,
        "card.md": f"# {name}",
        **dict(more),
    }
    for path, written in files.items():
        (content / path).parent.mkdir(parents=True, exist_ok=True)
        (content / path).write_text(written)
    release = Release(name, version, "arm", f"{name} of {text}", members_of(content))
    packed = write_archive(release, content, content.with_suffix(".zip"))
    entry = add_to_index(folder, release, packed)
    packed.unlink()
    return entry
