"""What a benchmark was run on: date, processor, and the versions that decide how fast it is."""

import datetime
import platform
from importlib.metadata import PackageNotFoundError, version

from cellsift.io.cores import available_cores, processor_name

LIBRARIES = ("snakemake", "torch", "pandas", "numpy")


def machine() -> str:
    """Date, processor, cores and versions, as a sentence for a page."""
    versions = [f"{name} {_version(name)}" for name in LIBRARIES]
    return (
        f"{datetime.date.today().isoformat()}; {processor_name()}, {available_cores()} cores; "
        f"Python {platform.python_version()}, {', '.join(versions)}."
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
