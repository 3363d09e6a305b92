"""A release as one file: a zip without compression, which is the same to the byte each time."""

import hashlib
import shutil
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_file
from cellsift.io.checksums import file_sha256
from cellsift.releases.manifest import LARGEST_MANIFEST, MANIFEST, Member, Release, digest_of

# The first moment that a zip can state.
MOMENT = (1980, 1, 1, 0, 0, 0)
MODE = stat.S_IFREG | 0o644
UNIX = 3
BLOCK = 2**20
GET_ANEW = "get the file anew from where it was published"


def members_of(folder: Path) -> dict[str, Member]:
    """The files of a folder and of those in it, by their paths with / between folders."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        file.relative_to(folder).as_posix(): Member(file_sha256(file), file.stat().st_size)
        for file in files
    }


def write_archive(release: Release, folder: Path, path: str | Path) -> Path:
    """Write a release whose members lie in a folder as one file, whole or not at all."""
    return _write_zip(folder, sorted(release.members), path, {MANIFEST: release.to_bytes()})


def write_zip(folder: Path, path: str | Path) -> Path:
    """Write all files of a folder as one, without compression, whole or not at all."""
    return _write_zip(folder, sorted(members_of(folder)), path, {})


def _write_zip(
    folder: Path, names: Sequence[str], path: str | Path, first: Mapping[str, bytes]
) -> Path:
    with atomic_file(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
        for name, content in first.items():
            archive.writestr(_entry(name), content)
        for name in names:
            # A file of more than 2 GiB needs to be told of before it is written.
            entry = _entry(name)
            entry.file_size = (folder / name).stat().st_size
            with (folder / name).open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, BLOCK)
    return Path(path)


def read_archive(path: Path, folder: Path | None = None) -> tuple[Release, str]:
    """Check every byte of a release's file; return the release and the digest of its manifest.

    Args:
        folder: an empty one that the files are written to; None: they are only checked.

    Raises:
        InputError: no zip, damaged or cut off, or with files that release.json does not name, under
            names that lead elsewhere, as links, compressed, or of other sizes or checksums.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give the file of a release, a .zip")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked_entries(archive, path)
            manifest = archive.read(entries[MANIFEST])
            release = Release.from_bytes(manifest, path)
            _check_members(entries, release, path)
            for name, member in release.members.items():
                with archive.open(entries[name]) as source:
                    _take(source, name, member, path, folder)
    # For damaged files zipfile lets through what Python raises.
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        ValueError,
        EOFError,
        RuntimeError,
        OverflowError,
    ) as error:
        raise InputError(
            f"{path}: is no whole file of a release ({error}), as if it was cut off or damaged; "
            f"{GET_ANEW}"
        ) from None
    if folder is not None:
        (folder / MANIFEST).write_bytes(manifest)
    return release, digest_of(manifest)


def verify_folder(folder: Path, digest: str | None = None) -> Release:
    """Check every byte of an unpacked release; return it.

    Args:
        digest: that its manifest has to have.

    Raises:
        InputError: a file is missing, changed, or none of the release's.
    """
    again = f"remove the folder {folder} and fetch the release anew"
    try:
        with (folder / MANIFEST).open("rb") as opened:
            manifest = opened.read(LARGEST_MANIFEST + 1)
    except OSError as error:
        raise InputError(
            f"{folder / MANIFEST} cannot be read ({error.strerror}); {again}"
        ) from None
    if digest is not None and digest_of(manifest) != digest:
        raise InputError(f"{folder / MANIFEST} is not what was fetched; {again}")
    release = Release.from_bytes(manifest, folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    if more := sorted(found - {MANIFEST, *release.members}):
        raise InputError(f"{folder / more[0]} is no part of the release; {again}")
    for name, member in release.members.items():
        file = folder / name
        if name not in found or file.stat().st_size != member.size:
            raise InputError(f"{file} is missing or not of its {member.size} bytes; {again}")
        if file_sha256(file) != member.sha256:
            raise InputError(f"{file} has another checksum than the release's; {again}")
    return release


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, MOMENT)
    entry.create_system, entry.external_attr = UNIX, MODE << 16
    return entry


def _checked_entries(archive: zipfile.ZipFile, path: Path) -> Mapping[str, zipfile.ZipInfo]:
    """The entries by name, none of which can unpack to more than it takes, or is a link."""
    entries: dict[str, zipfile.ZipInfo] = {}
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if entry.filename in entries:
            raise InputError(f"{path}: holds {entry.filename!r} twice; {GET_ANEW}")
        if entry.is_dir() or kind not in (0, stat.S_IFREG):
            raise InputError(f"{path}: {entry.filename!r} is a folder or a link; {GET_ANEW}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
            raise InputError(
                f"{path}: {entry.filename!r} is compressed, which nothing in a release is; "
                f"{GET_ANEW}, and do not zip it again"
            )
        entries[entry.filename] = entry
    if MANIFEST not in entries or entries[MANIFEST].file_size > LARGEST_MANIFEST:
        raise InputError(f"{path}: is a zip without a {MANIFEST}; give the file of a release")
    # Entries that overlap would unpack to more.
    if sum(entry.file_size for entry in entries.values()) > path.stat().st_size:
        raise InputError(f"{path}: unpacks to more than it holds; {GET_ANEW}")
    return entries


def _check_members(entries: Mapping[str, zipfile.ZipInfo], release: Release, path: Path) -> None:
    named = {MANIFEST, *release.members}
    if set(entries) != named:
        odd = sorted(set(entries) ^ named)[0]
        what = f"is not named in its {MANIFEST}" if odd in entries else "is missing"
        raise InputError(f"{path}: {odd!r} {what}; {GET_ANEW}")


def _take(
    source: IO[bytes],
    name: str,
    member: Member,
    path: Path,
    folder: Path | None,
) -> None:
    """Read a member, write it to the folder, and refuse it by its size or checksum."""
    found, size = hashlib.sha256(), 0
    target = None
    if folder is not None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        target = (folder / name).open("xb")
    try:
        while block := source.read(BLOCK):
            found.update(block)
            size += len(block)
            if target is not None:
                target.write(block)
    finally:
        if target is not None:
            target.close()
    if size != member.size or found.hexdigest() != member.sha256:
        raise InputError(f"{path}: {name} has another checksum than the release's; {GET_ANEW}")
