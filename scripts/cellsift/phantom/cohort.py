"""The demo's brains: a small cohort on disk, written once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pandas as pd
import tifffile
from tqdm.contrib.concurrent import process_map

from cellsift.errors import InputError
from cellsift.io.atomic import atomic_folder
from cellsift.io.cores import available_cores
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import write_table
from cellsift.phantom.anatomy import LAYERS
from cellsift.phantom.brain import PhantomBrain, make_brain
from cellsift.phantom.settings import BrainSettings, Distractors

# Raise it when the drawing changes: brains on disk with another number are drawn anew.
DRAWING = 5
# An image of regions has larger voxels, as an atlas does.
EVERY = 2


@dataclass(frozen=True)
class Animal:
    """One brain of a cohort: what it is made of, and the name of the file for its truth."""

    seed: int
    settings: BrainSettings
    truth_file: str = "cells.csv"


def demo_cohort() -> dict[str, Animal]:
    """The demo's animals by name: phantom_a, _b, _c to train, _test to test, _new to predict."""
    base = BrainSettings(shape=(60, 240, 340), cells=210)
    crowded = Distractors(haze=0.7, vessels=0.05)
    return {
        "phantom_a": Animal(101, base),
        "phantom_b": Animal(102, replace(base, cells=220, contrast=2.5, noise=12.0)),
        "phantom_c": Animal(103, replace(base, cells=160, contrast=3.2, spread=0.4)),
        "phantom_test": Animal(
            104, replace(base, cells=235, contrast=2.8, tissue=340.0, distractors=crowded)
        ),
        "phantom_new": Animal(
            105, replace(base, shape=(60, 180, 240), cells=110, contrast=2.9), "truth.csv"
        ),
    }


def write_cohort(folder: str | Path, brains: Sequence[str] | None = None) -> list[str]:
    """Write the demo's brains (all, or those named) under `folder`; return those newly written.

    A brain that is there already, complete and drawn with the same settings, is left alone.
    `folder`/cohort.json lists the complete brains. Raises InputError for an unknown name.
    """
    folder, cohort = Path(folder), demo_cohort()
    names = list(brains) if brains else list(cohort)
    if unknown := sorted(set(names) - set(cohort)):
        raise InputError(
            f"no such phantom brain: {', '.join(unknown)}; there are {', '.join(cohort)}"
        )
    missing = [name for name in names if not _is_complete(folder / name, cohort[name])]
    if missing:
        process_map(
            _write_animal,
            [cohort[name] for name in missing],
            [folder / name for name in missing],
            max_workers=min(len(missing), available_cores()),
            desc="phantom brains",
            unit="brain",
            # None: no bar where nobody watches, as in a log file.
            disable=None,
        )
    complete = {n: _fingerprint(a) for n, a in cohort.items() if _is_complete(folder / n, a)}
    if missing or not (folder / "cohort.json").exists():
        write_json({"drawing": DRAWING, "brains": complete}, folder / "cohort.json")
    return missing


def _write_animal(animal: Animal, folder: Path) -> None:
    write_brain(make_brain(animal.seed, animal.settings), folder, animal)


def write_brain(brain: PhantomBrain, folder: str | Path, animal: Animal | None = None) -> None:
    """Write a brain whole or not at all.

    signal/plane_0000.tif ... and background/ likewise, cells.csv (or the animal's truth file),
    distractors.csv, regions.tif with the layers of the tissue and regions.csv with their names, and
    for an animal of a cohort brain.json, which tells how it was made.
    """
    truth_file = animal.truth_file if animal else "cells.csv"
    with atomic_folder(folder) as beside:
        for channel in ("signal", "background"):
            (beside / channel).mkdir()
            for z, plane in enumerate(getattr(brain, channel)):
                path = beside / channel / f"plane_{z:04d}.tif"
                tifffile.imwrite(path, plane, compression="zlib", predictor=True)
        write_table(brain.cells, beside / truth_file)
        write_table(brain.distractors, beside / "distractors.csv")
        tifffile.imwrite(
            beside / "regions.tif",
            brain.regions[::EVERY, ::EVERY, ::EVERY],
            compression="zlib",
            photometric="minisblack",
        )
        names = pd.DataFrame({"id": range(1, len(LAYERS) + 1), "name": list(LAYERS)})
        write_table(names, beside / "regions.csv")
        if animal:
            write_json(_fingerprint(animal), beside / "brain.json")


def _fingerprint(animal: Animal) -> dict:
    settings = {
        k: list(v) if isinstance(v, tuple) else v for k, v in asdict(animal.settings).items()
    }
    return {"drawing": DRAWING, "seed": animal.seed, "truth": animal.truth_file, **settings}


def _is_complete(folder: Path, animal: Animal) -> bool:
    """Whether the folder holds this very brain with all its planes."""
    made = folder / "brain.json"
    if not made.exists() or read_json(made) != _fingerprint(animal):
        return False
    planes = animal.settings.shape[0]
    channels = (folder / "signal", folder / "background")
    counts = [sum(1 for _ in channel.glob("plane_*.tif")) for channel in channels]
    others = (animal.truth_file, "regions.tif", "regions.csv")
    return counts == [planes, planes] and all((folder / name).exists() for name in others)
