"""Find labelled cells in whole-brain microscopy and learn which classifier to trust.

What a script needs, from one place; each is imported when it is first asked for.

Example:
    >>> import cellsift
    >>> arm = cellsift.Arm("mine", "resnet", {"depth": 18, "width": 8}, cellsift.Recipe(epochs=3))
    >>> arm.architecture
    'resnet'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cellsift.cuboids.extraction import extract_cuboids
    from cellsift.detection import detect
    from cellsift.explain.arm import explain_arm
    from cellsift.inference.classify import classify_brain as classify
    from cellsift.inference.trained_arm import load_arm as load_model
    from cellsift.io.cells import read_points
    from cellsift.io.volumes import open_volume
    from cellsift.labels.matching import label_candidates
    from cellsift.results import ExplanationFolder
    from cellsift.settings.arms import Arm
    from cellsift.settings.recipe import Recipe
    from cellsift.steps.count_volumes import count_volumes as count
    from cellsift.steps.one_volume import find_cells
    from cellsift.training.classification.arm import TrainingBrain, out_of_fold_scores, train_arm

__version__ = "0.1.0"

# Where each name is. `explain` is a room of the package, so that the function is `explain_arm`.
_PLACES = {
    "Arm": "settings.arms:Arm",
    "ExplanationFolder": "results:ExplanationFolder",
    "Recipe": "settings.recipe:Recipe",
    "TrainingBrain": "training.classification.arm:TrainingBrain",
    "classify": "inference.classify:classify_brain",
    "count": "steps.count_volumes:count_volumes",
    "detect": "detection:detect",
    "explain_arm": "explain.arm:explain_arm",
    "extract_cuboids": "cuboids.extraction:extract_cuboids",
    "find_cells": "steps.one_volume:find_cells",
    "label_candidates": "labels.matching:label_candidates",
    "load_model": "inference.trained_arm:load_arm",
    "open_volume": "io.volumes:open_volume",
    "out_of_fold_scores": "training.classification.arm:out_of_fold_scores",
    "read_points": "io.cells:read_points",
    "train_arm": "training.classification.arm:train_arm",
}
__all__ = [
    "Arm",
    "ExplanationFolder",
    "Recipe",
    "TrainingBrain",
    "classify",
    "count",
    "detect",
    "explain_arm",
    "extract_cuboids",
    "find_cells",
    "label_candidates",
    "load_model",
    "open_volume",
    "out_of_fold_scores",
    "read_points",
    "train_arm",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'cellsift' has no attribute {name!r}")
    module, _, found = _PLACES[name].partition(":")
    return getattr(import_module(f"cellsift.{module}"), found)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
