"""Trained models that are used as one by their model.json: an arm's folds, or several arms."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellsift.calibration.description import read_description
from cellsift.calibration.members import Combination, member_folder
from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.scoring import Scorer, read_scorer
from cellsift.io.axes import Layout, Shape, Size
from cellsift.io.names import MODEL_FILE, check_file_names


@dataclass(frozen=True)
class TrainedArm:
    """The trained models of an arm; their mean logit over `temperature` gives p_cell.

    Attributes:
        channels, shape, voxel_size: the cuboids they take, z, y, x, µm.
        threshold: on p_cell.
    """

    scorers: tuple[Scorer, ...]
    channels: int
    shape: Shape
    voxel_size: Size
    temperature: float
    threshold: float

    def check_cuboids(self, store: CuboidStore) -> None:
        """Raise InputError unless the store's cuboids are like those trained on."""
        wanted = (self.channels, self.shape, self.voxel_size)
        found = (store.channels, tuple(store.shape), tuple(map(float, store.voxel_size)))
        if wanted != found:
            raise InputError(
                f"the models take cuboids with (channels, shape, voxel size in µm) {wanted}, the "
                f"brain's are {found}; extract its cuboids as the models need them (with or "
                "without a background), or train with such cuboids"
            )

    def join(self, logits: np.ndarray) -> np.ndarray:
        """Return one logit for each candidate, (n,), from those of the scorers, (n, scorers)."""
        return logits.mean(axis=1)


@dataclass(frozen=True)
class TrainedEnsemble(TrainedArm):
    """Several arms used as one; the scorers are those of all members, one member after the other.

    Attributes:
        members: by name, in the order of their scorers.
        combination: makes one logit of theirs.
    """

    members: Mapping[str, TrainedArm]
    combination: Combination

    def join(self, logits: np.ndarray) -> np.ndarray:
        """As of an arm; the members' own logits are those that they have alone."""
        ends = np.cumsum([len(member.scorers) for member in self.members.values()])
        parts = np.split(logits, ends[:-1], axis=1)
        return self.combination.logits(
            {
                # Laid out as it is alone: the mean's last bit may depend on it.
                name: member.join(np.ascontiguousarray(part))
                for (name, member), part in zip(self.members.items(), parts, strict=True)
            }
        )


def load_arm(folder: str | Path) -> TrainedArm:
    """Return the models that model.json in a folder lists: an arm's folds, or an ensemble's arms.

    The arms of an ensemble are looked for in the folders beside its own.

    Raises:
        InputError: a file is missing or damaged, the models take different cuboids, or a member
            was calibrated anew since the ensemble was made.
    """
    content = read_description(folder)
    if "members" not in content:
        return _load_folds(Path(folder), content)
    path = Path(folder) / MODEL_FILE
    combination = Combination.from_dict(content, path)
    members = {name: _load_member(path, name, combination) for name in combination.weights}
    layouts = {(m.channels, m.shape, m.voxel_size) for m in members.values()}
    channels, shape, voxel_size = _only_layout(layouts, path)
    return TrainedEnsemble(
        tuple(scorer for member in members.values() for scorer in member.scorers),
        channels,
        shape,
        voxel_size,
        content["temperature"],
        content["threshold"],
        members,
        combination,
    )


def _load_member(path: Path, name: str, combination: Combination) -> TrainedArm:
    folder = member_folder(path.parent, name)
    member = _load_folds(folder, read_description(folder))
    if not np.isclose(member.temperature, combination.temperatures[name], rtol=1e-9):
        raise InputError(
            f"{path} was made of a member {name} with the temperature "
            f"{combination.temperatures[name]}, it now has {member.temperature}: combine the "
            "members anew"
        )
    return member


def _load_folds(folder: Path, content: Mapping[str, Any]) -> TrainedArm:
    path = folder / MODEL_FILE
    names = check_file_names(content.get("folds"), path)
    loaded = [read_scorer(folder / name) for name in names]
    channels, shape, voxel_size = _only_layout({_layout(car) for _, car in loaded}, path)
    return TrainedArm(
        tuple(scorer for scorer, _ in loaded),
        channels,
        shape,
        voxel_size,
        content["temperature"],
        content["threshold"],
    )


def _layout(sidecar: Mapping[str, Any]) -> Layout:
    (z, y, x), size = sidecar["cuboid"]["shape"], sidecar["cuboid"]["voxel_size"]
    size_z, size_y, size_x = map(float, size)
    return sidecar["in_channels"], (z, y, x), (size_z, size_y, size_x)


def _only_layout(layouts: set[Layout], path: Path) -> Layout:
    if len(layouts) > 1:
        raise InputError(f"{path} lists models for different cuboids: {layouts}; train them anew")
    return layouts.pop()
