"""What is known of a finished model, which is used as it is."""

from dataclasses import dataclass
from typing import Any

from cellsift.io.axes import Shape, Size
from cellsift.settings.learnt_detection import LearntDetection


@dataclass(frozen=True)
class FinishedModel:
    """A trained model that is used as it is, as far as its descriptions tell.

    - path: its folder, or its Keras file;
    - architecture, options: of its networks; of a Keras file the options are in its weights;
    - channels: 1 or 2; None where only the weights tell;
    - shape, voxel_size: of the cuboids that it takes, z, y, x, voxels and µm;
    - folds: for each of its networks, the files that it lies in;
    - learnt_from: the brains from whose labels it has learnt, as far as it says;
    - detection: of the candidates that it has learnt from, if it says so.
    """

    path: str
    architecture: str
    options: dict[str, Any]
    channels: int | None
    shape: Shape
    voxel_size: Size
    folds: tuple[tuple[str, ...], ...]
    learnt_from: tuple[str, ...] = ()
    detection: LearntDetection | None = None
