"""All tables that compare the arms."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cellsift.annotation.agreement import agreement_table
from cellsift.annotation.brain import annotation_of
from cellsift.evaluation.summary import AnnotatedBrain, evaluate_project
from cellsift.io.axes import AXES, Shape, per_axis
from cellsift.io.json_files import read_json
from cellsift.io.tables import read_table, write_table
from cellsift.labels.folds import learnt_from
from cellsift.settings.brains import Brain


def evaluate(
    brains: Sequence[Brain],
    labels: Sequence[str | Path],
    models: Mapping[str, str | Path],
    cells: Mapping[tuple[str, str], str | Path],
    seed: int,
    out: Sequence[str | Path],
    volumes: Sequence[str | Path] | None = None,
    *,
    folds: str | Path | None = None,
    held_out: Sequence[int] | None = None,
) -> None:
    """Write the tables of `evaluate_project`, and of agreement, that `out` names: NAME.csv.

    agreement: brain, role, metric, value, low, high, annotators, of several annotators' brains.

    Args:
        brains: annotated train and test brains, with their role and settings of matching.
        labels: of each the table of `label`.
        models: by arm, its model.json.
        cells: by brain and arm, the classified cells.
        seed: of the draws behind the intervals.
        volumes: of each brain what `accept_volumes` wrote; without them no error is told by its
            distance to the volume's border.
        folds: the table of `folds`, where arms were trained; `held_out` are the folds that networks
            were trained without, None: all. Train brains that all networks have learnt from are
            left out, but for the table of detection.

    Raises InputError where tables do not fit each other.
    """
    shapes = [None] * len(brains) if volumes is None else [_shape(path) for path in volumes]
    annotated = [_annotated(*of_brain) for of_brain in zip(brains, labels, shapes, strict=True)]
    classified = {
        arm: {brain.name: read_table(cells[brain.name, arm]) for brain in brains} for arm in models
    }
    described = {arm: read_json(path) for arm, path in models.items()}
    thresholds = {arm: found["threshold"] for arm, found in described.items()}
    finished = [arm for arm, found in described.items() if "finished" in found]
    criteria = {
        arm: found.get("calibration", {}).get("criterion", "f1") for arm, found in described.items()
    }
    known = learnt_from(read_table(folds), held_out) if folds else set()
    tables = evaluate_project(
        *(annotated, classified, thresholds, seed),
        finished=finished,
        learnt_from=known,
        criteria=criteria,
    )
    marked = {brain.name: annotation_of(brain).outcomes for brain in brains}
    tables["agreement"] = agreement_table(marked, {brain.name: brain.role for brain in brains})
    for path in map(Path, out):
        write_table(tables[path.stem], path)


def _shape(volumes: str | Path) -> Shape:
    return per_axis(read_json(volumes)["signal"]["shape"])


def _annotated(brain: Brain, labels: str | Path, shape: Shape | None) -> AnnotatedBrain:
    labelled, annotation = read_table(labels), annotation_of(brain)
    measurable = annotation.is_complete_somewhere
    return AnnotatedBrain(
        name=brain.name,
        role=brain.role,
        candidates=labelled.drop(columns=["label", "judged"]),
        labels=labelled["label"],
        annotation=annotation.cells,
        non_cells=None if measurable else annotation.artefacts,
        voxel_size=brain.voxel_size,
        distance_um=brain.settings["matching"]["distance_um"],
        judged=labelled["judged"].to_numpy(bool) if measurable else None,
        counted=annotation.complete_at(annotation.cells[AXES].to_numpy()) if measurable else None,
        shape=shape,
    )
