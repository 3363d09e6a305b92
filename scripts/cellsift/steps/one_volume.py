"""A single volume, without a config: candidates, cuboids and cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cellsift.errors import InputError
from cellsift.io.axes import AXES
from cellsift.io.volumes import Volume, open_volume, stated_size

if TYPE_CHECKING:
    import pandas as pd


def opened(path: str | Path, voxel_size: Sequence[float] | None = None) -> Volume:
    """The volume at `path`, voxels (z, y, x) in µm; None: as its own metadata say.

    Raises InputError as `open_volume` does, and where nothing says how large a voxel is.

    Example:
        opened("brain.tif", (5, 2, 2))
    """
    if voxel_size is None:
        stated = stated_size(path)
        if stated is None or None in stated.sizes:
            raise InputError(
                f"{path}: its metadata do not say how large a voxel is; give its size in µm, "
                "z, y, x: --voxel-size 5 2 2, say"
            )
        voxel_size = [size for size in stated.sizes if size is not None]
    return open_volume(path, voxel_size)


def find_cells(
    model: str | Path,
    signal: Volume,
    background: Volume | None = None,
    *,
    models: str | None = None,
    method: str | None = None,
    parameters: dict[str, Any] | None = None,
    candidates: str | Path | None = None,
    tell: Callable[[str], object] = print,
    device: str = "auto",
    progress: bool = False,
) -> pd.DataFrame:
    """Detect, or read candidates, and classify them.

    Returns the columns z, y, x in voxels, p_cell and is_cell, a row for each candidate.

    Args:
        model: a folder with model.json, or a release by path, address or name.
        models: the index of releases, as of `model_folder`.
        method, parameters: the detector's; None: as of `detection_for`, which looks into the
            model. What was used is the table's `attrs["detection"]`, and `attrs["calibrated"]`
            whether p_cell rests on scores that the model's networks did not learn from.
        candidates: a file of another program in the place of a detection, or brainmapper's folder.
        tell: is called with what may be wrong with that file.

    Raises:
        InputError: there is no such model, it takes other channels, the volume is a single plane
            and its cuboids are deeper, or as `detect` and `candidates_of_file` do.

    Example:
        find_cells("results/mine/models/resnet_narrow", opened("brain.tif", (5, 2, 2)))
    """
    # Networks take seconds to load.
    from cellsift.calibration.description import is_calibrated, read_description
    from cellsift.cuboids.extraction import extract_cuboids
    from cellsift.inference.classify import classify_brain
    from cellsift.inference.trained_arm import load_arm
    from cellsift.releases.fetch import model_folder
    from cellsift.steps.detection_used import UsedDetection, detection_for

    found = model_folder(model, models)
    arm = load_arm(found)
    _refuse_other_channels(arm.channels, background)
    _refuse_a_plane(signal, arm.shape)
    if candidates is None:
        used = detection_for(found, method, parameters)
        at = used.candidates(signal)[AXES].to_numpy()
    else:
        used = UsedDetection.none(candidates)
        at = _given(candidates, signal, tell)[AXES].to_numpy()
    with TemporaryDirectory() as folder:
        kept = Path(folder, "cuboids.zarr")
        cuboids = extract_cuboids(
            signal, background, at, arm.shape, arm.voxel_size, kept, progress=progress
        )
        cells = classify_brain(arm, cuboids, device=device, progress=progress)
    cells.attrs["detection"] = used.to_dict()
    cells.attrs["calibrated"] = is_calibrated(read_description(found))
    return cells


def _given(given: str | Path, signal: Volume, tell: Callable[[str], object]) -> pd.DataFrame:
    """The candidates of a file: a table with z, y, x in voxels."""
    from cellsift.io.brainmapper import candidates_in
    from cellsift.preflight.candidates import candidates_of_file

    file = candidates_in(given) if Path(given).is_dir() else given
    table, doubts = candidates_of_file(str(file), signal.voxel_size, signal.shape)
    for doubt in doubts:
        tell(doubt)
    return table


def _refuse_other_channels(channels: int, background: Volume | None) -> None:
    if channels == 2 and background is None:
        raise InputError("the model takes signal and background; give --background VOLUME, too")
    if channels == 1 and background is not None:
        raise InputError("the model takes the signal alone; leave --background out")


def _refuse_a_plane(signal: Volume, shape: Sequence[int]) -> None:
    """Refuse an image of two dimensions where the model judges by several planes."""
    if signal.shape[0] == 1 and shape[0] > 1:
        raise InputError(
            f"{signal.source}: is a single plane, and the model judges cells by {shape[0]} planes: "
            "give a stack or a folder of planes, or take a model of cuboids of one plane"
        )


def write_found(cells: pd.DataFrame, table: str | Path, xml: str | Path) -> None:
    """Write the cells of a volume as a table, and as XML for napari and cellfinder."""
    from cellsift.io.cells import write_cells_xml
    from cellsift.io.tables import write_table

    write_table(cells, table)
    write_cells_xml(cells, xml)
