"""Suggestions as files: for a spreadsheet, for napari, for Label Studio; and blocks with images."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import tifffile

from cellsift.annotation.names import HANDED_OUT, UNSURE
from cellsift.annotation.pictures import as_data_uri, picture_of
from cellsift.io.atomic import atomic_file, atomic_folder
from cellsift.io.axes import AXES
from cellsift.io.cells import write_cells_xml
from cellsift.io.names import CELL, NO_CELL
from cellsift.io.tables import write_table
from cellsift.io.volumes import Volume, naming_bad_planes
from cellsift.results import BlockFolder

LABELLING = f"""<View>
  <Header value="Is the spot in the middle a cell? Left: brightest voxel in depth. Right: central \
plane. Second row: background."/>
  <Image name="image" value="$image" zoom="true"/>
  <Choices name="label" toName="image" choice="single-radio" showInline="true" required="true">
    <Choice value="{CELL}" hotkey="1"/>
    <Choice value="{NO_CELL}" hotkey="2"/>
    <Choice value="{UNSURE}" hotkey="3"/>
  </Choices>
</View>
"""


def write_suggestion_table(suggested: pd.DataFrame, number: int, path: str | Path) -> None:
    """Write suggestions as a CSV whose columns label and author are to be filled in.

    `suggested` are those of `suggestion.suggest`, `number` is the round. p_cell is left out, as it
    would sway who labels; it is in the arms' tables, in the row that the column candidate names.
    """
    write_table(suggested.assign(round=number, label="", author=""), path, decimals=None)


def write_suggestion_xml(suggested: pd.DataFrame, path: str | Path) -> None:
    """Write suggestions as XML for napari, all of one type, which says nothing of what they are."""
    write_cells_xml(suggested.assign(is_cell=False), path, HANDED_OUT)


def write_label_studio(
    suggested: pd.DataFrame,
    cuboids: Iterable[np.ndarray],
    brain: str,
    number: int,
    tasks: str | Path,
    config: str | Path,
) -> None:
    """Write suggestions as tasks for Label Studio, and what its labelling project looks like.

    Each task has its picture in itself, and the candidate's place and probability, which an export
    keeps; p_cell is left out, as it would sway who labels. `cuboids` are (channel, z, y, x), one
    for each suggestion; `number` is the round.
    """
    listed = []
    rows = suggested.to_dict("records")
    for row, cuboid in zip(rows, cuboids, strict=True):
        known = {
            "brain": brain,
            "round": number,
            "suggestion": int(row["suggestion"]),
            "candidate": int(row["candidate"]),
            **{axis: float(row[axis]) for axis in AXES},
            "why": row["why"],
            "probability": None if np.isnan(row["probability"]) else float(row["probability"]),
        }
        listed.append({"data": {"image": as_data_uri(picture_of(cuboid))} | known})
    with atomic_file(tasks) as beside:
        beside.write_text(json.dumps(listed, allow_nan=False) + "\n")
    with atomic_file(config) as beside:
        beside.write_text(LABELLING)


def write_blocks(
    blocks: pd.DataFrame, volumes: Sequence[Volume], table: str | Path, folder: str | Path
) -> None:
    """Write blocks as a CSV with columns done and author to be filled in, and the image of each.

    `blocks` are those of `drawing.draw_blocks`, `volumes` the brain's channels. An image is a TIFF
    for Fiji and napari (z, channel, y, x) with its size in µm; beside it lies an empty table for
    its cells, z, y, x in voxels of the block. The folder is written whole or not at all.
    """
    with atomic_folder(folder) as beside:
        files = BlockFolder(beside)
        for block in blocks.itertuples():
            box = tuple(
                slice(getattr(block, f"{axis}0"), getattr(block, f"{axis}1")) for axis in AXES
            )
            _write_image(volumes, box, files.image(int(block.block)))
            write_table(pd.DataFrame(columns=AXES), files.cells(int(block.block)))
    write_table(blocks.assign(done="", author=""), table, decimals=None)


def _write_image(volumes: Sequence[Volume], box: tuple[slice, ...], path: Path) -> None:
    channels = [_read(volume, box) for volume in volumes]
    # Channels may differ in type.
    image = np.stack(channels, axis=1)
    z, y, x = volumes[0].voxel_size
    tifffile.imwrite(
        path,
        image,
        imagej=True,
        resolution=(1 / x, 1 / y),
        metadata={"axes": "ZCYX", "spacing": z, "unit": "um"},
    )


def _read(volume: Volume, box: tuple[slice, ...]) -> np.ndarray:
    data: da.Array = volume.data[box]
    with naming_bad_planes(volume.data, volume.source, box[0].start, box[0].stop):
        return data.compute()
