"""The list of detectors: which there are and what they can be told."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cellsift.errors import InputError

if TYPE_CHECKING:
    from cellsift.detection.contract import Detector
    from cellsift.settings.parameters import Value

_detectors: dict[str, type[Detector]] = {}
REGISTRATION = re.compile(r'^@detector\("(\w+)"\)$', flags=re.MULTILINE)


def detector(name: str) -> Callable[[type[Detector]], type[Detector]]:
    """Register a class made from `Detector` under a name.

    The name has to be a plain string in double quotes: the package's modules are searched for it
    without running them.
    """

    def register(made: type[Detector]) -> type[Detector]:
        made.name = name
        _detectors[name] = made
        return made

    return register


def list_detectors() -> list[str]:
    """The names of the detectors, sorted."""
    return sorted(_modules())


def detector_module(method: str) -> str:
    """The name of the module in which a detector is written; InputError for an unknown detector."""
    modules = _modules()
    if not isinstance(method, str) or method not in modules:
        raise InputError(f"no detector {method!r}; there are {', '.join(sorted(modules))}")
    return modules[method]


def create_detector(method: str, **parameters: object) -> Detector:
    """A detector with these parameters, completed with its defaults.

    Raises InputError for an unknown detector, an unknown parameter or an unusable value.
    """
    return detector_class(method)(**parameters)


def check_parameters(method: str, **parameters: object) -> dict[str, Value]:
    """The parameters, completed with the detector's defaults.

    Raises InputError as `create_detector` does.
    """
    return create_detector(method, **parameters).parameters


def detector_parameters(method: str) -> dict[str, str]:
    """The parameters of a detector: name to description, with units."""
    known = detector_class(method).known_parameters
    return {name: parameter.description for name, parameter in known.items()}


def detector_defaults(method: str) -> dict[str, Value]:
    """The parameters of a detector: name to default."""
    known = detector_class(method).known_parameters
    return {name: parameter.default for name, parameter in known.items()}


def measures_contrast_apart(method: str) -> bool:
    """Whether the detector first finds centres, and measures their contrast in a step of its own.

    Raises InputError for an unknown detector.
    """
    return detector_class(method).measures_contrast_apart


def detector_class(method: str) -> type[Detector]:
    """The class of a detector; InputError for an unknown one."""
    importlib.import_module(detector_module(method))
    return _detectors[method]


@cache
def _modules() -> dict[str, str]:
    """The module of each registered name, found by reading, not importing, those of the package."""
    assert __package__
    folders = importlib.import_module(__package__).__path__
    return {
        name: f"{__package__}.{path.stem}"
        for path in sorted(path for folder in folders for path in Path(folder).glob("*.py"))
        for name in REGISTRATION.findall(path.read_text(encoding="utf-8"))
    }
