"""The light of one kind of thing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Layer:
    """Light that one kind of thing adds to each channel, in counts, and a table of the things."""

    signal: np.ndarray
    background: np.ndarray
    table: pd.DataFrame
