"""What a detector is: the class that every detector is made from.

A detector is one module of this package, in which a class made from `Detector` carries the
decorator `@detector("name")`; nothing else has to change for it to be listed, checked and run (only
config/README.md tells of its parameters). Such a module is imported whenever somebody asks for a
detector's parameters, and so does Snakemake each time that it reads the rules. Therefore it imports
numpy, scipy, torch and the like within its methods.

Axes are z, y, x. Positions are in voxels of the volume, lengths in µm.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from cellsift.settings.parameters import Parameter, Range, complete

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from cellsift.detection.parts import Part, Parts
    from cellsift.detection.resources import Resources
    from cellsift.detection.scale import Scale
    from cellsift.detection.somata import Somata
    from cellsift.io.axes import Size
    from cellsift.io.volumes import Volume


class Detector(ABC):
    """A detector with its parameters, complete and checked; it holds nothing else.

    Detection goes over slabs of planes, each maybe in a process of its own:
    1. `detect_slab` of every slab;
    2. where the detector `measures_contrast_apart`: `find_centres` in the parts of all slabs, and
       `contrast_slab` of every slab;
    3. `gather` of the last step's parts of all slabs.
    What comes out may depend on neither the number of slabs nor the `Resources`, to the last bit.
    A part is a dictionary of arrays, and goes from step to step by way of a file.

    `name` is given by the decorator. `known_parameters` are declared by every detector.
    """

    name: ClassVar[str]
    known_parameters: ClassVar[Mapping[str, Parameter]]

    # Whether centres are found in all slabs together, and contrast is measured at them in a step of
    # its own.
    measures_contrast_apart: ClassVar[bool] = False

    # How long it takes for a volume, roughly, as a multiple of `dog`: of settings as good as each
    # other a search takes the quicker one, and it tries slower detectors less often.
    relative_time: ClassVar[float] = 1.0

    # With what a whole brain is rehearsed on the phantom's tissue, and the contrast from which on
    # its candidates are kept there, so that they are some millions.
    rehearsal_parameters: ClassVar[Mapping[str, Any]] = {}
    rehearsal_contrast: ClassVar[float] = -math.inf

    def __init__(self, **given: object) -> None:
        """Take the parameters, with the defaults of those that are not given.

        Raises InputError for an unknown parameter or a value that cannot be used.
        """
        self.parameters: dict[str, Any] = complete(self.name, self.known_parameters, given)

    @property
    def slab_grid(self) -> int:
        """Slabs begin at multiples of so many planes."""
        return 1

    def scale(self, voxel_size: Size) -> Scale:
        """The lengths by which contrast is measured, for voxels (z, y, x) of this size, µm.

        Those of its `soma_diameter`; one that has no such parameter says its own.
        """
        from cellsift.detection.scale import Scale

        return Scale.of_soma(voxel_size, self.parameters["soma_diameter"])

    @abstractmethod
    def detect_slab(
        self, volume: Volume, first: int, last: int, resources: Resources
    ) -> Iterator[Part]:
        """The parts that planes `first` to `last` - 1 contribute, in the order of z.

        As many planes around them may be read as it takes; there is no plane where `first` is
        `last`. Raises InputError for a volume or parameters that leave nothing to work on, and
        where the memory of `resources` does not do.
        """

    def find_centres(self, volume: Volume, parts: Parts) -> np.ndarray:
        """Centres (n, 3) of somata, sorted by z, y, x, in the parts of all slabs in their order.

        No voxel of the volume is read. For a detector that `measures_contrast_apart`.
        """
        raise NotImplementedError(f"detector {self.name!r} finds no centres apart")

    def contrast_slab(
        self, volume: Volume, centres: np.ndarray, first: int, last: int, resources: Resources
    ) -> Iterator[Part]:
        """The parts for the contrast of those `centres` (n, 3) that lie in these planes.

        `centres` are all of the brain. For a detector that `measures_contrast_apart`;
        `contrast.contrast_parts` does it for a soma of a diameter.
        """
        raise NotImplementedError(f"detector {self.name!r} measures no contrast apart")

    @abstractmethod
    def gather(self, parts: Parts) -> pd.DataFrame:
        """The candidates, columns z, y, x and contrast, sorted by z, y, x; all numbers finite.

        `parts` are those of all slabs in any order, and can be gone through more than once. A
        higher contrast means a cell more likely. `candidates.candidate_table` does it for parts of
        `contrast.contrast_parts`.
        """

    def least_planes(self, voxel_size: tuple[float, float, float]) -> tuple[int, str]:
        """How many planes a volume has to have, and the parameters that decide it, in words."""
        return 1, ""

    def doubts(self, volume: Volume, planes: Mapping[int, np.ndarray]) -> list[str]:
        """Sentences for the user on what may go wrong with this volume, told before any work.

        `planes` are a few of the volume, each (y, x), by their number.
        """
        return []

    @classmethod
    def search_space(
        cls, somata: Somata, voxel_size: tuple[float, float, float]
    ) -> Mapping[str, Range]:
        """What a search for good parameters tries, by name, for somata that look like these.

        A search tries the middle of every range first. Empty: there is nothing to search, and the
        detector takes no part in a search.
        """
        return {}

    @classmethod
    def searched_parameters(cls, values: Mapping[str, float]) -> dict[str, Any]:
        """The parameters that stand for values out of `search_space`."""
        return dict(values)

    def halo(self, voxel_size: tuple[float, float, float]) -> tuple[int, int, int]:
        """How many voxels around a block `blocks.over_blocks` filters with it, per axis."""
        return 0, 0, 0

    def memory_for(self, volume: Volume) -> int:
        """Bytes that `detect_slab` takes for a slab of any thickness, blocks aside."""
        return 0
