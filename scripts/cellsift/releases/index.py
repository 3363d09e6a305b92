"""An index of releases: which there are in a folder, or behind the address of one."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.checksums import file_sha256
from cellsift.io.json_files import write_json
from cellsift.io.paths import expanded, hint
from cellsift.releases.download import CannotReach, is_url, read_url
from cellsift.releases.manifest import (
    SHA256,
    Release,
    check_line,
    check_name_and_version,
    file_name,
    version_order,
)

INDEX = "index.json"
FORMAT = "cellsift releases 1"
LARGEST_INDEX = 16 * 2**20
LATEST = "latest"


@dataclass(frozen=True)
class Entry:
    """A release in an index: its file lies beside the index."""

    name: str
    version: str
    file: str
    sha256: str
    size: int
    description: str

    def __post_init__(self):
        check_name_and_version(self.name, self.version)
        if self.file != (wanted := file_name(self.name, self.version)):
            raise InputError(f"{self.file!r} is not the file {wanted}")
        if not isinstance(self.sha256, str) or not SHA256.fullmatch(self.sha256):
            raise InputError(f"{self.sha256!r} is no SHA-256 checksum")
        if not isinstance(self.size, int) or isinstance(self.size, bool) or self.size < 0:
            raise InputError(f"{self.size!r} is no number of bytes")
        check_line(self.description)


def read_index(place: str) -> list[Entry]:
    """The releases that an index lists, by name, each with its newest version first.

    Args:
        place: a folder, the address of one on a web server, or either with index.json.

    Raises:
        CannotReach: a server does not answer, or a folder has no index.
        InputError: what is there is no index.
    """
    where = location(place, INDEX)
    content = read_url(where, LARGEST_INDEX) if is_url(where) else _read_file(Path(where))
    try:
        found = json.loads(content)
        if found["format"] != FORMAT:
            raise ValueError("another format")
        entries = [Entry(**entry) for entry in found["releases"]]
    except (ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        raise InputError(
            f"{where}: is no index of releases ({type(error).__name__}: {str(error)[:200]}); give "
            "the folder or address that `cellsift release` has written to"
        ) from None
    return _sorted(entries)


def location(place: str, file: str) -> str:
    """Where a file beside an index is.

    Example:
        >>> location("https://models.example.org/index.json", "cfos-1.0.0.zip")
        'https://models.example.org/cfos-1.0.0.zip'
    """
    folder = place.removesuffix(f"/{INDEX}").rstrip("/")
    return f"{folder}/{file}" if is_url(place) else str(Path(expanded(folder or "/")) / file)


def wanted_entry(entries: Sequence[Entry], name: str, version: str, place: str) -> Entry:
    """The entry of a release, "latest" the one of the highest version; InputError for none."""
    versions = [entry for entry in entries if entry.name == name]
    for entry in versions:
        if version in (LATEST, entry.version):
            return entry
    if versions:
        known = ", ".join(entry.version for entry in versions)
        raise InputError(f"{place}: there is no version {version} of {name}; give one of: {known}")
    known = ", ".join(dict.fromkeys(entry.name for entry in entries)) or "it is empty"
    raise InputError(f"{place}: there is no release {name}; give one of: {known}")


def add_to_index(folder: Path, release: Release, packed: Path) -> Entry:
    """Move the file of a release to a folder, and have its index list it; return the entry.

    Raises:
        InputError: index.json is no index, or lists the same version with other content.
    """
    content = file_sha256(packed), packed.stat().st_size
    entry = Entry(release.name, release.version, release.file_name, *content, release.description)
    with FileLock(folder / f".{INDEX}.lock"):
        before = read_index(str(folder)) if (folder / INDEX).exists() else []
        _refuse_other_content(before, entry, folder)
        with atomic_file(folder / entry.file) as beside:
            shutil.copyfile(packed, beside)
        others = [one for one in before if (one.name, one.version) != (entry.name, entry.version)]
        write_json(_to_dict(_sorted([*others, entry])), folder / INDEX)
    return entry


def _refuse_other_content(entries: Sequence[Entry], new: Entry, folder: Path) -> None:
    for entry in entries:
        if (entry.name, entry.version) == (new.name, new.version) and entry.sha256 != new.sha256:
            raise InputError(
                f"{folder}: {new.name} {new.version} is there already, with other content; a "
                "version that others may have is not changed: give another --version, "
                "or in a config another release: version"
            )


def _sorted(entries: Sequence[Entry]) -> list[Entry]:
    newest_first = sorted(entries, key=lambda entry: version_order(entry.version), reverse=True)
    return sorted(newest_first, key=lambda entry: entry.name)


def _to_dict(entries: Sequence[Entry]) -> dict[str, Any]:
    return {"format": FORMAT, "releases": [asdict(entry) for entry in entries]}


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_INDEX + 1)
    except OSError as error:
        raise CannotReach(
            f"{path}: there is no index of releases that could be read ({error.strerror}); give "
            f"the folder or address of one{hint(path)}"
        ) from None
    if len(content) > LARGEST_INDEX:
        raise InputError(f"{path}: holds more than {LARGEST_INDEX} bytes; it is no index")
    return content
