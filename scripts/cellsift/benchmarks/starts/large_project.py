"""A large project that only looks like work: many tiny brains, ten arms."""

import random
from pathlib import Path

import numpy as np
import tifffile
import yaml

ARMS = [
    "features",
    "resnet_narrow",
    "resnet_cellfinder_narrow",
    "densenet_narrow",
    "convnext_narrow",
    "mobilenet_narrow",
    "efficientnet_narrow",
    "slice_mil_narrow",
    "vit_narrow",
    "pipnet_narrow",
]
# The first brains are annotated; all others are only classified.
ROLES = ("train", "train", "test")
HEADER = "brain\trole\tsignal\tbackground\tvoxel_z\tvoxel_y\tvoxel_x\tcells\tnon_cells"
SHAPE = (4, 32, 32)
CELLS = 60


def write_large_project(folder: Path, root: Path, brains: int) -> Path:
    """Write so many brains, their table and a config below `folder`; return the config's file.

    Paths in them are relative to `root`, where the results are to be written beside them. Each
    brain has two volumes of its own, 4 x 32 x 32 voxels (z, y, x).
    """
    folder.mkdir(parents=True)
    rows = [_brain(folder / "volumes" / f"brain_{n:03d}", root, n) for n in range(brains)]
    table = folder / "brains.tsv"
    table.write_text("\n".join([HEADER, *map("\t".join, rows)]) + "\n")
    config = {
        "brains_table": str(table.relative_to(root)),
        "results": str((folder / "results").relative_to(root)),
        "arms": ARMS,
        "cuboid": {"shape": [12, 17, 17], "voxel_size": [5, 3, 3]},
        "detection": {"method": "cellfinder", "soma_diameter": 16},
        "training": {"folds": 3},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def _brain(folder: Path, root: Path, number: int) -> list[str]:
    """Write the files of a brain; its row of the table."""
    folder.mkdir(parents=True)
    noise = np.random.default_rng(number)
    for channel in ("signal", "background"):
        voxels = noise.integers(0, 999, SHAPE, np.uint16)
        tifffile.imwrite(folder / f"{channel}.tif", voxels, photometric="minisblack")
    role, cells = "predict", ""
    if number < len(ROLES):
        role, cells = ROLES[number], str((folder / "cells.csv").relative_to(root))
        (folder / "cells.csv").write_text(_cells(number))
    volumes = [str((folder / f"{name}.tif").relative_to(root)) for name in ("signal", "background")]
    return [folder.name, role, *volumes, "5", "2", "2", cells, ""]


def _cells(seed: int) -> str:
    place = random.Random(seed)
    rows = [",".join(str(place.randrange(side)) for side in SHAPE) for _ in range(CELLS)]
    return "\n".join(["z,y,x", *rows]) + "\n"
