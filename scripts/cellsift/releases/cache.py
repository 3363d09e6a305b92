"""Releases kept in the user's cache folder, so that they are fetched once and usable offline.

`releases/NAME-VERSION-DIGEST` is an unpacked release, `sources/KEY.json` says which one came from
where, and `locks` keep processes that fetch at once out of each other's way.
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_folder
from cellsift.io.json_files import read_json, write_json
from cellsift.releases.archive import read_archive, verify_folder
from cellsift.releases.manifest import Release, version_order


@dataclass(frozen=True)
class Source:
    """Where a release was fetched from, and which it was.

    Attributes:
        origin: the address of a file, or of an index.
        digest: SHA-256 of release.json.
    """

    origin: str
    name: str
    version: str
    digest: str

    @property
    def folder(self) -> Path:
        """Where its files are kept."""
        short = f"{self.name}-{self.version}-{self.digest[:16]}"
        return cache_folder() / "releases" / short

    def verified(self) -> Release:
        """Check every byte of it; InputError as `verify_folder`."""
        return verify_folder(self.folder, self.digest)


def cache_folder() -> Path:
    """The folder of this user in which releases are kept ($XDG_CACHE_HOME counts)."""
    return user_cache_path("cellsift")


def kept_from(origin: str, name: str = "", version: str = "") -> Source | None:
    """What was fetched from an address, or as a version of a name from an index, if anything."""
    return _read(_record(origin, name, version))


def newest_kept(origin: str, name: str) -> Source | None:
    """The highest version of a name that was fetched from an index; None if there is none."""
    of_all = map(_read, (cache_folder() / "sources").glob("*.json"))
    found = [
        source for source in of_all if source and (source.origin, source.name) == (origin, name)
    ]
    return max(found, key=lambda source: version_order(source.version), default=None)


def keep(archive: Path, origin: str) -> Source:
    """Unpack the file of a release into the cache, unless it is there; every byte is checked."""
    release, digest = read_archive(archive)
    source = Source(origin, release.name, release.version, digest)
    if not source.folder.exists():
        with locked(str(source.folder)):
            if not source.folder.exists():
                with atomic_folder(source.folder) as folder:
                    read_archive(archive, folder)
    return source


def fetched_once(origin: str, name: str, version: str, fetch: Callable[[Path], None]) -> Source:
    """What is kept from an origin, or else what `fetch` writes to the path that it is given.

    One process fetches; others that want the same wait for it. Nothing is left of what is refused,
    be it by `fetch` or as no whole release of this name and version, where they are not empty.
    """
    with locked(_record(origin, name, version).stem):
        if source := kept_from(origin, name, version):
            return source
        part = cache_folder() / "parts" / f"{_record(origin, name, version).stem}.zip"
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            fetch(part)
            source = keep(part, origin)
            if name and (source.name, source.version) != (name, version):
                raise InputError(
                    f"{origin}: lists a file as {name} {version} that is {source.name} "
                    f"{source.version}; get in touch with those who publish it"
                )
            write_json(asdict(source), _record(origin, name, version))
        finally:
            part.unlink(missing_ok=True)
        return source


@contextmanager
def locked(what: str) -> Iterator[None]:
    """Within this block no other process is in a block for the same."""
    key = hashlib.sha256(what.encode()).hexdigest()[:32]
    folder = cache_folder() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.joinpath(f"{key}.lock").touch()
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written to ({error.strerror}), where models are kept; set "
            "XDG_CACHE_HOME to a folder that can be"
        ) from None
    with FileLock(folder / f"{key}.lock"):
        yield


def _read(path: Path) -> Source | None:
    """What a record says, as long as the release is there."""
    try:
        source = Source(**read_json(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it and fetch anew") from None
    return source if source.folder.is_dir() else None


def _record(origin: str, name: str, version: str) -> Path:
    text = "\n".join([origin, name, version])
    return cache_folder() / "sources" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"
