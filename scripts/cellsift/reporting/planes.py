"""How good the planes of a volume are, by depth: a picture, and what is doubtful."""

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import median_filter

from cellsift.reporting.slabs import QUALITIES, Slabs
from cellsift.reporting.style import OKABE_ITO, WIDTH, styled

CHANNELS = ("signal", "background")
# A larger share of voxels at a channel's highest value is told of, and so are planes whose median
# is off that of those around them by more than this share.
SATURATED, UNEVEN = 0.001, 0.3
AROUND = 7
NAMED = 5


def of_channel(slabs: Slabs, channel: int) -> dict[str, np.ndarray]:
    """`QUALITIES` of a channel's planes (z,), and `saturated`.

    That is the share of a plane's voxels that have the highest value of the whole channel.
    """
    found = dict(zip(QUALITIES, slabs.planes[channel].T, strict=True))
    # A plane that is flat, such as an empty one, is not saturated.
    flat = found["median"] >= found["brightest"]
    at_most = (found["brightest"] >= found["brightest"].max()) & ~flat
    return found | {"saturated": np.where(at_most, found["share_brightest"], 0.0)}


def doubts(slabs: Slabs) -> list[str]:
    """What may be wrong with the planes, a sentence each.

    Example:
        >>> planes = np.tile([100.0, 200, 300, 0, 0, 0], (1, 12, 1))
        >>> planes[0, 4, 0] = 10
        >>> pictures = np.zeros((1, 4, 4), np.uint8)
        >>> doubts(Slabs(pictures, np.array([0, 12]), (5, 2, 2), (1, 1), planes))
        ['Plane 4 of the signal is much darker or brighter than those around it.']
    """
    said = []
    for number, name in zip(range(len(slabs.planes)), CHANNELS, strict=False):
        found = of_channel(slabs, number)
        if (share := float(found["saturated"].mean())) > SATURATED:
            said.append(
                f"{share:.1%} of the {name}'s voxels have its highest value, "
                f"{found['brightest'].max():g}: it may be saturated, so that bright cells and "
                "artefacts look alike. A shorter exposure or less laser power would help."
            )
        said += _uneven(found["median"], name)
    return said


def _uneven(median: np.ndarray, name: str) -> list[str]:
    usual = median_filter(median, AROUND, mode="nearest")
    off = np.flatnonzero(np.abs(median - usual) > UNEVEN * np.maximum(usual, 1))
    if not len(off):
        return []
    if len(off) == 1:
        which = f"Plane {off[0]} of the {name} is"
    else:
        more = f" and {len(off) - NAMED} more" if len(off) > NAMED else ""
        numbers = ", ".join(map(str, off[:NAMED]))
        which = f"Planes {numbers}{more} of the {name} are"
    return [
        f"{which} much darker or brighter than those around {'it' if len(off) == 1 else 'them'}."
    ]


def draw(slabs: Slabs) -> Figure:
    """Brightness, saturation and stripes by depth; a line for each channel."""
    depth = (np.arange(slabs.planes.shape[1]) + 0.5) * slabs.voxel_size[0]
    with styled():
        drawing = Figure(figsize=(WIDTH, 3.8))
        bright, saturated, stripes = drawing.subplots(1, 3)
        for channel in range(len(slabs.planes)):
            found, name = of_channel(slabs, channel), CHANNELS[channel]
            color = OKABE_ITO[channel]
            bright.plot(depth, found["median"], color=color, label=f"{name}, median")
            bright.plot(depth, found["bright"], color=color, ls="--", label=f"{name}, 99%")
            saturated.plot(depth, 100 * found["saturated"], color=color, label=name)
            stripes.plot(depth, 100 * found["rows"], color=color, label=f"{name}, rows")
            stripes.plot(
                depth, 100 * found["columns"], color=color, ls="--", label=f"{name}, columns"
            )
        bright.set(ylabel="value of voxels", title="Brightness")
        saturated.set(ylabel="% of voxels", title="Saturated")
        stripes.set(ylabel="% of the median", title="Stripes")
        for axis in (bright, saturated, stripes):
            axis.set(xlabel="depth z (µm)", xlim=(0, depth[-1]))
            axis.set_ylim(bottom=0)
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2, fontsize=8)
        # A voxel or two at the highest value are no saturation.
        saturated.set_ylim(0, max(saturated.get_ylim()[1], 100 * SATURATED))
    return drawing
