"""What was run: versions, seed, config."""

import platform
from importlib.metadata import PackageNotFoundError, version

import pandas as pd
import yaml

import cellsift

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


def configuration_text(configuration: dict) -> str:
    """The completed config as YAML."""
    return yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True, width=100)
