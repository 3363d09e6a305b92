"""Made-up cuboids and scores of candidates that an arm is to be explained by."""

import numpy as np
import pandas as pd

SHAPE = (20, 24, 24)
VOXEL_SIZE = (5.0, 1.0, 2.0)


def scores(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    label = random.choice(["cell", "no_cell", "ambiguous"], rows, p=[0.4, 0.4, 0.2])
    p = np.clip((label == "cell") * 0.4 + random.random(rows) * 0.6, 0, 1)
    frame = pd.DataFrame({"candidate": np.arange(rows), "label": label, "p_cell": p})
    return frame.assign(brain="a", is_cell=frame["p_cell"] >= 0.5)


def made_up(count: int, channels: int, shape=SHAPE) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    cuboids = random.integers(0, 65536, (count, channels, *shape)).astype(np.uint16)
    return cuboids, random.random((count, *shape)).astype(np.float32)
