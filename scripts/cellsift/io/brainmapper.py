"""What a folder of brainmapper's output holds: candidates, and the size of the voxels."""

import os
from pathlib import Path

from cellsift.errors import InputError
from cellsift.io.json_files import read_json
from cellsift.io.voxel_size import StatedSize, check_voxel_size

POINTS, CHANNELS, RUN = "points", "channel_*", "brainmapper.json"
# What was detected comes first: classification drops candidates near the border.
CANDIDATES = ("cells.xml", "detected_cells.xml", "cell_classification.xml")


def candidates_in(folder: str | Path) -> Path:
    """The file of candidates in brainmapper's folder, of one channel, or in its folder of points.

    Raises InputError where there is none, or several channels have some.

    Example:
        candidates_in("brainmapper/mouse_1")  # brainmapper/mouse_1/points/cells.xml
    """
    folder = Path(folder)
    if found := _of_channel(folder):
        return found
    channels = [file for path in sorted(folder.glob(CHANNELS)) if (file := _of_channel(path))]
    if len(channels) == 1:
        return channels[0]
    if channels:
        named = " or ".join(str(file.parents[1]) for file in channels)
        raise InputError(
            f"{folder}: holds candidates of {len(channels)} channels; give the folder of the "
            f"channel that is the signal here: {named}."
        )
    raise InputError(
        f"{folder}: is no folder of brainmapper's output, as {POINTS}/{CANDIDATES[0]} is not "
        "there; give that folder, or a file of candidates (.xml, .csv or .yml)."
    )


def _of_channel(folder: Path) -> Path | None:
    places = [part / name for part in (folder / POINTS, folder) for name in CANDIDATES]
    return next((file for file in places if os.path.isfile(file)), None)


def size_of_run(candidates: str | Path) -> StatedSize | None:
    """The voxels (z, y, x, µm) of the run of brainmapper that wrote a file of candidates.

    None where the file lies in no such folder, or the run's note does not tell.
    """
    folders = list(Path(candidates).absolute().parents)[:3]
    note = next((path for folder in folders if os.path.isfile(path := folder / RUN)), None)
    if note is None:
        return None
    try:
        return StatedSize(check_voxel_size(read_json(note)["voxel_sizes"], str(note)), RUN)
    # A note that was changed by hand says nothing; the table's sizes stand.
    except (InputError, OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
