"""Where an arm looked, on telling examples."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.cuboids.store import CuboidStore
from cellsift.explain.arm import ExplanationFiles, explain_arm
from cellsift.inference.device import choose_device
from cellsift.io.tables import read_table
from cellsift.labels.folds import learnt_from


def explain(
    arm: str,
    model: str | Path,
    cuboids: Mapping[str, Sequence[str | Path]],
    labels: Mapping[str, str | Path],
    cells: Mapping[str, str | Path],
    folds: str | Path | None,
    files: ExplanationFiles,
    *,
    held_out: Sequence[int] | None = None,
    examples: int = 3,
    device: str = "auto",
) -> None:
    """Write the arm's explanations to `files`, which lie in one folder (`explain_arm`).

    Args:
        arm: its name, the title of the pictures.
        model: its model.json.
        cuboids, cells: by brain, its cuboid stores and the arm's classified cells.
        labels: by annotated brain, the table of `label`.
        folds: the table of `folds`; None of a finished model, which has not learnt from them.
        files: where to write.
        held_out: the folds that networks were trained without, None: all; brains that all have
            learnt from are not shown.
        examples: of each kind.

    Raises InputError as `explain_arm` does.
    """
    of_folds = None if folds is None else read_table(folds)
    known = set() if of_folds is None else learnt_from(of_folds, held_out)
    cuboids = {brain: paths for brain, paths in cuboids.items() if brain not in known}
    tables = {brain: read_table(cells[brain]) for brain in cuboids}
    for brain in set(labels) & set(tables):
        tables[brain]["label"] = read_table(labels[brain])["label"]
    if of_folds is not None:
        fold_of = of_folds.set_index(["brain", "candidate"])["fold"]
        for brain in set(tables) & set(fold_of.index.get_level_values("brain")):
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
