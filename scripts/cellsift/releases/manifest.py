"""release.json: what a release is, and the checksum of each of its files."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cellsift.calibration.members import NAME as ARM_NAME
from cellsift.errors import InputError
from cellsift.io.names import MODEL_FILE
from cellsift.results import Results

FORMAT = "cellsift release 1"
MANIFEST = "release.json"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?")
VERSION = re.compile(r"(?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){2}")
SHA256 = re.compile(r"[0-9a-f]{64}")
# What a file in a release may be called: no dots in front, and few folders.
MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(?:/[A-Za-z0-9][A-Za-z0-9_.-]*){0,3}")
# What a terminal would obey, or break a line at.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
LONGEST_LINE = 300
LARGEST_MANIFEST = 4 * 2**20


@dataclass(frozen=True)
class Member:
    """A file of a release: its SHA-256 (64 hex digits) and its bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Release:
    """A trained arm under a name and a version, with all files that go with it.

    Attributes:
        version: three whole numbers, such as 1.0.0.
        arm: its name in the run; `models/ARM` is the folder by which it is used.
        description: of one line.
        members: by their paths in the release, with / between folders; release.json is none.
    """

    name: str
    version: str
    arm: str
    description: str
    members: Mapping[str, Member]

    @property
    def file_name(self) -> str:
        """What its file is called, such as cfos-1.0.0.zip."""
        return file_name(self.name, self.version)

    @property
    def model(self) -> str:
        """The folder, in the release, with the arm's model.json: where results have it."""
        return Results("").model(self.arm).path.as_posix()

    @property
    def size(self) -> int:
        """The bytes of all members."""
        return sum(member.size for member in self.members.values())

    def to_bytes(self) -> bytes:
        """What release.json holds; the same release gives the same bytes."""
        content = {"format": FORMAT, **asdict(self)}
        return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, content: bytes, source: str | Path) -> "Release":
        """What `to_bytes` gave, checked; InputError, which names the source, for anything else.

        Example:
            >>> member = {"models/small/model.json": Member("0" * 64, 5)}
            >>> release = Release("cfos", "1.0.0", "small", "c-Fos", member)
            >>> Release.from_bytes(release.to_bytes(), "cfos-1.0.0.zip") == release
            True
        """
        try:
            found = json.loads(content)
            if found.pop("format") != FORMAT:
                raise ValueError("another format")
            found["members"] = {name: _member(name, m) for name, m in found["members"].items()}
            release = cls(**found)
            _check(release)
        except (
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            InputError,
        ) as error:
            raise InputError(
                f"{source}: its {MANIFEST} is not that of a release ({type(error).__name__}: "
                f"{str(error)[:200]}); get the file anew from where it was published"
            ) from None
        return release


def file_name(name: str, version: str) -> str:
    """What the file of a release is called.

    Example:
        >>> file_name("cfos-2026", "1.0.0")
        'cfos-2026-1.0.0.zip'
    """
    return f"{name}-{version}.zip"


def digest_of(manifest: bytes) -> str:
    """The SHA-256 of release.json, which stands for all that is in a release, 64 hex digits."""
    return hashlib.sha256(manifest).hexdigest()


def version_order(version: str) -> tuple[int, ...]:
    """By which versions are sorted.

    Example:
        >>> sorted(["1.10.0", "1.9.2"], key=version_order)
        ['1.9.2', '1.10.0']
    """
    return tuple(map(int, version.split(".")))


def check_name_and_version(name: str, version: str) -> None:
    """Raise InputError unless both can be part of a release's file name."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a release: give letters, digits, dashes and "
            "underscores, such as cfos-2026"
        )
    if not isinstance(version, str) or not VERSION.fullmatch(version):
        raise InputError(
            f"{version!r} cannot be the version of a release: give three whole numbers with dots "
            "between them, such as 1.0.0"
        )


def check_line(description: object) -> None:
    """Raise InputError unless a description is one line of text."""
    if (
        not isinstance(description, str)
        or len(description) > LONGEST_LINE
        or CONTROL.search(description)
    ):
        raise InputError(
            f"the description {str(description)[:LONGEST_LINE]!r} is no line of text; give at most "
            f"{LONGEST_LINE} characters without breaks, tabs or other control characters"
        )


def _member(name: str, content: Mapping[str, Any]) -> Member:
    member = Member(**content)
    if not MEMBER.fullmatch(name) or name == MANIFEST:
        raise ValueError(f"{name!r} is no name of a file in a release")
    if not isinstance(member.size, int) or isinstance(member.size, bool) or member.size < 0:
        raise ValueError(f"{name} has the size {member.size!r}")
    if not isinstance(member.sha256, str) or not SHA256.fullmatch(member.sha256):
        raise ValueError(f"{name} has the checksum {member.sha256!r}")
    return member


def _check(release: Release) -> None:
    check_name_and_version(release.name, release.version)
    if not isinstance(release.arm, str) or not ARM_NAME.fullmatch(release.arm):
        raise ValueError(f"{release.arm!r} is no name of an arm")
    check_line(release.description)
    if f"{release.model}/{MODEL_FILE}" not in release.members:
        raise ValueError(f"there is no {release.model}/{MODEL_FILE}")
