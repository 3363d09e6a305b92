"""What napari asks when a folder is dropped into it: a brain's results, or those of a run.

`napari.yaml` beside it names it. Little is imported before a folder is one of results.
"""

import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.results import BrainFolder, Results

if TYPE_CHECKING:
    from cellsift.interop.napari_layers import Layer

Reader = Callable[[Any], "list[Layer]"]


def napari_get_reader(path: str | Sequence[str]) -> Reader | None:
    """The function that reads a folder of results, or of a brain in it; None for all others.

    napari gives a path, or a list of them.

    Example:
        napari_get_reader("results/mine/brains/mouse_1")
    """
    return read_results if all(_brains(one) for one in _paths(path)) else None


def read_results(path: str | Sequence[str]) -> "list[Layer]":
    """The layers of each brain in these folders, as `napari_layers.brain_layers` makes them.

    Of several brains all but the first are hidden, and layers begin with the brain's name. What
    cannot be shown is told by a warning. Raises InputError as `brain_layers`.
    """
    from cellsift.interop.napari_layers import brain_layers

    brains = [brain for one in _paths(path) for brain in _brains(one)]
    layers = []
    for number, brain in enumerate(brains):
        of_brain = brain_layers(brain, tell=warnings.warn)
        if len(brains) > 1:
            for layer in of_brain:
                layer.told["name"] = f"{brain.name}: {layer.told['name']}"
                layer.told["visible"] = layer.told.get("visible", True) and number == 0
        layers += of_brain
    return layers


def _paths(path: str | Sequence[str]) -> list[str]:
    return [os.fspath(path)] if isinstance(path, (str, os.PathLike)) else list(path)


def _brains(path: str) -> list[BrainFolder]:
    """The brains with candidates: the folder's own, or those of the results that it is."""
    folder = Path(path)
    own, results = BrainFolder(folder), Results(folder)
    if folder.absolute().parent.name == results.brain("").path.name and _is_brain(own):
        return [BrainFolder(folder.absolute())]
    found = [results.brain(name) for name in results.brain_names()]
    return [brain for brain in found if _is_brain(brain)]


def _is_brain(brain: BrainFolder) -> bool:
    return brain.volumes.is_file() and brain.candidates.is_file()
