"""Where blocks of tissue lie in a brain."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cellsift.reporting.projections import Projection
from cellsift.reporting.style import CELL, WIDTH, styled

TALLEST = 9.0


def draw_blocks(projection: Projection, blocks: pd.DataFrame) -> Figure:
    """Blocks (block, y0, x0, y1, x1 in voxels) drawn into the signal seen from above."""
    view = np.log1p(projection.top[0].astype(float))
    low, high = np.percentile(view, [1, 99.8])
    _, y_um, x_um = projection.voxel_size
    height, width = projection.shape[1] * y_um, projection.shape[2] * x_um
    with styled():
        across = min(WIDTH * 0.7, TALLEST * width / height)
        drawing = Figure(figsize=(across, across * height / width))
        axis = drawing.subplots()
        axis.set_axis_off()
        limits = {"vmin": low, "vmax": max(high, low + 1e-6)}
        axis.imshow(view, cmap="gray", extent=(0, width, height, 0), **limits)
        for block in blocks.itertuples():
            corner = (block.x0 * x_um, block.y0 * y_um)
            sides = ((block.x1 - block.x0) * x_um, (block.y1 - block.y0) * y_um)
            axis.add_patch(Rectangle(corner, *sides, fill=False, edgecolor=CELL, linewidth=2))
            axis.text(
                corner[0] + sides[0] / 2,
                corner[1] + sides[1] / 2,
                str(block.block),
                color=CELL,
                size=12,
                weight="bold",
                ha="center",
                va="center",
            )
    return drawing
