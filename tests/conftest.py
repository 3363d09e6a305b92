"""Fixtures that several tests share."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real brains: $CELLSIFT_DATA, or shared/data beside the checkout."""
    folder = Path(os.environ.get("CELLSIFT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real brains at {folder}: set CELLSIFT_DATA to their folder")
    return folder
