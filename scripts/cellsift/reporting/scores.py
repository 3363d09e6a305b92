"""What the arms think of one brain's candidates: counts, histograms, agreement, doubt."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.spatial import KDTree

from cellsift.evaluation.outcomes import end_to_end_outcomes
from cellsift.io.axes import AXES
from cellsift.reporting.graphs import PANELS_ACROSS, panels, title_lines
from cellsift.reporting.style import CELL, GREY, INK, NO_CELL_INK, styled
from cellsift.reporting.tables import count_text

BINS = 25
LABEL_LINES = {
    "cell": (CELL, "-"),
    "no_cell": (NO_CELL_INK, (0, (5, 1.5))),
    "ambiguous": (GREY, ":"),
}


def count_table(
    scored: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float]
) -> pd.DataFrame:
    """How many candidates each arm calls cells, and from which p_cell on."""
    rows = []
    for arm, cells in scored.items():
        called = int(cells["is_cell"].sum())
        rows.append(
            {
                "arm": arm,
                "candidates": count_text(len(cells)),
                "cells": count_text(called),
                "no cell": count_text(len(cells) - called),
                "share called cells": f"{called / len(cells):.0%}" if len(cells) else "–",
                "threshold on p_cell": f"{thresholds[arm]:.3f}",
            }
        )
    return pd.DataFrame(rows)


def draw_histograms(
    scored: Mapping[str, pd.DataFrame],
    thresholds: Mapping[str, float],
    labels: pd.Series | None = None,
) -> Figure:
    """How many candidates have which p_cell; a panel for each arm, the threshold drawn in.

    With `labels` (cell, no_cell or ambiguous for each candidate) there is a line for each label.
    """
    kinds = {"all": (GREY, "-")} if labels is None else LABEL_LINES
    names = np.full(len(next(iter(scored.values()))), "all") if labels is None else labels
    with styled():
        drawing, axes = panels(len(scored), 2.9)
        for axis, (arm, cells) in zip(axes, scored.items(), strict=True):
            for kind, (color, dashes) in kinds.items():
                counts, edges = np.histogram(
                    cells["p_cell"][np.asarray(names) == kind], BINS, (0, 1)
                )
                look = {"color": color, "linestyle": dashes, "linewidth": 1.8}
                axis.stairs(counts, edges, fill=labels is None, label=kind, **look)
            axis.axvline(thresholds[arm], color=INK, linewidth=0.9)
            axis.set(title=title_lines(arm), xlabel="p_cell", xlim=(-0.01, 1.01))
            axis.set_yscale("symlog", linthresh=1)
            axis.yaxis.set_major_formatter(lambda count, _: f"{count:g}")
            axis.set_ylim(0, None)
        for axis in axes[::PANELS_ACROSS]:
            axis.set_ylabel("candidates (each tick 10×)")
        if labels is not None:
            handles, _ = axes[0].get_legend_handles_labels()
            drawing.legend(
                handles, ["cell", "artefact", "ambiguous"], loc="outside lower center", ncols=3
            )
    return drawing


def agreement_table(scored: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """For each pair of arms: on how many candidates they agree, and what only one calls a cell."""
    arms = list(scored)
    rows = []
    for number, first in enumerate(arms):
        for second in arms[number + 1 :]:
            a, b = scored[first]["is_cell"].to_numpy(), scored[second]["is_cell"].to_numpy()
            either = int((a | b).sum())
            rows.append(
                {
                    "first arm": first,
                    "second arm": second,
                    "both call a cell": count_text((a & b).sum()),
                    "only the first": count_text((a & ~b).sum()),
                    "only the second": count_text((~a & b).sum()),
                    "neither": count_text((~a & ~b).sum()),
                    "shared among cells": f"{(a & b).sum() / either:.0%}" if either else "–",
                }
            )
    return pd.DataFrame(rows)


def most_doubtful(
    scored: Mapping[str, pd.DataFrame], thresholds: Mapping[str, float], count: int
) -> pd.DataFrame:
    """The candidates nearest to the arms' thresholds, the most doubtful first.

    Returns candidate (its row), z, y, x in voxels, and p_cell of each arm. Doubt is the distance
    of p_cell to the threshold, on average over the arms.
    """
    distance = np.mean(
        [np.abs(cells["p_cell"] - thresholds[arm]) for arm, cells in scored.items()], axis=0
    )
    return _candidates(scored, np.argsort(distance, kind="stable")[:count])


def surest_errors(
    scored: Mapping[str, pd.DataFrame], labels: pd.Series, label: str, count: int
) -> pd.DataFrame:
    """Candidates of one label (cell or no_cell) that arms get wrong; columns as `most_doubtful`.

    First those that most arms get wrong, of them those with the highest mean p_cell of being wrong.
    """
    called = np.array([cells["is_cell"].to_numpy(bool) for cells in scored.values()])
    p_cell = np.mean([cells["p_cell"].to_numpy() for cells in scored.values()], axis=0)
    wrong = (called != (label == "cell")).sum(axis=0)
    surest = 1 - p_cell if label == "cell" else p_cell
    order = np.lexsort((-surest, -wrong))
    order = order[(wrong[order] > 0) & (labels.to_numpy()[order] == label)]
    return _candidates(scored, order[:count])


def _candidates(scored: Mapping[str, pd.DataFrame], chosen: np.ndarray) -> pd.DataFrame:
    first = next(iter(scored.values()))
    table = first.iloc[chosen][AXES].reset_index(drop=True)
    table.insert(0, "candidate", chosen)
    for arm, cells in scored.items():
        table[arm] = cells["p_cell"].to_numpy()[chosen]
    return table


def outcomes_of(
    cells: pd.DataFrame,
    voxel_size: tuple[float, float, float],
    annotation: pd.DataFrame | None = None,
    distance_um: float | None = None,
    partial: bool = False,
    judged: np.ndarray | None = None,
) -> pd.DataFrame:
    """What became of candidates and annotated cells: outcome (see maps.LOOKS), z, y, x in µm.

    Without `annotation` (z, y, x in voxels) candidates are cell or rejected. With it, which needs
    `distance_um`, cells are hits or false alarms, and annotated cells that were missed are told
    apart by whether any candidate could have been called. A `partial` annotation names only some
    cells, so a cell away from it is no false alarm but just a cell; so is a candidate that is not
    among the `judged` ones, where not all cells are annotated or annotators do not agree.
    """
    size = np.asarray(voxel_size)
    rejected = cells.loc[~cells["is_cell"], AXES] * size
    if annotation is None:
        called = cells.loc[cells["is_cell"], AXES] * size
        return pd.concat([rejected.assign(outcome="rejected"), called.assign(outcome="cell")])
    assert distance_um is not None
    found = end_to_end_outcomes(cells, annotation, voxel_size, distance_um, judged)
    if partial:
        found["outcome"] = found["outcome"].replace("false_alarm", "cell")
    found["outcome"] = found["outcome"].replace("not_judged", "cell")
    missed = found["outcome"] == "missed"
    found.loc[missed, "outcome"] = _why_missed(found[missed], cells, size, distance_um)
    return pd.concat([rejected.assign(outcome="rejected"), found], ignore_index=True)


def _why_missed(
    missed: pd.DataFrame, cells: pd.DataFrame, size: np.ndarray, distance_um: float
) -> np.ndarray:
    """not_called where a rejected candidate lies within the distance, else not_proposed."""
    rejected = cells.loc[~cells["is_cell"], AXES].to_numpy(float) * size
    if not len(rejected) or not len(missed):
        return np.full(len(missed), "not_proposed", object)
    near = KDTree(rejected).query(missed[AXES].to_numpy(float))[0] <= distance_um * (1 + 1e-9)
    return np.where(near, "not_called", "not_proposed").astype(object)
