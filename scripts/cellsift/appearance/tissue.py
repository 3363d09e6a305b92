"""How tissue looks: its brightness, contrast, noise and sharpness, measured on blocks of it."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d

from cellsift.io.axes import Size

# Blocks whose median is lower by this factor than that of the brighter ones are no tissue.
DARKER = 2.0
# A robust spread is that many median absolute deviations.
TO_DEVIATION = 1.4826
# Where voxels do not vary at all, logarithms are taken of this.
TINY = 1e-6
# Of a difference of Gaussians, what lies above is of bright spots.
SPOTS = 0.995
MEASURES = (
    "intensity",
    "intensity_spread",
    "noise",
    "contrast",
    "spots",
    "fineness",
    "length_plane",
    "length_z",
)


def measure_blocks(
    blocks: Iterable[np.ndarray], voxel_size: Size, radius_um: float
) -> pd.DataFrame:
    """Return what `measure_block` says of each block (z, y, x), a row for each."""
    rows = [measure_block(block, voxel_size, radius_um) for block in blocks]
    return pd.DataFrame(rows, columns=list(MEASURES))


def measure_block(block: np.ndarray, voxel_size: Size, radius_um: float) -> dict[str, float]:
    """Measure a block (z, y, x) of raw intensities; all of it in logarithms of them.

    - intensity: the median of log(1 + intensity); intensity_spread: their robust spread;
    - noise: what differs between neighbours in a plane and not between their rows and columns;
    - contrast: the robust spread of a difference of Gaussians of radius_um and twice that, within
      planes, which is that of a soma's contrast where `radius_um` is half a soma's radius;
    - spots: the same difference in its brightest 0.5%;
    - fineness: how much of the spread lies at a quarter of that scale, as a ratio;
    - length_plane, length_z: over how many µm what is left of the wider surroundings loses its
      likeness, within planes and between them.

    Those but the intensity are natural logarithms once more, so that differences are ratios. A
    block of one plane has no length_z (NaN).
    """
    logs = np.log1p(block.astype(np.float32))
    steps = voxel_size[1:]
    radii = [radius_um * share for share in (0.25, 0.5, 1, 2)]
    finest, finer, narrow, wide = (_smoothed(logs, radius, steps) for radius in radii)
    spots = narrow - wide
    grain = np.diff(np.diff(logs, axis=1), axis=2)
    return {
        "intensity": float(np.median(logs)),
        "intensity_spread": _log(_spread(logs)),
        "noise": _log(_spread(grain) / 2),
        "contrast": _log(_spread(spots)),
        "spots": _log(float(np.quantile(spots, SPOTS))),
        "fineness": _log(_spread(finest - finer)) - _log(_spread(spots)),
        "length_plane": _log(
            sum(_length(finer - wide, axis, voxel_size[axis]) for axis in (1, 2)) / 2
        ),
        "length_z": _log(_length(spots, 0, voxel_size[0])) if len(block) > 1 else float("nan"),
    }


def is_tissue(intensity: np.ndarray) -> np.ndarray:
    """Which blocks are tissue, by the logarithms (n,) of their intensity (Otsu 1979).

    The blocks are cut in two where that leaves the least variance within the parts. The darker part
    is no tissue if it is half as bright as the other, or darker.
    """
    values = np.sort(np.asarray(intensity, float))
    cuts = [cut for cut in range(1, len(values)) if values[cut] > values[cut - 1]]
    if not cuts:
        return np.ones(len(values), bool)
    within = [values[:cut].var() * cut + values[cut:].var() * (len(values) - cut) for cut in cuts]
    cut = cuts[int(np.argmin(within))]
    if np.median(values[cut:]) - np.median(values[:cut]) < np.log(DARKER):
        return np.ones(len(values), bool)
    return np.asarray(intensity) >= values[cut]


def _smoothed(logs: np.ndarray, radius_um: float, steps: tuple[float, ...]) -> np.ndarray:
    for axis, step in zip((1, 2), steps, strict=True):
        logs = gaussian_filter1d(logs, radius_um / step, axis=axis, truncate=3)
    return logs


def _spread(values: np.ndarray) -> float:
    return TO_DEVIATION * float(np.median(np.abs(values - np.median(values))))


def _length(values: np.ndarray, axis: int, step: float) -> float:
    """The µm over which likeness falls to 1/e, by that of neighbours along the axis."""
    size = values.shape[axis]
    if size < 2:
        return float("nan")
    before, after = (
        values.take(range(*ends), axis=axis).ravel() for ends in ((0, size - 1), (1, size))
    )
    scale = np.sqrt(np.square(before).sum() * np.square(after).sum())
    likeness = float((before * after).sum() / scale) if scale > 0 else 0.0
    return -step / np.log(np.clip(likeness, 0.02, 0.999))


def _log(value: float) -> float:
    return float(np.log(max(value, TINY))) if np.isfinite(value) else float("nan")
