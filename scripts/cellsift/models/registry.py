"""The list of architectures: which there are, their options, and the networks they build."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.models import classifiers as FAMILIES
from cellsift.models.option_checks import check_whole_number

if TYPE_CHECKING:
    from cellsift.models.contract import Network

# Snakemake looks at each start: to parse the modules would take thirty times as long.
REGISTRATION = re.compile(r"""^@architecture\(\s*["']([^"']+)["'],?\s*\)""", re.MULTILINE)
Builder = Callable[..., "Network"]
_builders: dict[str, Builder] = {}


def architecture(name: str) -> Callable[[Builder], Builder]:
    """Register a builder `(in_channels, cuboid_shape, *, option=default, ...)` under a name.

    The name has to be a plain string, and the decorator to begin its line: the folder is searched
    for it without running the modules.
    The builder's keyword-only parameters are the options that a user may give.
    """

    def register(builder: Builder) -> Builder:
        _builders[name] = builder
        return builder

    return register


def list_models() -> list[str]:
    """Return the names of all architectures, sorted."""
    return sorted(_files())


def architecture_file(name: str) -> Path:
    """Return the module in which an architecture is written; InputError for an unknown name."""
    files = _files()
    if not isinstance(name, str) or name not in files:
        raise InputError(
            f"architecture '{name}' is not known; choose one of: {', '.join(sorted(files))}"
        )
    return files[name]


def architecture_module(name: str) -> str:
    """Return the name of the module in which an architecture is written.

    Raises InputError for an unknown name.
    """
    return f"{FAMILIES.__name__}.{architecture_file(name).stem}"


def model_options(name: str) -> dict[str, Any]:
    """Return the options of an architecture with their defaults."""
    parameters = inspect.signature(_builder(name)).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def check_options(name: str, options: Iterable[str]) -> None:
    """Raise InputError unless an architecture has options of these names.

    For what users wrote: `create_model` takes some names for its own parameters.
    """
    known = model_options(name)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise InputError(
            f"architecture '{name}' has no option {', '.join(map(repr, unknown))}; "
            f"its options are: {', '.join(known) or 'none'}"
        )


def complete_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return all options of an architecture: those given, and the defaults of the others.

    Sequences become lists, so that what JSON or YAML gave compares equal.
    """
    whole = model_options(name) | dict(options)
    return {key: list(v) if isinstance(v, tuple) else v for key, v in whole.items()}


def create_model(
    name: str, in_channels: int, cuboid_shape: tuple[int, int, int], **options: Any
) -> Network:
    """Return a new network with random weights drawn from torch's global generator.

    Its forward takes float32 (n, in_channels, z, y, x) and gives logits (n, 2): no cell, cell.

    Args:
        name: one of `list_models()`.
        in_channels: 1 (signal) or 2 (signal, background).
        cuboid_shape: voxels along z, y, x.
        options: the architecture's own, see `model_options(name)`.

    Raises:
        InputError: unknown architecture or option, an option out of range, a cuboid too small.
        TypeError: the builder's network does not fulfil the contract.
    """
    # Listing architectures must not import torch.
    from cellsift.models.contract import check_network

    check_options(name, options)
    check_whole_number("in_channels", in_channels)
    shape = tuple(cuboid_shape)
    if len(shape) != 3:
        raise InputError(f"cuboid shape {list(shape)} is not three numbers: z, y, x")
    for axis, size in zip(AXES, shape, strict=True):
        check_whole_number(f"cuboid shape along {axis}", size)
    network = _builder(name)(int(in_channels), tuple(map(int, shape)), **options)
    check_network(name, network)
    return network


def _builder(name: str) -> Builder:
    importlib.import_module(architecture_module(name))
    return _builders[name]


@cache
def _files() -> dict[str, Path]:
    """Find the registered names by reading, not importing, the modules of the families."""
    return {
        name: path
        for folder in FAMILIES.__path__
        for path in sorted(Path(folder).glob("*.py"))
        for name in REGISTRATION.findall(path.read_text(encoding="utf-8"))
    }
