"""Results of a small run, its arm packed, and a cache of models for each test."""

from pathlib import Path

import pytest
from small_release import TEXTS, make_run

from cellsift.releases.fetch import MODELS
from cellsift.releases.pack import pack
from cellsift.releases.texts import Texts


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """The folder in which models are kept, which is not there yet."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(MODELS, raising=False)
    return tmp_path / "cache" / "cellsift"


@pytest.fixture(scope="session")
def made(tmp_path_factory, once) -> Path:
    """A folder with the `results` of a run, and `models` with its arm packed; not to be changed."""

    def make() -> str:
        folder = tmp_path_factory.mktemp("made")
        pack(make_run(folder), "narrow", "blobs", folder / "models", texts=Texts(**TEXTS))
        return str(folder)

    return Path(once("small_release", make))
