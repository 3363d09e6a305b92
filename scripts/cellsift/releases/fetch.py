"""A model by path, address or name: fetched once, checked on every load."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.checksums import file_sha256
from cellsift.io.names import MODEL_FILE
from cellsift.io.paths import expanded, hint
from cellsift.releases import cache
from cellsift.releases.archive import verify_folder
from cellsift.releases.cache import Source
from cellsift.releases.download import CannotReach, download, is_url
from cellsift.releases.index import LATEST, Entry, location, read_index, wanted_entry
from cellsift.releases.manifest import MANIFEST, NAME, VERSION, Release

# The environment variable that names the folder or address of an index.
MODELS = "CELLSIFT_MODELS"


@dataclass(frozen=True)
class Fetched:
    """A release whose every byte was checked, and the folder that it is unpacked in."""

    release: Release
    folder: Path

    @property
    def model(self) -> Path:
        """The folder with model.json, which `classify_brain` takes."""
        return self.folder / self.release.model


def model_folder(model: str | Path, models: str | None = None) -> Path:
    """The folder with model.json of a model that is given by path, address or name.

    Args:
        model: a folder with model.json (used as it is), the file of a release or its address, or
            NAME, NAME@latest or NAME@VERSION in an index. What exists as a path is one.
        models: folder or address of the index; None: $CELLSIFT_MODELS.

    Raises:
        InputError: there is no such model, or it is not what was published.

    Example:
        classify_brain(model_folder("cfos-2026@1.0.0"), CuboidStore.open(paths))
    """
    path = Path(expanded(str(model)))
    if (path / MODEL_FILE).is_file():
        return path
    return fetch(model, models).model


def fetch(model: str | Path, models: str | None = None) -> Fetched:
    """A release by path, address or name, unpacked and checked; arguments as of `model_folder`."""
    text = str(model)
    if is_url(text):
        return _checked(_from_url(text))
    path = Path(expanded(text))
    if (path / MANIFEST).is_file():
        return Fetched(verify_folder(path), path)
    if path.is_file():
        return _checked(cache.keep(path, str(path)))
    name, _, version = text.partition("@")
    if path.exists() or not NAME.fullmatch(name) or os.sep in text:
        raise InputError(
            f"{text}: is no model; give a folder with {MODEL_FILE}, the file of a release (.zip), "
            f"its address, or a name from an index such as cfos-2026@1.0.0{hint(text)}"
        )
    version = version or LATEST
    if version != LATEST and not VERSION.fullmatch(version):
        raise InputError(f"{text}: {version!r} is no version; give one such as 1.0.0, or latest")
    return _checked(_from_index(name, version, _index_for(text, models)))


def _checked(source: Source) -> Fetched:
    return Fetched(source.verified(), source.folder)


def _from_url(url: str) -> Source:
    return cache.kept_from(url) or cache.fetched_once(url, "", "", partial(download, url))


def _from_index(name: str, version: str, place: str) -> Source:
    if version != LATEST and (known := cache.kept_from(place, name, version)):
        return known
    try:
        entry = wanted_entry(read_index(place), name, version, place)
    except CannotReach as refusal:
        newest = cache.newest_kept(place, name) if version == LATEST else None
        if newest is None:
            raise
        print(f"Note: {refusal}. {name} {newest.version}, kept here, is used.", file=sys.stderr)
        return newest
    if known := cache.kept_from(place, name, entry.version):
        return known
    get = partial(_get, location(place, entry.file), entry)
    return cache.fetched_once(place, name, entry.version, get)


def _get(where: str, entry: Entry, part: Path) -> None:
    """Write the file of an entry to `part`; InputError for another than the index lists."""
    if is_url(where):
        download(where, part, entry.size)
    else:
        try:
            shutil.copyfile(where, part)
        except OSError as error:
            raise InputError(
                f"{where}: cannot be read ({error.strerror}), though the index beside it lists it; "
                "pack it anew"
            ) from None
    if file_sha256(part) != entry.sha256:
        raise InputError(
            f"{where}: has another checksum than its index says, so that it is not used; get in "
            "touch with those who publish it"
        )


def _index_for(text: str, models: str | None, environment: Mapping[str, str] = os.environ) -> str:
    place = models or environment.get(MODELS, "")
    if not place:
        raise InputError(
            f"{text}: is no path that exists, and there is no index to look the name up in; set "
            f"{MODELS} to the folder or address of one, name it in a config as models, or correct "
            f"the path{hint(text)}"
        )
    # A folder is the same from wherever it is named.
    return place.rstrip("/") if is_url(place) else str(Path(expanded(place)).absolute())
