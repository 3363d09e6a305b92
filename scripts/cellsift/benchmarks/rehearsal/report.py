"""The page about a rehearsal, in Markdown."""

from collections.abc import Sequence

from cellsift.benchmarks.rehearsal.brain import TILE
from cellsift.benchmarks.rehearsal.steps import NAMES
from cellsift.detection import measures_contrast_apart

RATES = ("voxels", "candidates")


def describe(rehearsal: dict) -> str:
    """The page for what `cellsift.benchmarks.rehearsal.__main__.rehearse` returns."""
    whole = rehearsal["whole_brain"]
    shape = " x ".join(map(str, rehearsal["shape"]))
    return "\n".join(
        [
            "# Rehearsal of a whole brain",
            "",
            f"{rehearsal['voxels']:.3g} voxels ({shape}, z, y, x) of {_size(TILE.voxel_size)} µm, "
            f"two channels, made up as they were read; detector `{rehearsal['method']}`; an "
            "untrained ResNet-18 of width 16, on the CPU with one thread; "
            f"{rehearsal['cores']} cores{_of_whom(rehearsal)}.",
            "",
            "## Measured here",
            "",
            *_table(
                ["step", "s", "voxels/s", "candidates/s", "peak memory, GB", "before, GB"],
                [_measured(name, step) for name, step in rehearsal["steps"].items()],
            ),
            "",
            "Each step ran in a process of its own; `before` is what Python and its libraries held "
            "as it began. Detection takes at least as long as generating planes, and cuboids, "
            "which read both channels, at least twice as long. Cuboids may hold "
            f"{rehearsal['memory_bytes'] / 1e9:.1f} GB of data{_of_detection(rehearsal)}.",
            "",
            f"## A brain of {whole['voxels']:.3g} voxels",
            "",
            f"A mouse's brain has so many at voxels of {_size(whole['voxel_size'])} µm. With as "
            f"many candidates for a voxel it has {whole['candidates']:,} of them, and "
            f"{whole['cuboid_bytes'] / 1e9:.0f} GB of cuboids; one plane of both channels is "
            f"{whole['plane_bytes'] / 1e6:.0f} MB. Hours of machines like this one, without waits "
            "in a queue:",
            "",
            *_hours(whole["hours"]),
            "",
            _scaled(rehearsal["method"], whole["growth"]),
            "",
            "What binds first:",
            "",
            *[f"- {sentence}" for sentence in whole["binds_first"]],
            "",
        ]
    )


def _of_whom(rehearsal: dict) -> str:
    if "processor" not in rehearsal:
        return ""
    return f" ({rehearsal['processor']}, {rehearsal['date']})"


def _of_detection(rehearsal: dict) -> str:
    # A rehearsal stored by an earlier version has no such bound.
    held = rehearsal.get("detection_bytes")
    return f", detection {held / 1e9:.1f} GB" if held else ""


def _measured(name: str, step: dict) -> list[str]:
    rates = [step[what] / step["seconds"] if what in step else None for what in RATES]
    memory = [f"{step[key] / 1e9:.2f}" for key in ("peak_memory", "memory_before")]
    return [
        NAMES[name],
        f"{step['seconds']:.1f}",
        *("" if rate is None else f"{rate:,.0f}" for rate in rates),
        *memory,
    ]


def _size(voxel_size: Sequence[float]) -> str:
    return " x ".join(f"{side:.3g}" for side in voxel_size)


def _scaled(method: str, growth: dict[str, float]) -> str:
    finer, overlap, part = (growth[name] for name in ("finer", "overlap", "part"))
    kept, filters, gathering = "Generating planes", "the filters of detect take", ""
    if measures_contrast_apart(method):
        kept += f", {method}'s own filters"
        filters = "in detect the filters of contrast take"
        gathering = (
            f"; gathering takes {finer**3:.1f} times as long, as a soma has so many times the "
            "voxels"
        )
    return (
        f"{kept}, classifying and projections take as long for a voxel or candidate as measured. "
        f"The rest grows as voxels become finer: {filters} {finer * overlap:.1f} times as long for "
        f"a voxel, as their kernels reach over {finer:.2f} times as many voxels along each axis, "
        f"and {overlap:.2f} times as many voxels are filtered, for more lie in halos{gathering}; "
        f"cutting takes {part:.1f} times as long for a candidate, whose cuboid is cut from so many "
        "times the voxels. All that is not generating planes counts as filtering or cutting, so "
        "these hours are rather too many."
    )


def _hours(hours: dict[str, dict[str, float]]) -> list[str]:
    steps = list(next(iter(hours.values())))
    rows = [
        [nodes, *(f"{of[name]:.2f}" for name in steps), f"{sum(of[n] for n in steps):.2f}"]
        for nodes, of in hours.items()
    ]
    return _table(["nodes", *(NAMES[name] for name in steps), "together"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
