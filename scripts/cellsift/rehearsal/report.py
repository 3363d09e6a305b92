"""The page about a rehearsal, in Markdown."""

from collections.abc import Sequence

RATES = ("voxels", "candidates")
NAMES = {
    "read": "generating planes",
    "detect": "detect",
    "cuboids": "cuboids",
    "classify": "classify",
    "project": "projections",
}


def describe(rehearsal: dict) -> str:
    """The page for what `cellsift.rehearsal.__main__.rehearse` returns."""
    whole = rehearsal["whole_brain"]
    shape = " x ".join(map(str, rehearsal["shape"]))
    return "\n".join(
        [
            "# Rehearsal of a whole brain",
            "",
            f"{rehearsal['voxels']:.3g} voxels ({shape}, z, y, x), two channels, made up as they "
            f"were read; detector `{rehearsal['method']}`; an untrained ResNet-18 of width 16, on "
            f"the CPU with one thread; {rehearsal['cores']} cores.",
            "",
            "## Measured here",
            "",
            *_table(
                ["step", "s", "voxels/s", "candidates/s", "peak memory, GB", "before, GB"],
                [_measured(name, step) for name, step in rehearsal["steps"].items()],
            ),
            "",
            "Each step ran in a process of its own; `before` is what Python and its libraries held "
            "as it began. Generating planes is the floor under detect, and twice under cuboids, "
            "which reads both channels. Cuboids may hold "
            f"{rehearsal['memory_bytes'] / 1e9:.1f} GB of data.",
            "",
            f"## A brain of {whole['voxels']:.3g} voxels",
            "",
            f"With as many candidates for a voxel it has {whole['candidates']:,} of them, and "
            f"{whole['cuboid_bytes'] / 1e9:.0f} GB of cuboids; one plane of both channels is "
            f"{whole['plane_bytes'] / 1e6:.0f} MB. Hours of machines like this one, without waits "
            "in a queue:",
            "",
            *_hours(whole["hours"]),
            "",
            "What binds first:",
            "",
            *[f"- {sentence}" for sentence in whole["binds_first"]],
            "",
        ]
    )


def _measured(name: str, step: dict) -> list[str]:
    rates = [step[what] / step["seconds"] if what in step else None for what in RATES]
    memory = [f"{step[key] / 1e9:.2f}" for key in ("peak_memory", "memory_before")]
    return [
        NAMES[name],
        f"{step['seconds']:.1f}",
        *("" if rate is None else f"{rate:,.0f}" for rate in rates),
        *memory,
    ]


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
