"""What one brain looks like, in numbers that can be set beside another brain's."""

from typing import Any

import numpy as np
import pandas as pd

from cellsift.appearance.blocks import sample_blocks
from cellsift.appearance.candidates import candidates_per_mm3, features_of
from cellsift.appearance.tissue import is_tissue, measure_blocks
from cellsift.cuboids.store import CuboidStore
from cellsift.io.volumes import Volume

# A block is as wide as this many cuboids; somata are looked for at a share of a cuboid's half side.
BLOCK, RADIUS = 2.0, 1 / 6
QUANTILES = (0.1, 0.5, 0.9)


def describe_brain(signal: Volume, background: Volume | None, store: CuboidStore) -> dict[str, Any]:
    """Measure a brain's channels, tissue and candidates on random samples; JSON-ready.

    `store` holds the cuboids of all its candidates: their width says at which scale somata are
    looked for. Memory and time do not grow with the volume.

    Returns channels, voxel_size (µm), blocks (how many were looked at, how many of them are
    tissue), tissue (the medians over its blocks, `measure_block`), candidates (number, how
    many of them were measured, per_mm3),
    features (of each its 10%, 50% and 90% quantile). What cannot be measured is None.
    """
    side = min(n * size for n, size in zip(store.shape[1:], store.voxel_size[1:], strict=True))
    measured = measure_blocks(
        sample_blocks(signal, BLOCK * side), signal.voxel_size, RADIUS * side / 2
    )
    tissue = is_tissue(measured["intensity"].to_numpy())
    medians = measured[tissue].median()
    if background is not None:
        seen = [np.median(np.log1p(b)) for b in sample_blocks(background, BLOCK * side)]
        medians["background_intensity"] = float(np.median(np.asarray(seen)[tissue]))
    features = features_of(store)
    density = candidates_per_mm3(store.positions, signal.voxel_size, signal.shape)
    return {
        "channels": store.channels,
        "voxel_size": list(signal.voxel_size),
        "blocks": {"looked_at": len(measured), "tissue": int(tissue.sum())},
        "tissue": _known(medians),
        "candidates": {
            "number": len(store),
            "measured": len(features),
            "per_mm3": _number(density),
        },
        "features": {
            name: [_number(q) for q in values.quantile(QUANTILES)]
            for name, values in features.items()
        },
    }


def _known(values: pd.Series) -> dict[str, float | None]:
    return {str(name): _number(value) for name, value in values.items()}


def _number(value: float) -> float | None:
    """Rounded, so that the last bits of another processor change no file."""
    return round(float(value), 6) if np.isfinite(value) else None
