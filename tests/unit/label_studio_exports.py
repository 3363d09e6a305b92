"""Exports of Label Studio, and folders of planes that their images were made of."""

import json
from pathlib import Path

import numpy as np
import tifffile

SHAPE = (6, 40, 80)


def write_planes(folder: Path, shape=SHAPE, name="plane_{:04d}.tif") -> Path:
    """Write a folder of planes; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for z in range(shape[0]):
        tifffile.imwrite(folder / name.format(z), np.zeros(shape[1:], np.uint16))
    return folder


def key_point(y, x, label="cell", size=SHAPE[1:], **changes) -> dict:
    """A key point at a pixel's centre (y, x), as Label Studio has it: percent of the image."""
    height, width = size
    place = {"y": 100 * (y + 0.5) / height, "x": 100 * (x + 0.5) / width, "width": 0.5}
    region = {
        "id": f"{y}-{x}-{label}",
        "type": "keypointlabels",
        "from_name": "kp",
        "to_name": "img",
        "original_height": height,
        "original_width": width,
        "image_rotation": 0,
        "value": place | {"keypointlabels": [label]},
    }
    return region | changes


def choice(said: str) -> dict:
    return {"type": "choices", "from_name": "state", "value": {"choices": [said]}}


def annotation(*regions, by=1, **changes) -> dict:
    """What one annotator has submitted of a task."""
    content = {
        "completed_by": by,
        "was_cancelled": False,
        "result": list(regions),
        "updated_at": "2026-01-02T10:00:00Z",
    }
    return content | changes


def task(z, *annotations, image="/data/upload/1/0a1b2c3d-plane_{:04d}.png", number=None, **data):
    """A task of the full export, of the plane z."""
    return {
        "id": z if number is None else number,
        "annotations": list(annotations),
        "predictions": [],
        "drafts": [],
        "data": {"image": image.format(z)} | data,
    }


def write_export(path: Path, *tasks) -> str:
    path.write_text(json.dumps(list(tasks)))
    return str(path)
