"""How densely cells lie in a brain, seen from above."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from cellsift.reporting.graphs import title_lines
from cellsift.reporting.projections import Projection
from cellsift.reporting.style import WIDTH, styled

# Squares along the longer side.
SQUARES = 60
ROUND = (1, 2, 5)


def draw_density(projection: Projection, scored: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel for each arm: cells in squares of the brain seen from above, in cells per mm²."""
    _, height, width = projection.size_um
    side = square_side(max(height, width))
    counts = {arm: _counts(cells, projection, side) for arm, cells in scored.items()}
    area = (side / 1000) ** 2
    most = max(max(found.max() for found in counts.values()) / area, 1.0)
    columns = min(3, len(counts))
    rows = -(-len(counts) // columns)
    tall = WIDTH / columns * min(height / width, 2.0)
    with styled():
        drawing = Figure(figsize=(WIDTH, rows * (tall + 0.5) + 0.9))
        grid = drawing.subplots(rows, columns, squeeze=False)
        for axis in grid.ravel()[len(counts) :]:
            axis.remove()
        for axis, (arm, found) in zip(grid.ravel(), counts.items(), strict=False):
            extent = (0, found.shape[1] * side, found.shape[0] * side, 0)
            shown = np.ma.masked_equal(found / area, 0)
            image = axis.imshow(shown, cmap="viridis_r", vmin=0, vmax=most, extent=extent)
            axis.set(title=title_lines(arm, across=columns), xlim=(0, width), ylim=(height, 0))
            axis.set(xlabel="x (µm)", ylabel="y (µm)")
            axis.grid(False)
        drawing.colorbar(
            image,
            ax=list(grid.ravel()[: len(counts)]),
            location="bottom",
            fraction=0.05,
            label=f"cells per mm², all depths (squares of {side:g} µm)",
        )
    return drawing


def square_side(longest: float) -> float:
    """A round number of µm, so that about `SQUARES` squares lie along the longest side (µm).

    Example:
        >>> square_side(12_000), square_side(400)
        (200.0, 10.0)
    """
    wanted = longest / SQUARES
    power = 10.0 ** np.floor(np.log10(wanted))
    return float(next((s * power for s in ROUND if s * power >= wanted * (1 - 1e-9)), 10 * power))


def _counts(cells: pd.DataFrame, projection: Projection, side: float) -> np.ndarray:
    """Cells (y, x) in squares of this side in µm."""
    _, height, width = projection.size_um
    size = projection.voxel_size
    called = cells[cells["is_cell"]]
    down, across = called["y"].to_numpy() * size[1], called["x"].to_numpy() * size[2]
    bins = [np.arange(0, length + side, side) for length in (height, width)]
    return np.histogram2d(down, across, bins)[0]
