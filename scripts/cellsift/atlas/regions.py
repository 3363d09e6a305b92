"""An image of regions, whole numbers over a brain, and their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.axes import Shape, Size, per_axis
from cellsift.io.paths import hint
from cellsift.io.volumes import naming_bad_planes, open_voxels

# What lies in no region has this number, and this name.
NO_REGION, OUTSIDE = 0, "outside"
# Names that rows of a table of counts have beside regions.
TAKEN = ("all", OUTSIDE)
LIKE_OTHER_ROWS = r"(block|region) "
LARGEST = 2**53
ID, NAME = "id", "name"
# The longest side of a voxel of such an image over its shortest.
MOST_UNEVEN = 1.5


@dataclass(frozen=True, eq=False)
class RegionImage:
    """Whole numbers (z, y, x) that cover a brain, read lazily, and the names of some of them.

    The image lies as the brain does and reaches from its first to its last voxel along each axis;
    its own voxels may be larger or smaller.
    """

    numbers: da.Array
    names: dict[int, str]
    source: str

    @property
    def shape(self) -> Shape:
        return per_axis(self.numbers.shape)

    def at(self, positions: np.ndarray, shape: Sequence[int]) -> pd.Categorical:
        """The region (n,) of each position (n, 3), z, y, x in voxels of a brain of this shape.

        A number without a name is called "region NUMBER"; what has number 0 lies "outside". Of
        planes, or an OME-Zarr's chunks, those with a position are read, one after the other.

        Raises InputError for what cannot be read.

        Example:
            >>> image = RegionImage(da.array([[[0, 7]]]), {7: "cortex"}, "regions.tif")
            >>> list(image.at(np.array([[0, 0, 9], [0, 0, 1]]), (1, 1, 10)))
            ['cortex', 'outside']
        """
        found = self._numbers_at(np.asarray(positions, float), np.asarray(shape, float))
        numbers, codes = np.unique(found, return_inverse=True)
        return pd.Categorical.from_codes(codes, [self.name_of(number) for number in numbers])

    def name_of(self, number: int) -> str:
        if number == NO_REGION:
            return OUTSIDE
        return self.names.get(int(number), f"region {int(number)}")

    def _numbers_at(self, positions: np.ndarray, shape: np.ndarray) -> np.ndarray:
        # Voxel i of the brain reaches from i to i + 1; its middle decides.
        own = ((positions + 0.5) * np.asarray(self.shape) / shape).astype(int)
        own = np.clip(own, 0, np.asarray(self.shape) - 1)
        found = np.zeros(len(own), self.numbers.dtype)
        ends = [np.cumsum(sizes) for sizes in self.numbers.chunks]
        at = np.stack([np.searchsorted(e, own[:, n], "right") for n, e in enumerate(ends)], axis=1)
        chunks, chunk_of = np.unique(at, axis=0, return_inverse=True)
        for number, chunk in enumerate(chunks):
            rows = np.flatnonzero(chunk_of.ravel() == number)
            first = [
                e[i] - sizes[i]
                for e, i, sizes in zip(ends, chunk, self.numbers.chunks, strict=True)
            ]
            with naming_bad_planes(
                self.numbers, self.source, int(first[0]), int(ends[0][chunk[0]])
            ):
                values = self.numbers.blocks[tuple(chunk)].compute()
            found[rows] = values[tuple((own[rows] - first).T)]
        return found


def open_regions(image: str | Path, names: str | Path | None = None) -> RegionImage:
    """Open an image of regions (TIFF planes or stack, OME-Zarr) and the table of their names.

    The table is a CSV with columns `id` and `name`, others are left alone: an atlas's
    structures.csv is one. Raises InputError for what cannot be read or is no such image or table.
    """
    numbers = open_voxels(image)
    if numbers.dtype.kind not in "ui":
        raise InputError(
            f"{image}: its voxels are {numbers.dtype}; an image of regions holds a whole number "
            "for each region, and 0 outside. Save it as integers"
        )
    return RegionImage(numbers, {} if names is None else read_names(names), str(image))


def stretched_unevenly(image: Shape, shape: Shape, voxel_size: Size) -> str | None:
    """What makes one doubt that an image of regions of a shape lies as a brain of another does.

    `shape` and `voxel_size` (µm) are the brain's; all are z, y, x. None where a voxel of the image
    is a whole number of the brain's along each axis, or about as long along each as an atlas's.

    Example:
        >>> stretched_unevenly((40, 60, 80), (100, 600, 800), (10.0, 2.0, 2.0)) is None
        True
        >>> stretched_unevenly((80, 60, 40), (100, 600, 800), (10.0, 2.0, 2.0))
        'its 80 x 60 x 40 voxels would be 12.5 x 20 x 40 µm large (z, y, x) to cover the signal. \
Check that its axes are in the same order and that it reaches as far'
    """
    ratio = np.asarray(shape) / np.asarray(image)
    if np.allclose(ratio, ratio.round(), atol=0.02):
        return None
    own = [size * n / m for size, n, m in zip(voxel_size, shape, image, strict=True)]
    if max(own) <= MOST_UNEVEN * min(own):
        return None
    voxels, sizes = " x ".join(map(str, image)), " x ".join(f"{size:.3g}" for size in own)
    return (
        f"its {voxels} voxels would be {sizes} µm large (z, y, x) to cover the signal. Check that "
        "its axes are in the same order and that it reaches as far"
    )


def read_names(path: str | Path) -> dict[int, str]:
    """The names of regions by their numbers, from a CSV with columns `id` and `name`.

    Raises InputError for a table that cannot be read or names two regions alike.
    """
    path = Path(path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such table of names.{hint(path)}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as a CSV table ({error})") from error
    missing = [column for column in (ID, NAME) if column not in table]
    if missing:
        raise InputError(
            f"{path}: has no column {' and no column '.join(missing)}, but {', '.join(table)}; "
            f"give the regions' numbers as {ID} and their names as {NAME}"
        )
    numbers = pd.to_numeric(table[ID].str.strip(), errors="coerce")
    names = table[NAME].str.strip()
    for wrong, said in (
        (
            ~numbers.between(0, LARGEST) | (numbers % 1 != 0),
            f"{ID} has to be a whole number, as voxels of the image have it",
        ),
        (numbers.duplicated(), f"this {ID} is there twice; keep one row for each region"),
        (names == "", f"{NAME} is empty; give the region a name, or remove the row"),
        (names.duplicated(), f"this {NAME} is there twice; give each region a name of its own"),
        (
            names.isin(TAKEN) | names.str.match(LIKE_OTHER_ROWS),
            "a region cannot be called so, as other rows of the counts are",
        ),
    ):
        if wrong.any():
            row = table[wrong].iloc[0]
            line = int(np.flatnonzero(wrong)[0]) + 2
            raise InputError(f"{path}, line {line}: {row[ID]!r}, {row[NAME]!r}: {said}")
    return dict(zip(numbers.astype(int), names, strict=True))
