"""Where an arm looked, on telling examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.explain.arm import ExplanationFiles, explain_arm
from cellsift.inference.device import choose_device
from cellsift.io.tables import read_table


def explain(
    arm: str,
    model: str | Path,
    cuboids: Mapping[str, Sequence[str | Path]],
    labels: Mapping[str, str | Path],
    cells: Mapping[str, str | Path],
    folds: str | Path,
    files: ExplanationFiles,
    *,
    examples: int = 3,
    device: str = "auto",
) -> None:
    """Write the arm's explanations to `files`, which lie in one folder (`explain_arm`).

    Args:
        arm: its name, the title of the pictures.
        model: its model.json.
        cuboids, labels, cells: by annotated brain, its cuboid stores, the table of `label`, and
            the arm's classified cells.
        folds: the table of `folds`.
        files: where to write.
        examples: of each kind.

    Raises InputError as `explain_arm` does.
    """
    fold_of = read_table(folds).set_index(["brain", "candidate"])["fold"]
    tables = {}
    for brain in cuboids:
        tables[brain] = read_table(cells[brain])
        tables[brain]["label"] = read_table(labels[brain])["label"]
        if brain in fold_of.index:
            tables[brain]["fold"] = fold_of[brain]
    explain_arm(
        Path(model).parent,
        {brain: CuboidStore.open(paths) for brain, paths in cuboids.items()},
        tables,
        files,
        count=examples,
        device=choose_device(device),
        title=arm,
    )
