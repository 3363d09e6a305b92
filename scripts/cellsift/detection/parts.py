"""What the slabs of a brain hand on: parts, which are arrays by name, in one file for each slab."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from cellsift.io.atomic import atomic_file

# What one block of a slab yields.
Part = dict[str, np.ndarray]
# The parts of all slabs in the order of z; can be gone through more than once.
Parts = Iterable[Part]


def write_parts(parts: Iterable[Part], path: str | Path) -> None:
    """Write a slab's parts into an .npz file, whole or not at all; one part is held at a time."""
    with (
        atomic_file(path) as beside,
        zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for number, part in enumerate(parts):
            for name, values in part.items():
                with archive.open(f"{number}/{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, values, allow_pickle=False)


@dataclass(frozen=True)
class StoredParts:
    """The parts in the files of `write_parts`, slab after slab; one part is read at a time."""

    paths: Sequence[str | Path]

    def __iter__(self) -> Iterator[Part]:
        for path in self.paths:
            with np.load(path, allow_pickle=False) as archive:
                for number, names in groupby(archive.files, key=lambda name: name.split("/")[0]):
                    yield {name.removeprefix(f"{number}/"): archive[name] for name in names}
