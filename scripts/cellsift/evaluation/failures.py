"""Where an arm fails: recall and precision by depth, brightness, density and border."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from cellsift.evaluation.evaluated import AnnotatedBrain
from cellsift.evaluation.intervals import percentile_interval, wilson
from cellsift.evaluation.outcomes import FALSE_ALARM, HIT, MISSED
from cellsift.evaluation.resampling import RESAMPLES, blocks_of, drawn_units, resampled_weights
from cellsift.io.axes import AXES

DEPTH, BRIGHTNESS = "depth", "brightness"
DENSITY, BORDER = "density", "distance to the volume's border"
UNITS = {DEPTH: "µm", BRIGHTNESS: "contrast", DENSITY: "cells within 50 µm", BORDER: "µm"}
NEIGHBOURHOOD_UM = 50.0

MOST_BINS = 5
FEWEST_IN_BIN = 10
KINDS = (HIT, FALSE_ALARM, MISSED)
COLUMNS = [
    *("by", "unit", "start", "end", "cells", "recall", "recall_low", "recall_high"),
    *("called", "precision", "precision_low", "precision_high"),
]


@dataclass(frozen=True)
class Surroundings:
    """What is known of the place of each annotated cell and each candidate, by what it is called.

    `cells[by]` (annotated,) and `candidates[by]` (candidates,) are nan where it is not known.
    """

    cells: Mapping[str, np.ndarray]
    candidates: Mapping[str, np.ndarray]

    def at(self, by: str, outcomes: pd.DataFrame) -> np.ndarray:
        """Of each outcome, in the order of `end_to_end_outcomes`."""
        row, alarm = outcomes["row"].to_numpy(int), (outcomes["outcome"] == FALSE_ALARM).to_numpy()
        found = np.full(len(row), np.nan)
        found[alarm] = self.candidates[by][row[alarm]]
        found[~alarm] = self.cells[by][row[~alarm]]
        return found


def surroundings_of(brain: AnnotatedBrain) -> Surroundings:
    """What the places of a brain's cells and candidates are like.

    - depth: z in µm from the volume's first plane;
    - brightness: the contrast of the candidate, of an annotated cell that of the nearest one within
      the distance of matching; nan where there is none, or where candidates have no contrast;
    - density: how many annotated cells lie within 50 µm, itself left out; too low near what is not
      annotated;
    - distance to the volume's border, the nearest of its six sides, in µm; only where its shape is
      known. Where the tissue ends within the volume is not known.

    Example:
        surroundings_of(brain).cells["depth"]
    """
    size = np.asarray(brain.voxel_size)
    at = {
        "cells": brain.annotation[AXES].to_numpy(float).reshape(-1, 3) * size,
        "candidates": brain.candidates[AXES].to_numpy(float).reshape(-1, 3) * size,
    }
    found: dict[str, dict[str, np.ndarray]] = {name: {DEPTH: p[:, 0]} for name, p in at.items()}
    if "contrast" in brain.candidates:
        contrast = brain.candidates["contrast"].to_numpy(float)
        found["candidates"][BRIGHTNESS] = contrast
        found["cells"][BRIGHTNESS] = _of_nearest(
            at["candidates"], contrast, at["cells"], brain.distance_um
        )
    for name, positions in at.items():
        found[name][DENSITY] = _neighbours(at["cells"], positions) - (name == "cells")
        if brain.shape is not None:
            found[name][BORDER] = _to_border(positions, np.asarray(brain.shape) * size, size)
    return Surroundings(found["cells"], found["candidates"])


def failures(
    outcomes: Mapping[str, pd.DataFrame],
    surroundings: Mapping[str, Surroundings],
    partial: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Return recall and precision of some brains, in bins of about equally many annotated cells.

    Columns: by (what `surroundings_of` has), unit, start, end (the bin, both included, from the
    least to the most of what lies in it), cells (annotated), recall, recall_low, recall_high,
    called, precision, precision_low, precision_high. Up to five bins, of at least ten cells each;
    cells alike are in one bin, and a false alarm is in that of the cells that are most like it.
    Cells and false alarms of which it is not known, as the brightness of cells that no candidate
    reaches, have a row of their own, with start and end nan.

    The 95% intervals are those of a bootstrap over brains and blocks, as in `outcome_metrics`, and
    never narrower than Wilson's. Shares of nothing are nan, and precision where the annotation is
    `partial`. `outcomes` are by brain those of `end_to_end_outcomes`, without what nobody can
    judge.

    Example:
        failures({"b": outcomes}, {"b": surroundings_of(brain)}).query("by == 'depth'")
    """
    table = pd.concat(outcomes.values(), ignore_index=True)
    brain = np.repeat(list(outcomes), [len(part) for part in outcomes.values()])
    if not len(table):
        return pd.DataFrame(columns=COLUMNS)
    unit, brains = drawn_units(len(table), brain, blocks_of(table[AXES].to_numpy()))
    kind = table["outcome"].map({name: place for place, name in enumerate(KINDS)}).to_numpy(int)
    shared = [by for by in UNITS if all(by in s.cells for s in surroundings.values())]
    told, counts = [], []
    for by in shared:
        values = np.concatenate([surroundings[name].at(by, outcomes[name]) for name in outcomes])
        bins = _bins(values, values[kind != KINDS.index(FALSE_ALARM)])
        for number in np.unique(bins):
            inside = bins == number
            told.append((by, UNITS[by], values[inside].min(), values[inside].max()))
            counts.append(_counted(unit[inside], kind[inside], len(brains)))
    # Of integers numpy makes no fast product of matrices.
    by_unit = np.stack(counts, axis=1).reshape(len(brains), -1).astype(float)
    clusters = brains if len(outcomes) > 1 else None
    drawn = [
        weights @ by_unit for weights in resampled_weights(len(brains), clusters, resamples, seed)
    ]
    replicates = np.concatenate(drawn).reshape(-1, len(counts), len(KINDS))
    total = by_unit.sum(axis=0).reshape(len(counts), len(KINDS))
    rows = [
        (*bin_, *_shares(total[place], replicates[:, place], partial))
        for place, bin_ in enumerate(told)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _shares(total: np.ndarray, replicates: np.ndarray, partial: bool) -> tuple:
    """Cells, recall and its interval, called, precision and its interval, of one bin."""
    hits, alarms, missed = total
    row: list[float] = []
    for place, wrong in ((KINDS.index(MISSED), missed), (KINDS.index(FALSE_ALARM), alarms)):
        trials = int(hits + wrong)
        row.append(trials)
        if not trials or (partial and place == KINDS.index(FALSE_ALARM)):
            row += [np.nan, np.nan, np.nan]
            continue
        with np.errstate(invalid="ignore"):
            shares = replicates[:, 0] / (replicates[:, 0] + replicates[:, place])
        value, (low, high) = float(hits / trials), wilson(int(hits), trials)
        bounds = percentile_interval(value, shares)
        row += [value, np.nanmin([low, bounds[0], value]), np.nanmax([high, bounds[1], value])]
    return tuple(row)


def _counted(unit: np.ndarray, kind: np.ndarray, units: int) -> np.ndarray:
    return np.stack([np.bincount(unit[kind == k], minlength=units) for k in range(3)], axis=1)


def _bins(values: np.ndarray, of_cells: np.ndarray) -> np.ndarray:
    """The bin (n,) of each value, by quantiles of those of cells; -1 where it is not known."""
    known = of_cells[np.isfinite(of_cells)]
    number = int(np.clip(len(known) // FEWEST_IN_BIN, 1, MOST_BINS))
    wanted = np.arange(1, number) / number
    if number == 1:
        return np.where(np.isfinite(values), 0, -1)
    edges = np.unique(np.quantile(known, wanted, method="inverted_cdf"))
    # An edge at the most of all cells would leave none above it.
    edges = edges[edges < known.max()]
    return np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), -1)


def _of_nearest(
    places: np.ndarray, values: np.ndarray, wanted: np.ndarray, distance_um: float
) -> np.ndarray:
    if not len(places) or not len(wanted):
        return np.full(len(wanted), np.nan)
    away, nearest = KDTree(places).query(wanted, distance_upper_bound=distance_um * (1 + 1e-9))
    return np.where(np.isfinite(away), values[np.minimum(nearest, len(values) - 1)], np.nan)


def _neighbours(cells: np.ndarray, places: np.ndarray) -> np.ndarray:
    """How many cells lie within 50 µm of each place."""
    if not len(cells) or not len(places):
        return np.zeros(len(places))
    near = KDTree(cells).query_ball_point(places, NEIGHBOURHOOD_UM, return_length=True)
    return np.asarray(near, float)


def _to_border(positions: np.ndarray, extent: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Distance in µm from the middle of each voxel to the nearest side of the volume."""
    middle = positions + size / 2
    return np.clip(np.minimum(middle, extent - middle).min(axis=1), 0, None)
