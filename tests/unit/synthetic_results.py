"""A small results folder as a run leaves it, made without detecting or training anything."""

from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from cellsift.annotation.agreement import agreement_table
from cellsift.annotation.marks import Marks
from cellsift.annotation.quality import quality_of_volume
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.evaluation.summary import AnnotatedBrain, evaluate_project
from cellsift.io.json_files import write_json
from cellsift.io.tables import write_table
from cellsift.io.volumes import Volume
from cellsift.labels.matching import label_candidates
from cellsift.reporting.projecting import project_brain
from cellsift.results import Results
from cellsift.settings.brains import Brain
from cellsift.steps.count import count

VOXEL_SIZE = (5.0, 2.0, 2.0)
SHAPE = (36, 150, 210)
DISTANCE_UM = 10.0
SKILL = {"resnet_narrow": 3.2, "cellfinder_resnet18": 2.6}
FOLDS = 3
SPACE = {
    "learning_rate": {"low": 0.0001, "high": 0.01, "log": True},
    "normalisation": ["brain", "local"],
}
RECIPE = {
    "epochs": 20,
    "learning_rate": 0.001,
    "augmentation": {"strength": 1.0, "operations": ["flip", "blur"]},
}
DESCRIPTION = (
    "narrow enough for a laptop, normalised over channels",
    "twice as wide, trained more slowly because it collapses at larger steps of the optimiser",
)
ROLES = {"mouse_a": "train", "mouse_b": "train", "mouse_c": "test", "mouse_d": "predict"}


@dataclass(frozen=True)
class SyntheticResults:
    """Where the results lie, their config, what its arms are, and what is known of each brain."""

    folder: Path
    configuration: dict
    information: dict[str, dict]
    arms: list[dict]


def make_results(
    folder: Path,
    roles: dict[str, str] | None = None,
    skill: dict[str, float] | None = None,
    cells: int = 60,
) -> SyntheticResults:
    """Write a results folder to `folder`/results and return what a report needs of it.

    `skill` is, for each arm, how far apart the logits of cells and artefacts lie; `cells` is the
    number of cells in a brain, which has three times as many candidates.
    """
    roles = ROLES if roles is None else roles
    skill = SKILL if skill is None else skill
    results = Results(folder / "results")
    made = {
        name: _make_brain(folder, results, name, role, skill, cells, seed)
        for seed, (name, role) in enumerate(roles.items())
    }
    annotated = [brain for brain, _ in made.values() if brain is not None]
    scored = {
        arm: {name: tables[arm] for name, (brain, tables) in made.items() if brain is not None}
        for arm in skill
    }
    evaluated = evaluate_project(
        annotated, scored, dict.fromkeys(skill, 0.5), seed=1, resamples=100
    )
    evaluated["agreement"] = agreement_table({}, {})
    for name, table in evaluated.items():
        write_table(table, results.evaluation(name))
    for arm in skill:
        _make_arm(results, arm)
    write_table(_folds(annotated), results.folds)
    for name in roles:
        count_brain(results, name, roles, list(skill))
    _make_searches(results, next(iter(skill)))
    information = {
        name: {"role": role, "cells": str(folder / f"{name}.csv") if role != "predict" else None}
        for name, role in roles.items()
    }
    configuration = {
        "arms": list(skill),
        "note": "Told by <whoever> ran it.",
        "seed": 1,
        "detection": {"method": "dog"},
        "training": {"folds": FOLDS, **RECIPE},
    }
    arms = [
        {
            "name": arm,
            "architecture": "resnet",
            "options": {"depth": 18, "width": 16 * (number + 1)},
            "recipe": RECIPE | ({"learning_rate": 0.0003} if number else {}),
            "description": f"A ResNet-18 that is {DESCRIPTION[number % 2]}.",
            "search": {} if number else {"trials": 20, "space": SPACE},
        }
        for number, arm in enumerate(skill)
    ]
    return SyntheticResults(results.path, configuration, information, arms)


def count_brain(
    results, name, roles, arms, sample=(), wish=None, of_brain=(), answers=None, **more
):
    """Count a brain as the rule does; `of_brain` are further fields of it."""
    files = results.brain(name)
    settings = {"matching": {"distance_um": DISTANCE_UM}}
    count(
        Brain(name, "signal", VOXEL_SIZE, role=roles[name], settings=settings, **dict(of_brain)),
        {arm: files.cells(arm) for arm in arms},
        {arm: results.model(arm).description for arm in arms},
        train_files(results, roles, arms),
        {
            "volumes": files.preflight,
            "sample": sample,
            "answers": answers,
            "summary": files.labels_summary if files.labels_summary.is_file() else None,
            "alarm": files.alarm if files.alarm.is_file() else None,
            "regions": files.regions if files.regions.is_file() else None,
        },
        1,
        files.counts,
        files.count,
        print,
        wish=wish,
        **more,
    )


def train_files(results, roles, arms):
    """The fields of TrainFiles."""
    train = [brain for brain, role in roles.items() if role == "train"]
    return {
        "labels": {brain: results.brain(brain).labels for brain in train},
        "summaries": {brain: results.brain(brain).labels_summary for brain in train},
        "cells": {(brain, arm): results.brain(brain).cells(arm) for brain in train for arm in arms},
        "folds": results.folds,
    }


def _make_brain(folder, results, name, role, skill, cells, seed):
    generator = np.random.default_rng(seed)
    annotation = pd.DataFrame(
        generator.uniform((4, 8, 8), np.array(SHAPE) - (4, 8, 8), (cells, 3)), columns=list("zyx")
    )
    missed = cells // 10
    artefacts = generator.uniform((1, 3, 3), np.array(SHAPE) - 2, (2 * cells, 3))
    near = annotation.to_numpy()[missed:] + generator.normal(0, 0.4, (cells - missed, 3))
    candidates = pd.DataFrame(np.concatenate([near, artefacts]), columns=list("zyx")).round(2)
    candidates["contrast"] = generator.normal(1, 0.6, len(candidates))
    candidates.loc[: len(near) - 1, "contrast"] += 0.8
    files = results.brain(name)
    signal, background = _volumes(generator, annotation.to_numpy(), artefacts)
    project_brain(signal, background, [files.projection, files.slabs])
    extract_cuboids(
        signal,
        background,
        candidates[list("zyx")].to_numpy(),
        (10, 24, 24),
        (5, 2, 2),
        files.cuboids(1, 1),
    )
    preflight = {
        "brain": name,
        "role": role,
        "channels": 2,
        "signal": {"shape": list(SHAPE), "dtype": "uint16"},
        "annotated_cells": None if role == "predict" else cells,
    }
    write_json(preflight, files.preflight)
    write_table(candidates, files.candidates)
    labelled, summary = label_candidates(candidates, annotation, None, VOXEL_SIZE, DISTANCE_UM)
    found = {name: summary[name] for name in ("annotated", "reached")}
    summary |= {"complete": True, "where_complete": found}
    tables = {}
    for number, (arm, apart) in enumerate(skill.items()):
        is_cell = np.arange(len(candidates)) < len(near)
        noise = np.random.default_rng(100 * seed + number).normal(0, 1.6, len(candidates))
        p_cell = np.round(expit(np.where(is_cell, apart, -apart) + noise), 6)
        tables[arm] = candidates[list("zyx")].assign(p_cell=p_cell, is_cell=p_cell >= 0.5)
        write_table(tables[arm], files.cells(arm))
    if role == "predict":
        return None, tables
    write_table(annotation, folder / f"{name}.csv")
    write_table(labelled.assign(judged=True), files.labels)
    marked = annotation.assign(kind="cell", annotators="")
    write_table(marked, files.annotation)
    quality = quality_of_volume(marked, [Marks("", annotation)], None, 0.5, SHAPE[0])
    write_table(quality, files.annotation_quality)
    write_json(summary, files.labels_summary)
    brain = AnnotatedBrain(
        name, role, candidates, labelled["label"], annotation, None, VOXEL_SIZE, DISTANCE_UM
    )
    return brain, tables


def _volumes(generator, cells, artefacts):
    tissue = 200 + 60 * gaussian_filter(generator.normal(0, 1, SHAPE), (3, 12, 12)) * 60
    tissue[:, :20] = 60
    spots = np.zeros((2, *SHAPE))
    for channels, points, bright in (((0,), cells, 45_000), ((0, 1), artefacts, 20_000)):
        z, y, x = np.rint(points).astype(int).T
        for channel in channels:
            spots[channel, z, y, x] += bright * generator.uniform(0.4, 1.3, len(z))
    blurred = [gaussian_filter(channel, (1, 2, 2)) for channel in spots]
    counts = generator.poisson(np.clip([tissue + light for light in blurred], 0, 60_000))
    return tuple(
        Volume(da.from_array(channel.astype(np.uint16), chunks=(8, -1, -1)), VOXEL_SIZE, kind)
        for channel, kind in zip(counts, ("signal", "background"), strict=True)
    )


def _make_arm(results, arm):
    provenance = {"seed": 1, "versions": {"cellsift": "0.1.0", "torch": "2.13.0"}}
    model = {"threshold": 0.5, "temperature": 1.3, "provenance": provenance}
    model["calibration"] = {"threshold": 0.5, "criterion": "f1", "f1": 0.9}
    write_json(model, results.model(arm).description)
    generator = np.random.default_rng(len(arm))
    for fold in range(FOLDS):
        epoch = np.arange(1, 21)
        fall = 0.6 * np.exp(-epoch / 5)
        history = pd.DataFrame(
            {
                "epoch": epoch,
                "train_loss": fall + 0.1 + generator.normal(0, 0.01, 20),
                "validation_loss": fall + 0.2 + 0.004 * epoch + generator.normal(0, 0.02, 20),
                "average_precision": 0.95 - fall / 2 + generator.normal(0, 0.01, 20),
                "learning_rate": 1e-3,
                "seconds": 1.5,
            }
        )
        write_table(history, results.training(arm).fold(fold).history)
    cost = {
        "device": "cpu",
        "parameters": 2_106_050,
        "flops_per_cuboid": 1.9e9,
        "cuboids_per_second": 213.4,
        "peak_memory_mb": 911.0,
        "training_seconds_per_epoch": 4.2,
        "training_epochs": 60,
        "threads": 2,
    }
    write_json(cost, results.cost(arm))
    montage = Figure(figsize=(10, 6))
    axis = montage.subplots()
    axis.imshow(generator.random((20, 40)), cmap="gray")
    axis.set_title("cells, artefacts and errors")
    path = results.explanation(arm).montage
    path.parent.mkdir(parents=True)
    montage.savefig(path, dpi=220)


def _folds(annotated):
    parts = [
        brain.candidates[list("zyx")]
        .mul(VOXEL_SIZE)
        .set_axis(["z_um", "y_um", "x_um"], axis=1)
        .assign(
            brain=brain.name,
            candidate=range(len(brain.candidates)),
            label=brain.labels,
            fold=np.arange(len(brain.candidates)) * FOLDS // len(brain.candidates),
        )
        for brain in annotated
        if brain.role == "train"
    ]
    columns = ["brain", "candidate", "z_um", "y_um", "x_um", "label", "fold"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _make_searches(results, arm):
    generator = np.random.default_rng(7)
    for study in ("all", *(f"fold-{fold}" for fold in range(FOLDS))):
        rate = 10 ** generator.uniform(-4, -2, 20)
        merit = 0.9 - 0.1 * (np.log10(rate) + 3) ** 2 + generator.normal(0, 0.01, 20)
        table = pd.DataFrame(
            {
                "trial": range(20),
                "state": np.where(np.arange(20) % 5 == 4, "given up", "ended"),
                "own_recipe": np.arange(20) == 0,
                "average_precision": merit,
                "learning_rate": rate,
                "normalisation": generator.choice(["brain", "local"], 20),
            }
        )
        files = results.search(arm, study)
        write_table(table, files.trials)
        chosen = {
            "values": {"learning_rate": 0.0012345, "normalisation": "local"},
            "average_precision": 0.9012,
            "own_average_precision": 0.8511 if study == "all" else None,
            "trials": 20,
        }
        write_json(chosen, files.chosen)
        shares = pd.DataFrame({"key": list(SPACE), "share": [0.93, 0.07]})
        write_table(shares, files.importance)
