"""What was run: versions, seed, config."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import pandas as pd
import yaml

import cellsift

CHOSEN = "chosen by the search"
PACKAGES = (
    "cellfinder",
    "brainglobe-utils",
    "torch",
    "captum",
    "scikit-learn",
    "scipy",
    "numpy",
    "pandas",
    "zarr",
    "dask",
    "tifffile",
    "matplotlib",
    "snakemake",
)


def version_table(provenance: dict[str, dict]) -> pd.DataFrame:
    """Versions of cellsift, Python and packages, as columns software, this page, and each arm.

    `provenance` is what each arm's model says about its making; of it, the `versions` are shown.
    """
    here = {"cellsift": cellsift.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            here[package] = version(package)
        except PackageNotFoundError:
            continue
    trained = {arm: _versions(made) for arm, made in provenance.items()}
    names = [*here, *sorted({name for found in trained.values() for name in found} - set(here))]
    columns = {"software": names, "this page": [here.get(name, "–") for name in names]}
    for arm, found in trained.items():
        if found:
            columns[f"{arm}, training"] = [found.get(name, "–") for name in names]
    return pd.DataFrame(columns)


def _versions(made: dict) -> dict[str, str]:
    versions = made.get("versions", {})
    return {str(name): str(number) for name, number in versions.items()}


def configuration_text(configuration: dict, choice: Mapping[str, Any] | None = None) -> str:
    """The completed config as YAML.

    `choice` is what a search for a detector has chosen (detection, matching, cuboid): it stands
    where the config has left it open, marked as such.

    Example:
        >>> left_open = {"matching": {"distance_um": None}}
        >>> configuration_text(left_open, {"matching": {"distance_um": 7.5}})
        'matching:\\n  distance_um: 7.5, chosen by the search\\n'
    """
    if choice:
        configuration = configuration | {
            key: _with_choice(configuration.get(key) or {}, chosen)
            for key, chosen in choice.items()
        }
    return yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True, width=100)


def _with_choice(given: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
    """A part of the config, with what was chosen in the place of what it left open."""
    if "method" in chosen:
        return {**given, CHOSEN: {key: value for key, value in chosen.items() if value is not None}}
    return {
        key: f"{_listed(chosen[key])}, {CHOSEN}" if value is None and key in chosen else value
        for key, value in given.items()
    }


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
