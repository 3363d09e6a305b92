"""The table of costs as Markdown."""

import pandas as pd

HEAD = (
    "| arm | parameters (million) | GFLOP per cuboid | training, s per epoch of 1000 cuboids "
    "| cuboids classified per s | memory, MB |\n|---|--:|--:|--:|--:|--:|\n"
)


def describe(table: pd.DataFrame, channels: int, shape: tuple[int, int, int]) -> str:
    """Return a page with one table for each device; rows from the quickest to the slowest."""
    size = " x ".join(map(str, shape))
    parts = [
        "# What the arms cost\n\n"
        f"Measured by `make costs` on cuboids of noise, {size} voxels (z, y, x), {channels} "
        "channels, each arm in a process of its own. GFLOP: billions of floating-point operations "
        "of classifying one cuboid. Training: steps of 32 varied cuboids, without reading them "
        "and without judging the fold left out; a teacher's answers, a pre-training and the epochs "
        "that an arm needs come on top. Memory: "
        "the most that classifying 32 at a time held, Python and its libraries included; on a "
        "GPU, its own. An ensemble costs what its members cost together.\n"
    ]
    for (device, threads), rows in table.groupby(["device", "threads"]):
        cores = "1 thread" if threads == 1 else f"{threads} threads"
        of_device = f"{device}, {cores}" if device.startswith("cpu") else device
        dates = " to ".join(sorted({rows["date"].min(), rows["date"].max()}))
        parts.append(f"\n## {of_device} ({dates})\n\n{HEAD}")
        for row in rows.sort_values("cuboids_per_second", ascending=False).itertuples():
            parts.append(
                f"| `{row.arm}` | {row.parameters / 1e6:.2f} "
                f"| {_three_digits(row.flops_per_cuboid / 1e9)} "
                f"| {_three_digits(row.training_seconds_per_1000_cuboids)} "
                f"| {_three_digits(row.cuboids_per_second)} "
                f"| {row.classifying_memory_mb:.0f} |\n"
            )
    return "".join(parts)


def _three_digits(value: float) -> str:
    if not value:
        # Only the operations of networks are counted.
        return "\N{EN DASH}"
    return f"{float(f'{value:.3g}'):,.10g}"
