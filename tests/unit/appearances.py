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


def classified(called: float = 0.3, agree: bool = True, count: int = 400) -> dict:
    """Two arms that call a share of the candidates cells: the same ones, or others."""
    first = np.arange(count) < round(called * count)
    second = first if agree else first[::-1]
    return {
        name: pd.DataFrame({"p_cell": np.where(cells, 0.97, 0.02), "is_cell": cells})
        for name, cells in (("first", first), ("second", second))
    }
