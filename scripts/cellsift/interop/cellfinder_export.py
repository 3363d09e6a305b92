"""A trained arm as one Keras model that cellfinder, brainmapper and napari's plugin load as it is.

cellfinder feeds a network float32 cuboids (n, y, x, z, channel) of raw intensities, signal before
background, and calls the larger of its two outputs (`cellfinder.core.classify`, 1.10.1 and 1.11.0).
So normalisation, folds, mirror images, temperature and threshold become a part of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cellsift.cuboids.store import CuboidStore
from cellsift.errors import InputError
from cellsift.inference.trained_arm import TrainedArm, load_arm
from cellsift.interop.finished_models import CELLFINDER_SHAPE, CELLFINDER_VOXEL_SIZE
from cellsift.interop.keras_arm import Statistics, check_written, keras_arm
from cellsift.io.atomic import atomic_file
from cellsift.io.axes import Shape, Size

ENDING = ".keras"


@dataclass(frozen=True)
class CellfinderExport:
    """What was written, and what cellfinder has to be told with it.

    Attributes:
        path: of the model.
        settings: arguments of `cellfinder.core.classify.classify.main` by name, besides
            `trained_model`: network_voxel_sizes (z, y, x, µm), cube_depth, cube_height, cube_width.
        notes: sentences on where the model can be used and where not.
    """

    path: Path
    settings: dict[str, Any]
    notes: tuple[str, ...]


def export_to_cellfinder(
    folder: str | Path, path: str | Path, cuboids: Sequence[str | Path] = ()
) -> CellfinderExport:
    """Write an arm, all its folds or members in one, as a Keras model; whole or not at all.

    Its input is (n, y, x, z, channel), raw intensities; its outputs (n, 2) are a number just below
    the threshold, always the same, and p_cell: the larger is the second where is_cell is true.
    Before the file takes its place it is loaded as cellfinder loads it, and its answers compared.

    Args:
        folder: of the trained arm or ensemble, with model.json.
        path: of the file to write, NAME.keras.
        cuboids: a brain's cuboid stores, where the arm normalises by the statistics of each brain:
            these then become a part of the model, which fits that brain alone.

    Raises:
        InputError: models that cannot be read, do not compute in Keras what they compute here, or
            need a brain's statistics; another ending of the file.

    Example:
        >>> export = export_to_cellfinder("results/models/resnet", "resnet.keras")
        >>> export.settings["cube_depth"]
        20
    """
    path = Path(path)
    if path.suffix != ENDING:
        raise InputError(f"{path} does not end in {ENDING}, by which cellfinder knows a model")
    arm = load_arm(folder)
    statistics = _statistics(arm, cuboids, Path(folder))
    model = keras_arm(arm, statistics)
    with atomic_file(path) as beside:
        model.save(beside)
        check_written(beside, arm, statistics)
    return CellfinderExport(path, cellfinder_settings(arm.shape, arm.voxel_size), _notes(arm))


def cellfinder_settings(shape: Shape, voxel_size: Size) -> dict[str, Any]:
    """Return the arguments of cellfinder's `classify.main` for cuboids of this shape (z, y, x)."""
    depth, height, width = shape
    return {
        "network_voxel_sizes": tuple(voxel_size),
        "cube_depth": depth,
        "cube_height": height,
        "cube_width": width,
    }


def _statistics(arm: TrainedArm, cuboids: Sequence[str | Path], folder: Path) -> Statistics:
    """Return the statistics of the brain that the arm normalises by; none where it does not."""
    by_brain = _by_brain(arm)
    if not by_brain:
        if cuboids:
            raise InputError(
                f"the models in {folder} do not normalise by the statistics of a brain; leave the "
                "brain's cuboids out"
            )
        return Statistics()
    if not cuboids:
        raise InputError(
            f"the models in {folder} normalise by the statistics of each brain, which cellfinder "
            "does not tell a model: give the cuboids of the brain that it is meant for (--cuboids, "
            "for each store in results/brains/BRAIN/cuboids), or train with the recipe's "
            "normalisation: dataset or local"
        )
    store = CuboidStore.open(cuboids)
    arm.check_cuboids(store)
    return Statistics(store.log_median, store.log_spread)


def _by_brain(arm: TrainedArm) -> bool:
    return any(scorer.normalisation.statistics == "brain" for scorer in arm.scorers)


def _notes(arm: TrainedArm) -> tuple[str, ...]:
    notes = [
        "cellfinder leaves out candidates whose cuboid reaches over the border of the volume; "
        "cellsift classifies them.",
        f"It was written by Keras {version('keras')}, which older ones cannot read, as with models "
        "of cellfinder's own; cellfinder needs that or a newer one beside it.",
    ]
    if (arm.shape, tuple(arm.voxel_size)) != (CELLFINDER_SHAPE, CELLFINDER_VOXEL_SIZE):
        notes.append(
            "Its cuboids are not those that cellfinder cuts by itself: without these settings it "
            "fails or answers wrongly, and the plugin for napari, which has no boxes for them, "
            "cannot use it."
        )
    if arm.channels == 1:
        notes.append(
            "It takes one channel: cellfinder loads it from 1.11 on (background_array=None); "
            "1.10.1 cannot classify without a background."
        )
    if _by_brain(arm):
        notes.append(
            "It has the brightness of the brain whose cuboids were given: use it for that brain "
            "alone."
        )
    return tuple(notes)


def instructions(export: CellfinderExport) -> list[str]:
    """Return lines that say how what was written is used in cellfinder and in brainmapper."""
    settings = export.settings
    passed = ", ".join(f"{key}={value}" for key, value in settings.items())
    sizes = " ".join(f"{size:g}" for size in settings["network_voxel_sizes"])
    cubes = " ".join(f"--{k.replace('_', '-')} {n}" for k, n in settings.items() if "cube" in k)
    return [
        f"{export.path} is written. Use it with:",
        f"  classify.main(trained_model={str(export.path)!r}, {passed}, ...)",
        f"  brainmapper --trained-model {export.path} --network-voxel-sizes {sizes} {cubes} ...",
        *export.notes,
    ]
