"""A brain: its files, its voxels and the settings that concern it, as plain data.

Every job makes one of what it was given, so that this module imports nothing that takes time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

from cellsift.io.axes import Size


class CuboidSettings(TypedDict):
    """Voxels of a cuboid, and their size in µm, along z, y, x."""

    shape: list[int]
    voxel_size: list[float]


class MatchingSettings(TypedDict):
    """How far a candidate may lie from an annotated cell, µm."""

    distance_um: float


class JobsPerBrain(TypedDict):
    """Into how many jobs a work on the brain is divided."""

    detection: int
    cuboids: int


class SettingsOfABrain(TypedDict, total=False):
    """The part of the config that concerns a brain; a job has what it was given of it."""

    cuboid: CuboidSettings
    # The detector's method, its parameters, and what is kept of its candidates.
    detection: dict[str, Any]
    matching: MatchingSettings
    intensity_range: list[float] | None
    voxel_size_in_files: Literal["check", "ignore"]
    jobs_per_brain: JobsPerBrain


class Reading(TypedDict):
    """How volumes are read: what `io.volumes.open_volume` takes beside a path."""

    voxel_size: Size
    intensity_range: list[float] | None
    voxel_size_in_files: Literal["check", "ignore"]


SETTINGS_OF_A_BRAIN = tuple(SettingsOfABrain.__annotations__)


@dataclass(frozen=True)
class Brain:
    """A row of the brains table.

    `voxel_size` is in µm (z, y, x). `settings` is the part of the config that concerns a brain
    (`SettingsOfABrain`), its own overrides applied.
    """

    name: str
    signal: str
    voxel_size: Size
    role: str = "predict"
    background: str | None = None
    cells: str | None = None
    non_cells: str | None = None
    settings: SettingsOfABrain = field(default_factory=SettingsOfABrain)

    @property
    def annotated(self) -> bool:
        """Whether people have marked cells in this brain."""
        return self.cells is not None

    @property
    def detector(self) -> dict[str, Any]:
        """The detector's method and its parameters, without what happens to its candidates."""
        return {key: value for key, value in self.settings["detection"].items() if key != "keep"}

    @property
    def reading(self) -> Reading:
        """How its volumes are to be read."""
        return {
            "voxel_size": self.voxel_size,
            "intensity_range": self.settings.get("intensity_range"),
            "voxel_size_in_files": self.settings.get("voxel_size_in_files", "check"),
        }

    def to_dict(self, settings: Iterable[str], annotation: bool) -> dict[str, Any]:
        """The brain's volumes, these of its settings, and its annotation if asked for.

        Plain data, from which `Brain.from_dict` makes a brain.
        """
        known = dict(self.settings)
        parts = ["name", "signal", "background", *(["cells", "non_cells"] if annotation else [])]
        return {part: getattr(self, part) for part in parts} | {
            "voxel_size": list(self.voxel_size),
            "settings": {key: known[key] for key in settings},
        }

    @classmethod
    def from_dict(cls, content: dict, role: str = "predict") -> "Brain":
        """A brain with what `to_dict` was asked for, and this role."""
        return cls(**content | {"voxel_size": tuple(content["voxel_size"]), "role": role})


def resolved_path(volume: str, root: Path) -> str:
    """The same text for paths that lead to the same place."""
    if "://" in volume:
        return volume.rstrip("/")
    try:
        return str((root / volume).resolve())
    # Such as a name too long for the disk, which preflight refuses with the brain's name.
    except (OSError, ValueError, RuntimeError):
        return volume
