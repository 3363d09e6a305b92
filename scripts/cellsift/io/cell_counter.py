"""Marks of Fiji's Cell Counter, which shares its XML with BrainGlobe but counts otherwise.

BrainGlobe writes types 1 (no cell) and 2 (cell), planes from 0 and the same made-up image name.
Fiji writes a type for each of its counters, with a name in newer versions, and slices from 1, which
count on through the channels of a hyperstack.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from cellsift.errors import InputError
from cellsift.io.label_names import meaning_of
from cellsift.io.names import CELL, NO_CELL
from cellsift.io.units import micrometres_in
from cellsift.io.voxel_size import StatedSize

BRAINGLOBE_IMAGE = "placeholder.tif"
# Fiji has eight counters to begin with, and writes those without marks, too.
FURTHER_TYPES = tuple("345678")
AS_CSV = "give a CSV with columns z, y, x in voxels, planes counted from 0"
# Marks on so many different slices would not leave one remainder by chance.
ENOUGH_SLICES = 8
CHANNELS = (4, 3, 2)


@dataclass(frozen=True)
class Counter:
    """One counter that has marks."""

    number: int
    name: str
    marks: int

    @property
    def is_cell(self) -> bool | None:
        """Whether its name says that it counts cells; None where it says neither."""
        return {CELL: True, NO_CELL: False}.get(meaning_of(self.name) or "")

    def __str__(self) -> str:
        named = f" ({self.name!r})" if self.name else ""
        return f"{self.number}{named} with {self.marks} marks"


def is_of_fiji(root: Element) -> bool:
    """Whether an XML of markers was saved by Fiji: it names an image, calibration or counters."""
    image = root.find("Image_Properties")
    named = (image.findtext("Image_Filename") or "").strip() if image is not None else ""
    calibrated = image is not None and any("Calibration" in part.tag for part in image)
    counters = any(
        group.find("Name") is not None or (group.findtext("Type") or "").strip() in FURTHER_TYPES
        for group in root.iter("Marker_Type")
    )
    return calibrated or counters or named not in ("", BRAINGLOBE_IMAGE)


def stated_size(root: Element) -> StatedSize | None:
    """The voxel size of the image that was counted in; None where no unit of length is given."""
    image = root.find("Image_Properties")
    if image is None:
        return None
    unit = micrometres_in(image.findtext("Calibration_Unit"))
    if unit is None:
        return None
    try:
        sizes = [float(image.findtext(f"{axis}_Calibration") or 0) * unit for axis in "ZYX"]
    except ValueError:
        return None
    return StatedSize(tuple(size if size > 0 else None for size in sizes), "calibration")


def counters_of(numbers: list[int], names: dict[int, str]) -> list[Counter]:
    """The counters of the marks; a name that Fiji gives by itself, such as "Type 3", is none."""
    found = []
    for number in sorted(set(numbers)):
        name = names.get(number, "").strip()
        own = "" if re.fullmatch(r"(?i)type\s*\d+", name) else name
        found.append(Counter(number, own, numbers.count(number)))
    return found


def choose_counters(path: Path, counters: list[Counter], kind: str) -> set[int]:
    """The numbers of the counters that hold marks of this kind ("all", "cell" or "no_cell").

    A single counter without a telling name is taken for what was asked for. Raises InputError where
    it cannot be known.
    """
    if kind == "all" or not counters:
        return {counter.number for counter in counters}
    wanted = kind == "cell"
    are_cells = [counter.is_cell for counter in counters]
    if len(counters) == 1 and are_cells[0] is None:
        return {counters[0].number}
    listed = ", ".join(map(str, counters))
    if None in are_cells:
        raise InputError(
            f"{path}: is of Fiji's Cell Counter and has marks of counters {listed}; which of them "
            f"are cells is not clear. Name them 'cell' and 'no cell' there and save again, or "
            f"{AS_CSV}, one file for cells and one for non_cells."
        )
    if wanted not in are_cells:
        raise InputError(
            f"{path}: is of Fiji's Cell Counter and has marks of counter {listed} alone, none "
            f"named as {'cells' if wanted else 'artefacts'}. Give the other file, or rename the "
            "counter if its name is wrong."
        )
    return {counter.number for counter in counters if counter.is_cell is wanted}


def planes_of(path: Path, slices: np.ndarray) -> np.ndarray:
    """Planes counted from 0, of slices counted from 1. Raises InputError for a slice below 1."""
    if (slices < 1).any():
        raise InputError(
            f"{path}: names the image that it was counted in, as Fiji's Cell Counter does, but has "
            f"slice {slices.min():g}, where Fiji counts from 1; {AS_CSV}."
        )
    return slices - 1


def doubts(path: Path, counters: list[Counter], planes: np.ndarray, kind: str) -> list[str]:
    """What to make sure of before marks of Fiji are relied on."""
    if not len(planes):
        return []
    what = {"cell": "cells", "no_cell": "artefacts", "all": "positions"}[kind]
    said = (
        f"{path}: is of Fiji's Cell Counter. Taken as {what}: counter "
        f"{', '.join(map(str, counters))}, each mark one plane up, as Fiji counts slices from 1 "
        f"(they lie on planes {planes.min():g} to {planes.max():g}, counted from 0)."
    )
    slices = np.unique(planes)
    channels = [n for n in CHANNELS if len(slices) >= ENOUGH_SLICES and np.ptp(slices % n) == 0]
    if channels:
        return [
            f"{said} All their slices are {channels[0]} apart or a multiple of it, as in a "
            f"hyperstack of {channels[0]} channels, whose slices count on through the channels: if "
            f"it was one, they lie too deep; {AS_CSV}."
        ]
    return [
        f"{said} If they were set in a hyperstack of several channels, whose slices count on "
        f"through the channels, or were loaded from cellfinder first, {AS_CSV}."
    ]
