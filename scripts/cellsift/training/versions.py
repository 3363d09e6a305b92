"""Versions that decide a network's weights, for a model's provenance."""

import platform

import numpy as np
import torch

import cellsift


def versions() -> dict[str, str]:
    """Return the versions of what decides a network's weights."""
    return {
        "cellsift": cellsift.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
