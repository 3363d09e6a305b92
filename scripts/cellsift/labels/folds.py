"""Folds for cross-validation in which held-out cuboids share no voxel with training cuboids."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from cellsift.errors import InputError
from cellsift.io.axes import AXES, Size, per_axis
from cellsift.io.names import CELL, NO_CELL
from cellsift.labels.reached import CHANGE_DETECTION, cause_of_few_labels

AXES_UM = ["z_um", "y_um", "x_um"]
EXTENT = ["z_extent_um", "y_extent_um", "x_extent_um"]
COLUMNS = ("brain", "candidate", *AXES_UM, "label")
GROUPINGS = ("auto", "brain", "block")
# Fewer candidates of a class than this, in training or held out, measure nothing.
LEAST_PER_CLASS = 5
# By brain the summary of `label_candidates`.
Found = Mapping[str, Mapping[str, Any]]


def candidates_in_um(
    brain: str, labels: pd.DataFrame, voxel_size: tuple[float, float, float]
) -> pd.DataFrame:
    """A brain's labelled candidates as `assign_folds` takes them, positions in µm.

    `labels` has columns z, y, x (voxels of `voxel_size` µm) and label, row i for candidate i.
    """
    microns = labels[AXES].to_numpy(float) * voxel_size
    table = pd.DataFrame(microns, columns=AXES_UM)
    return table.assign(brain=brain, candidate=np.arange(len(table)), label=labels["label"])


def cuboid_extent_um(
    shape: Sequence[int],
    voxel_size: Sequence[float],
    data_voxel_sizes: Iterable[Sequence[float]],
) -> Size:
    """How far apart cuboids have to lie along z, y or x, µm, to share no voxel of their volume.

    That is a cuboid's size (`shape` in voxels of `voxel_size` µm) and one voxel of the coarsest
    volume: what is cut is whole voxels, and begins at a whole one (`cuboids.resampling`).
    """
    coarsest = np.max(list(data_voxel_sizes), axis=0)
    return per_axis(float(size) for size in np.multiply(shape, voxel_size) + coarsest)


def assign_folds(
    candidates: pd.DataFrame,
    folds: int,
    cuboid_extent_um: Size,
    group_by: str = "auto",
    found: Found | None = None,
) -> pd.DataFrame:
    """Return the candidates with a column `fold`, 0 to folds - 1, given to ambiguous ones too.

    Columns z_extent_um, y_extent_um, x_extent_um say what room a cuboid takes, for `training_rows`.

    "brain": all candidates of a brain lie in one fold, brains divided so that folds hold similar
    numbers of cells. "block": every brain is cut across its longest axis into one contiguous
    block per fold with similar numbers of labelled candidates. "auto": by brain where there are
    at least as many brains as folds, else by block. `training_rows` leaves the room between
    neighbouring blocks that keeps their cuboids apart.

    Args:
        candidates: columns brain, candidate, z_um, y_um, x_um (µm) and label (cell, no_cell or
            ambiguous) of annotated train brains.
        cuboid_extent_um: room that a cuboid takes along z, y, x, see the function of this name:
            cuboids whose centres are as far apart along one axis share no voxel.
        found: by brain the summary of `label_candidates`, by which a refusal names its cause; also
            of brains without a candidate.

    Raises:
        InputError: columns missing, or a fold would hold, or leave for training, fewer than 5
            cells or artefacts.
    """
    _check(candidates, folds, group_by)
    brains = candidates["brain"].nunique()
    if group_by == "auto":
        group_by = "brain" if brains >= folds else "block"
    if group_by == "brain" and brains < folds:
        _refuse_few_brains(brains, folds, found or {})
    fold = _by_brain(candidates, folds) if group_by == "brain" else _by_block(candidates, folds)
    extent = dict(zip(EXTENT, cuboid_extent_um, strict=True))
    table = candidates.assign(**extent, fold=fold)
    for number in range(folds):
        _check_fold(table, number, group_by, found or {})
    return table


def training_rows(table: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Return the rows of `assign_folds`' table to train on when `fold` is held out.

    Labelled cell or no_cell, outside the fold, and with a cuboid that overlaps no cuboid of the
    fold, whatever that one's label.
    """
    usable = table[(table["fold"] != fold) & table["label"].isin([CELL, NO_CELL])]
    held_out = table[table["fold"] == fold]
    keep = pd.Series(True, index=usable.index)
    for brain, rows in usable.groupby("brain", sort=False):
        others = held_out.loc[held_out["brain"] == brain, AXES_UM]
        if len(others):
            keep[rows.index] = ~_overlaps(rows[AXES_UM], others, rows[EXTENT].to_numpy()[0])
    return usable[keep]


def share_of_labels(rows: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """Return this share of `training_rows`, drawn from each brain and label alike, in their order.

    At least one of each. What a smaller share of the same seed holds, a larger one holds too.
    """
    drawn = np.random.default_rng(seed).permutation(len(rows))
    of_brain_and_label = pd.Series(drawn, index=rows.index).groupby([rows["brain"], rows["label"]])
    # Rounded first: 0.1 x 30 is a little more than 3.
    count = np.ceil((share * of_brain_and_label.transform("size")).round(6))
    return rows[of_brain_and_label.rank() <= count]


def held_out_rows(table: pd.DataFrame, fold: int) -> pd.DataFrame:
    """Return all rows of a fold, ambiguous ones included."""
    return table[table["fold"] == fold]


def learnt_from(table: pd.DataFrame, held_out: Iterable[int] | None = None) -> set[str]:
    """Return the brains with candidates in folds that no network was trained without.

    Nothing is judged on them. `held_out` are the folds that networks were trained without: all, but
    in a draft; None: all.

    Example:
        >>> learnt_from(pd.DataFrame({"brain": ["a", "b"], "fold": [0, 1]}), [0])
        {'b'}
    """
    if held_out is None:
        return set()
    return set(table.loc[~table["fold"].isin(list(held_out)), "brain"].astype(str))


def _overlaps(positions: pd.DataFrame, others: pd.DataFrame, extent: np.ndarray) -> np.ndarray:
    """Return for each position (µm) whether its cuboid overlaps one at any of the others."""
    # Each start of Snakemake loads this module, and needs no trees.
    from scipy.spatial import cKDTree

    # Two cuboids overlap where their centres are closer than one extent along every axis.
    tree = cKDTree(others.to_numpy(float) / extent)
    distance, _ = tree.query(positions.to_numpy(float) / extent, p=np.inf)
    return distance < 1


def _by_brain(candidates: pd.DataFrame, folds: int) -> np.ndarray:
    counts = candidates.groupby("brain").agg(
        cells=("label", lambda labels: (labels == CELL).sum()), size=("label", "size")
    )
    counts = counts.reset_index().sort_values(
        ["cells", "size", "brain"], ascending=[False, False, True]
    )
    held = [(0, 0)] * folds
    fold_of = {}
    for brain in counts.itertuples():
        # The largest brain that is left goes to the fold with the fewest cells so far.
        emptiest = min(range(folds), key=lambda number: (held[number], number))
        fold_of[brain.brain] = emptiest
        cells, size = held[emptiest]
        held[emptiest] = (cells + brain.cells, size + brain.size)
    return candidates["brain"].map(fold_of).to_numpy()


def _by_block(candidates: pd.DataFrame, folds: int) -> np.ndarray:
    fold = np.zeros(len(candidates), int)
    for positions in candidates.groupby("brain", sort=False).indices.values():
        brain = candidates.iloc[positions]
        spans = brain[AXES_UM].max() - brain[AXES_UM].min()
        along = brain[spans.idxmax()].to_numpy(float)
        labelled = brain["label"].isin([CELL, NO_CELL]).to_numpy()
        cuts = _equal_cuts(along[labelled] if labelled.any() else along, folds)
        fold[positions] = np.searchsorted(cuts, along, side="right")
    return fold


def _equal_cuts(values: np.ndarray, parts: int) -> np.ndarray:
    return np.quantile(values, np.arange(1, parts) / parts)


def _check(candidates: pd.DataFrame, folds: int, group_by: str) -> None:
    missing = [column for column in COLUMNS if column not in candidates]
    if missing:
        raise InputError(f"the candidates lack the columns {', '.join(missing)}")
    if isinstance(folds, bool) or not isinstance(folds, int | np.integer) or folds < 2:
        raise InputError(f"folds is {folds!r}; give a whole number of at least 2")
    if group_by not in GROUPINGS:
        raise InputError(f"folds are grouped by {group_by!r}; choose one of {', '.join(GROUPINGS)}")
    if not np.isfinite(candidates[AXES_UM].to_numpy(float)).all():
        raise InputError("positions of candidates are not finite; check the voxel sizes")


def _refuse_few_brains(brains: int, folds: int, found: Found) -> NoReturn:
    """Refuse to divide so many `brains`, those with candidates, into more folds by brain."""
    empty = [name for name, summary in found.items() if not summary["candidates"]]
    if empty:
        there = f"{brains} with candidates. Detection proposes none in {', '.join(empty)}"
        remedy = CHANGE_DETECTION
    else:
        there, remedy = str(brains), f"set folds to {max(brains, 2)}, or group by block"
    raise InputError(
        f"{folds} folds by brain need {folds} annotated train brains, there are {there}; {remedy}"
    )


def _check_fold(table: pd.DataFrame, fold: int, group_by: str, found: Found) -> None:
    parts = {
        "holds": held_out_rows(table, fold),
        "leaves for training": training_rows(table, fold),
    }
    for verb, rows in parts.items():
        counts = {label: int((rows["label"] == label).sum()) for label in (CELL, NO_CELL)}
        if min(counts.values()) >= LEAST_PER_CLASS:
            continue
        said = (
            f"fold-{fold} (grouped by {group_by}) {verb} {counts[CELL]} candidates labelled cell "
            f"and {counts[NO_CELL]} labelled no_cell"
        )
        needed = f"at least {LEAST_PER_CLASS} of each are needed"
        if cause := _cause(table, fold, group_by, verb, found):
            raise InputError(f"{cause}. As it is, {said}; {needed}")
        smaller = "group folds by block" if group_by == "brain" else "use smaller cuboids"
        raise InputError(
            f"{said}, {needed}: set fewer folds, annotate more cells, let the detection propose "
            f"more candidates, or {smaller}"
        )


def _cause(table: pd.DataFrame, fold: int, group_by: str, verb: str, found: Found) -> str | None:
    """Why labels are few, in all brains, or else in those that the fold holds, or leaves."""
    suspects = [(found, table["fold"].nunique())]
    if group_by == "brain":
        inside, held = verb == "holds", set(held_out_rows(table, fold)["brain"])
        some = {name: summary for name, summary in found.items() if (name in held) == inside}
        suspects.append((some, 1))
    # Not all folds get as many: twice what is needed is enough.
    causes = [
        cause_of_few_labels(brains, 2 * LEAST_PER_CLASS * max(folds, 1))
        for brains, folds in suspects
        if brains
    ]
    return next(filter(None, causes), None)
