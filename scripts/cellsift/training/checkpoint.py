"""Saving a training after every epoch, so that a killed one goes on where it stopped."""

import hashlib
import json
import logging
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import cellsift
from cellsift.cuboids.store import CuboidStore
from cellsift.io.atomic import atomic_file

logger = logging.getLogger(__name__)

# Cuboids per brain that are compared to notice that a brain's voxels have changed.
PROBES = 64


def save_checkpoint(path: Path, fingerprint: str, state: dict[str, Any]) -> None:
    """Write the state of a training (tensors, numbers, text, lists, dicts), whole or not at all."""
    with atomic_file(path) as beside:
        torch.save({"fingerprint": fingerprint, "state": state}, beside)


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the state saved under the same fingerprint, on the CPU, else None.

    Another fingerprint means that the recipe, the data or the code have changed since: such a
    checkpoint is of no use, nor is one that cannot be read. Loading never runs code.
    """
    if not Path(path).is_file():
        return None
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["fingerprint"]
        state = content["state"]
    # A garbled file can fail in any way that its bytes can be taken for instructions.
    except Exception as error:
        logger.warning("%s cannot be read (%s): training starts anew", path, error)
        return None
    if found != fingerprint:
        logger.warning("%s belongs to another recipe, data or code: training starts anew", path)
        return None
    return state


def fingerprint(
    settings: Mapping[str, Any],
    table: pd.DataFrame,
    stores: Mapping[str, CuboidStore],
    code: str,
) -> str:
    """Return a hash of all that decides the weights: settings, rows, cuboids, code and torch.

    `code` is a hash of the modules that are at work (`workflow.code.code_of`).
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(settings, sort_keys=True).encode())
    digest.update(f"{torch.__version__} {code}".encode())
    digest.update(table.to_csv(index=False).encode())
    for brain, store in sorted(stores.items()):
        digest.update(f"{brain} {store.channels} {store.shape} {store.voxel_size}".encode())
        for values in (store.positions, store.log_median, store.log_spread):
            digest.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
        if len(store):
            probes = np.unique(np.linspace(0, len(store) - 1, PROBES).astype(int))
            digest.update(np.ascontiguousarray(store.read(probes)).tobytes())
    return digest.hexdigest()


@cache
def code_of_package() -> str:
    """Return a hash of all modules of the package."""
    digest = hashlib.sha256()
    for module in sorted(Path(cellsift.__path__[0]).rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:16]
