"""The steps that are rehearsed. Each takes the rehearsal's folder and says what it went through."""

import time
from pathlib import Path
from typing import Any

import torch

from cellsift.benchmarks.rehearsal.brain import open_brain
from cellsift.calibration.description import write_description
from cellsift.cuboids.extraction import extract_cuboids
from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.detection import Resources, contrast_slab, detect_slab, find_centres, gather
from cellsift.detection.contract import Detector
from cellsift.detection.parts import StoredParts, write_parts
from cellsift.detection.registry import detector_class
from cellsift.inference.classify import classify_brain
from cellsift.io.axes import AXES
from cellsift.io.cells import write_cells_xml
from cellsift.io.tables import read_table, write_table
from cellsift.models import create_model
from cellsift.models.storage import network_part, save_model
from cellsift.reporting.projecting import project_brain
from cellsift.results import ModelFolder

CUBOID: dict[str, Any] = {"shape": (20, 25, 25), "voxel_size": (5.0, 2.0, 2.0)}
NETWORK: dict[str, Any] = {"architecture": "resnet", "options": {"depth": 18, "width": 16}}
PLANES = 16
# What people call the steps.
NAMES = {
    "read": "generating planes",
    "detect": "detect",
    "cuboids": "cuboids",
    "classify": "classify",
    "project": "projections",
}


def read_planes(folder: Path, voxels: float) -> dict:
    """Generate all planes of the signal: the least that the other steps take."""
    signal, _ = open_brain(folder, voxels)
    for first in range(0, signal.shape[0], PLANES):
        signal.planes(first, first + PLANES)
    return {"voxels": signal.data.size, "bytes_read": signal.data.nbytes}


def detect_candidates(folder: Path, voxels: float, method: str, memory_bytes: int) -> dict:
    """Write candidates.csv; tells the seconds of what slabs cannot share, and their halo, too.

    `contrast_apart_seconds` are those of measuring contrast where that is a step of its own. Planes
    and tiles take `memory_bytes` at most, as in a job. Of the candidates the workflow keeps those
    above a contrast learnt on annotated brains, here the detector's `rehearsal_contrast`. Raises
    InputError where the memory is too little.
    """
    signal, _ = open_brain(folder, voxels)
    detector, resources = rehearsed_detector(method), Resources(memory_bytes=memory_bytes)
    settings = {"method": method} | detector.parameters
    write_parts(detect_slab(signal, resources=resources, **settings), folder / "slab.npz")
    stored, gathering, apart = StoredParts([folder / "slab.npz"]), 0.0, 0.0
    if detector.measures_contrast_apart:
        started = time.perf_counter()
        centres = find_centres(signal, parts=stored, **settings)
        found = time.perf_counter()
        parts = contrast_slab(signal, centres=centres, resources=resources, **settings)
        write_parts(parts, folder / "slab.npz")
        gathering, apart = found - started, time.perf_counter() - found
    started = time.perf_counter()
    detected = gather(stored, **settings)
    candidates = detected[detected["contrast"] >= detector.rehearsal_contrast]
    write_table(candidates, folder / "candidates.csv")
    gathering += time.perf_counter() - started
    return {
        "voxels": signal.data.size,
        "detected": len(detected),
        "candidates": len(candidates),
        "bytes_read": signal.data.nbytes * (2 if detector.measures_contrast_apart else 1),
        "gathering_seconds": round(gathering, 3),
        "contrast_apart_seconds": round(apart, 3),
        "halo_planes": detector.halo(signal.voxel_size)[0],
    }


def rehearsed_detector(method: str) -> Detector:
    """The detector with what it is told in a rehearsal; InputError for an unknown one."""
    known = detector_class(method)
    return known(**known.rehearsal_parameters)


def project_volumes(folder: Path, voxels: float) -> dict:
    """Write projection.npz and slabs.npz, the pictures of the brain's page."""
    signal, background = open_brain(folder, voxels)
    project_brain(signal, background, [folder / "projection.npz", folder / "slabs.npz"])
    return {
        "voxels": signal.data.size,
        "bytes_read": signal.data.nbytes + background.data.nbytes,
    }


def cut_cuboids(folder: Path, voxels: float, memory_bytes: int) -> dict:
    """Write cuboids.zarr."""
    signal, background = open_brain(folder, voxels)
    positions = read_table(folder / "candidates.csv")[AXES].to_numpy()
    path = folder / "cuboids.zarr"
    extract_cuboids(signal, background, positions, **CUBOID, path=path, memory_bytes=memory_bytes)
    written = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return {
        "voxels": signal.data.size,
        "candidates": len(positions),
        "bytes_read": signal.data.nbytes + background.data.nbytes,
        "bytes_written": written,
    }


def classify_candidates(folder: Path) -> dict:
    """Write cells.csv and cells.xml with an untrained network: it is as slow as a trained one."""
    torch.manual_seed(0)
    store = CuboidStore.open(folder / "cuboids.zarr")
    model = create_model(NETWORK["architecture"], store.channels, store.shape, **NETWORK["options"])
    arm = ModelFolder(folder / "model")
    layout = store.channels, store.shape, store.voxel_size
    sidecar = network_part(**NETWORK, layout=layout, normalisation=Normalisation.named("brain"))
    sidecar |= {"provenance": {"arm": "untrained"}}
    path = save_model(arm.sidecar(0), model, sidecar)
    write_description(arm.path, [path], {"temperature": 1.0, "threshold": 0.5})
    cells = classify_brain(arm.path, store)
    write_table(cells, folder / "cells.csv")
    write_cells_xml(cells, folder / "cells.xml")
    return {"candidates": len(cells)}
