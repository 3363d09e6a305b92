"""The comparison as an MLflow file store."""

from collections.abc import Iterable
from pathlib import Path

from cellsift.interop.mlflow_store import write_mlflow
from cellsift.settings.arms import Arm


def track(results: str | Path, arms: Iterable[Arm], out: str | Path) -> None:
    """Write all arms of a finished comparison to the folder `out` (`write_mlflow`)."""
    write_mlflow(results, arms, out)
