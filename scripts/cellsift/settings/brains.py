"""A brain: its files, its voxels and the settings that concern it, as plain data.

Every job makes one of what it was given, so that this module imports nothing that takes time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict, cast

from cellsift.io.axes import Size
from cellsift.io.label_names import Meaning

# Columns of the table of brains that name files, folders or addresses.
FILE_COLUMNS = (
    *("signal", "background", "cells", "non_cells"),
    *("regions", "region_names", "candidates"),
)


class CuboidSettings(TypedDict):
    """Voxels of a cuboid, and their size in µm, along z, y, x."""

    shape: list[int]
    voxel_size: list[float]


class MatchingSettings(TypedDict):
    """How far a candidate may lie from an annotated cell, µm."""

    distance_um: float


class AnnotatorsSettings(TypedDict):
    """What annotators' marks mean; without what was left out."""

    # Label Studio's labels: which of them is cell, no_cell or unsure.
    labels: dict[str, Meaning]
    # Within which marks of several annotators are one cell, µm.
    distance_um: float | None
    agreed_by: Literal["all", "majority"]
    images: Literal["complete", "sparse"]
    empty_images: Literal["empty", "missing"]
    least_agreement: float


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
    annotators: AnnotatorsSettings
    intensity_range: list[float] | None
    voxel_size_in_files: Literal["check", "ignore"]
    jobs_per_brain: JobsPerBrain


class Reading(TypedDict):
    """How volumes are read: what `io.volumes.open_volume` takes beside a path."""

    voxel_size: Size
    intensity_range: list[float] | None
    voxel_size_in_files: Literal["check", "ignore"]


# Where neither annotators nor matching names a distance, as where it is to be searched for.
ANNOTATORS_APART_UM = 10.0
ANNOTATORS: AnnotatorsSettings = {
    "labels": {},
    "distance_um": None,
    "agreed_by": "all",
    "images": "complete",
    "empty_images": "empty",
    "least_agreement": 0.5,
}
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
    regions: str | None = None
    region_names: str | None = None
    # A file of positions in the place of a detection.
    candidates: str | None = None

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

    @property
    def annotators(self) -> AnnotatorsSettings:
        """What its annotators' marks mean, complete."""
        given: dict[str, Any] = dict(self.settings.get("annotators", {}))
        return cast(AnnotatorsSettings, dict(ANNOTATORS) | given)

    def to_dict(
        self,
        settings: Iterable[str],
        annotation: bool,
        regions: bool = False,
        candidates: bool = False,
    ) -> dict[str, Any]:
        """The brain's volumes, these of its settings, and of its other files those asked for.

        With the annotation go its settings. Plain data, from which `Brain.from_dict` makes a brain.
        """
        known = dict(self.settings)
        settings = [*settings, *(["annotators"] if annotation and "annotators" in known else [])]
        parts = ["name", "signal", "background"]
        parts += ["cells", "non_cells"] if annotation else []
        parts += ["regions", "region_names"] if regions else []
        parts += ["candidates"] if candidates else []
        return {part: getattr(self, part) for part in parts} | {
            "voxel_size": list(self.voxel_size),
            "settings": {key: known[key] for key in settings},
        }

    @classmethod
    def from_dict(cls, content: dict, role: str = "predict") -> "Brain":
        """A brain with what `to_dict` was asked for, and this role."""
        return cls(**content | {"voxel_size": tuple(content["voxel_size"]), "role": role})


def annotators_apart_um(settings: SettingsOfABrain) -> float:
    """Within which distance marks of several annotators can be one cell, µm.

    That of `annotators` where it names one, else that of `matching`, else ANNOTATORS_APART_UM.

    Example:
        >>> annotators_apart_um({"matching": {"distance_um": 20.0}})
        20.0
    """
    parts: tuple[Any, Any] = settings.get("annotators"), settings.get("matching")
    named = (part.get("distance_um") for part in parts if part)
    return float(next(filter(None, named), ANNOTATORS_APART_UM))


def resolved_path(volume: str, root: Path) -> str:
    """The same text for paths that lead to the same place."""
    if "://" in volume:
        return volume.rstrip("/")
    try:
        return str((root / volume).resolve())
    # Such as a name too long for the disk, which preflight refuses with the brain's name.
    except (OSError, ValueError, RuntimeError):
        return volume
