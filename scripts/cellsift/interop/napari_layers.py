"""A brain's results as layers of napari: plain data, made without napari."""

from collections.abc import Callable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
import pandas as pd

from cellsift.cuboids.resampling import data_size, data_starts
from cellsift.errors import InputError
from cellsift.io.axes import AXES, Shape, Size, per_axis
from cellsift.io.json_files import read_json
from cellsift.io.names import CELL
from cellsift.io.tables import read_table
from cellsift.io.tiff_voxel_size import stated_voxel_size
from cellsift.io.volumes import open_voxels
from cellsift.results import BrainFolder

# Widths of points: those of one cell lie within each other.
CANDIDATE_UM, ANNOTATION_UM, CELL_UM = 20.0, 15.0, 8.0
ARM_COLOURS = ("#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#e377c2", "#17becf", "#bcbd22")
# Of a thick slice only the plane in its middle is shown, or all points in it.
ONE_PLANE, ALL_POINTS = {"projection_mode": "none"}, {"projection_mode": "all"}
CANDIDATE_COLOUR, ANNOTATION_COLOUR = "#9ecae1", "#ffff33"


class Layer(NamedTuple):
    """What napari takes as one layer: its data, what it is told of them, and its type."""

    data: Any
    told: dict[str, Any]
    kind: str


def brain_layers(
    brain: BrainFolder,
    arms: Sequence[str] | None = None,
    saliency: bool = True,
    tell: Callable[[str], object] = print,
) -> list[Layer]:
    """The layers of a brain: volumes, candidates, annotated cells, cells of arms and saliency.

    Data are z, y, x in voxels, `scale` and `translate` µm. Volumes are lazy: nothing of them is
    read before it is shown. Saliency is one layer for each example of this brain, hidden at first.

    Args:
        arms: whose cells and saliency are shown; None: those of all arms that classified it.
        tell: is called with what is not shown, and why.

    Raises:
        InputError: there are no results of this brain, or none of an arm.

    Example:
        brain_layers(Results("results/mine").brain("mouse_1"), ["resnet_narrow"])
    """
    found = _found(brain)
    size = per_axis(float(side) for side in found["signal"]["voxel_size_um"])
    arms = _known_arms(brain, arms)
    layers = _volumes(brain, found, size, tell)
    candidates = read_table(brain.candidates)
    layers.append(_points("candidates", candidates, size, CANDIDATE_UM, CANDIDATE_COLOUR))
    if brain.annotation.is_file():
        marked = read_table(brain.annotation)
        cells = marked[marked["kind"] == CELL]
        layers.append(_points("annotated cells", cells, size, ANNOTATION_UM, ANNOTATION_COLOUR))
    for arm, colour in zip(arms, cycle(ARM_COLOURS), strict=False):
        table = read_table(brain.cells(arm))
        called = table[table["is_cell"].astype(bool)]
        layers.append(_points(f"cells of {arm}", called, size, CELL_UM, colour, "disc"))
    for arm in arms if saliency else []:
        layers += _saliency(brain, arm, size)
    return layers


def _found(brain: BrainFolder) -> dict[str, Any]:
    """What preflight noted of the volumes. Raises InputError where there is nothing to show."""
    if brain.volumes.is_file() and brain.candidates.is_file():
        return read_json(brain.volumes)
    names = ", ".join(brain.results.brain_names())
    raise InputError(
        f"{brain.path}: holds no candidates of a brain; give a folder of results and one of its "
        f"brains{f' ({names})' if names else ''}, or run that brain first"
    )


def _known_arms(brain: BrainFolder, wanted: Sequence[str] | None) -> list[str]:
    known = brain.arms()
    unknown = [arm for arm in wanted or [] if arm not in known]
    if unknown:
        raise InputError(
            f"{brain.path}: has no cells of {', '.join(unknown)}; its arms are "
            f"{', '.join(known) or 'none yet'}"
        )
    return known if wanted is None else list(wanted)


def _volumes(
    brain: BrainFolder, found: dict[str, Any], size: Size, tell: Callable[[str], object]
) -> list[Layer]:
    layers = []
    for column in ("signal", "background"):
        if not (noted := found.get(column)):
            continue
        try:
            voxels = _opened(brain, noted)
        except InputError as problem:
            tell(f"{column} is not shown: {problem}")
            continue
        told = {
            "name": column,
            "scale": size,
            "colormap": "gray",
            "visible": column == "signal",
            **ONE_PLANE,
            **_contrast(noted),
        }
        layers.append(Layer(voxels, told, "image"))
    return layers


def _opened(brain: BrainFolder, noted: dict[str, Any]) -> da.Array:
    """The voxels, lazy, of the path as the run had it: from here, or from around the results."""
    path = noted["path"]
    if "://" in path:
        return open_voxels(path)
    places = [Path(), *brain.path.absolute().parents]
    there = next((place / path for place in places if (place / path).exists()), None)
    if there is None:
        raise InputError(
            f"{path}: there is no such volume any more; start from the folder that the run was "
            "started in, or put it back"
        )
    voxels = open_voxels(there)
    if list(voxels.shape) != noted["shape"]:
        raise InputError(
            f"{there}: has the shape (z, y, x) {voxels.shape}, but the results are of one of shape "
            f"{tuple(noted['shape'])}; run the brain anew"
        )
    return voxels


def _contrast(noted: dict[str, Any]) -> dict[str, Any]:
    """The grey values between which a volume is shown, so that none has to be read for it."""
    # Other types were mapped to these before they were measured.
    if noted["dtype"] not in ("uint8", "uint16"):
        return {}
    low, *_, high = noted["intensity_percentiles"].values()
    return {"contrast_limits": (low, max(high, low + 1))}


def _points(
    name: str, table: pd.DataFrame, size: Size, width_um: float, colour: str, symbol: str = "ring"
) -> Layer:
    told = {
        "name": name,
        "scale": size,
        # In voxels, of which napari takes the mean side.
        "size": width_um / float(np.mean(size)),
        "symbol": symbol,
        "face_color": colour,
        **ALL_POINTS,
        "features": table.drop(columns=AXES).reset_index(drop=True),
    }
    return Layer(table[AXES].to_numpy(float), told, "points")


def _saliency(brain: BrainFolder, arm: str, size: Size) -> list[Layer]:
    """Where an arm looked at its examples in this brain."""
    explained = brain.results.explanation(arm)
    if not (explained.chosen.is_file() and explained.saliency.is_file()):
        return []
    chosen = read_table(explained.chosen)
    own = chosen.index[chosen["brain"] == brain.name]
    if not len(own):
        return []
    maps, voxels = _maps(explained.saliency)
    layers = []
    for row in own:
        example, place = chosen.loc[row], chosen.loc[row, AXES].to_numpy(float)
        told = {
            "name": f"saliency of {arm}: {example['kind']}, p_cell {example['p_cell']:.2f}",
            **_placed(place, maps.shape[1:], voxels, size),
            "colormap": "magma",
            **ONE_PLANE,
            "blending": "additive",
            "contrast_limits": (0.0, 1.0),
            "visible": False,
        }
        layers.append(Layer(maps[row], told, "image"))
    return layers


def _maps(path: Path) -> tuple[np.ndarray, Size]:
    """The saliency (n, z, y, x) of all examples, and its voxels in µm."""
    from tifffile import imread

    # Of the axes T, Z, C, Y, X the saliency is the last channel.
    stack = imread(path, squeeze=False)
    stated = stated_voxel_size(path)
    assert stated is not None
    return stack.reshape(stack.shape[:5])[:, :, -1], per_axis(float(s or 0) for s in stated.sizes)


def _placed(place: np.ndarray, shape: Shape, voxels: Size, size: Size) -> dict[str, Any]:
    """Where a cuboid of this shape lies that was cut around a place (z, y, x), in µm."""
    taken = data_size(shape, voxels, size)
    (start,) = data_starts(place[None], taken)
    scale = np.array(taken) * size / np.array(shape)
    # The middle of its first voxel, as napari has it; a volume's first voxel reaches half before 0.
    corner = (start - 0.5) * size
    return {"scale": tuple(scale.tolist()), "translate": tuple((corner + scale / 2).tolist())}
