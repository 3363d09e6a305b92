"""Read what people have labelled in a brain."""

from collections.abc import Callable, Mapping
from pathlib import Path

from cellsift.annotation.sample import read_sample
from cellsift.io.axes import per_axis
from cellsift.io.json_files import read_json, write_json
from cellsift.io.tables import read_table, write_table
from cellsift.settings.brains import Brain


def sample(
    brain: Brain,
    candidates: str | Path,
    volumes: str | Path,
    annotations: str | Path,
    out: Mapping[str, str | Path],
    tell: Callable[[str], None],
) -> None:
    """Write the labelled candidates, blocks and cells of blocks, and a summary.

    Args:
        brain: with its settings of annotators.
        candidates: its candidates.
        volumes: what `accept_volumes` wrote.
        annotations: the brain's folder of annotations, which may be missing.
        out: where to write, by name: `sample`, `blocks`, `cells` (CSV) and `summary` (JSON).
        tell: is called with what was not used, and why.

    Raises InputError as `read_sample` does.
    """
    shape = per_axis(read_json(volumes)["signal"]["shape"])
    found = read_sample(annotations, brain, read_table(candidates, exact=True), shape)
    write_table(found.candidates, out["sample"], decimals=None)
    write_table(found.blocks, out["blocks"], decimals=None)
    write_table(found.block_cells, out["cells"])
    write_json(found.summary, out["summary"])
    for sentence in found.summary["told"]:
        tell(sentence)
