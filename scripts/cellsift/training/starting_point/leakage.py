"""From which labelled brains a model has learnt, so that it is not judged on them again."""

from collections.abc import Iterable
from pathlib import Path

from cellsift.calibration.description import brains_in
from cellsift.errors import InputError
from cellsift.models.storage import load_tensors
from cellsift.training.starting_point.files import is_keras_file, model_file


def refuse_known_brains(path: str | Path, brains: Iterable[str]) -> None:
    """Raise InputError if a model has learnt from the labels of one of these brains."""
    if known := sorted(set(learnt_from(path)) & set(brains)):
        raise InputError(
            f"{path} has learnt from brain {', '.join(known)}, which is to be judged here: the "
            "figures would be too good; start from a model of other brains, or from a pre-training"
        )


def learnt_from(path: str | Path) -> list[str]:
    """Return the names of the brains from whose labels a model has learnt.

    Those on which it was trained and those by which its epoch was chosen, also those of the models
    that it started from or was taught by, and so on. None for a pre-training, which sees no labels,
    and for cellfinder's weights, which do not tell. A network that starts from another must not be
    judged on these brains.
    """
    path = model_file(path)
    if is_keras_file(path):
        return []
    _, sidecar = load_tensors(path)
    if "pretraining" in sidecar:
        return []
    return brains_in(sidecar["provenance"])
