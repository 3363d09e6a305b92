"""Made-up descriptions of brains, as `describe_brain` and the arms would give them."""

import numpy as np
import pandas as pd

FEATURES = {"centre": (0.2, 0.5, 0.9), "size": (0.1, 0.2, 0.4), "edge": (0.01, 0.03, 0.06)}
TISSUE = {
    "intensity": 6.0,
    "intensity_spread": -1.3,
    "noise": -1.7,
    "contrast": -3.2,
    "spots": -1.2,
    "fineness": 0.8,
    "length_plane": 2.9,
    "length_z": 3.1,
}


def appearance(brighter: float = 1.0, per_mm3: float = 7000.0, **tissue: float | None) -> dict:
    """A brain as bright as `brighter` times the usual one; `tissue` may name other measures."""
    told = TISSUE | {"intensity": TISSUE["intensity"] + float(np.log(brighter))} | tissue
    return {
        "channels": 1,
        "voxel_size": [5.0, 2.0, 2.0],
        "blocks": {"looked_at": 36, "tissue": 33},
        "tissue": told,
        "candidates": {"number": 400, "measured": 400, "per_mm3": per_mm3},
        "features": {name: list(quantiles) for name, quantiles in FEATURES.items()},
    }


def classified(
    called: float = 0.3, agree: bool = True, count: int = 400, twice: float = 0.0, seed: int = 0
) -> dict:
    """Two arms that call a share of the candidates cells: the same ones, or others.

    Candidates lie at random, in voxels of 5, 2 and 2 µm, no nearer to each other than 12 µm. Of the
    called cells the share `twice` has another called candidate 3 to 5 µm beside it, instead of one
    that lies elsewhere.
    """
    first = np.arange(count) < round(called * count)
    second = first if agree else first[::-1]
    at = positions(count, round(called * count), twice, seed)
    return {
        name: at.assign(p_cell=np.where(cells, 0.97, 0.02), is_cell=cells)
        for name, cells in (("first", first), ("second", second))
    }


def positions(count: int, called: int, twice: float, seed: int) -> pd.DataFrame:
    """z, y, x of candidates, of which the first ones are called cells."""
    random = np.random.default_rng(seed)
    side = int(np.ceil(count ** (1 / 3)))
    grid = np.stack(np.unravel_index(np.arange(side**3), (side,) * 3), axis=1)
    at = 30.0 * random.permutation(grid)[:count] + random.uniform(-9, 9, (count, 3))
    # Of the called ones the last are put beside the first.
    doubled = round(twice * called / 2)
    away = random.normal(size=(doubled, 3))
    away *= random.uniform(3, 5, (doubled, 1)) / np.linalg.norm(away, axis=1, keepdims=True)
    at[called - doubled : called] = at[:doubled] + away
    return pd.DataFrame(at / [5, 2, 2], columns=["z", "y", "x"])
