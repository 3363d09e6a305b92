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
    folds: str | Path | None,
    files: ExplanationFiles,
    *,
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
        examples: of each kind.

    Raises InputError as `explain_arm` does.
    """
    tables = {brain: read_table(cells[brain]) for brain in cuboids}
    for brain, path in labels.items():
        tables[brain]["label"] = read_table(path)["label"]
    if folds is not None:
        fold_of = read_table(folds).set_index(["brain", "candidate"])["fold"]
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
