"""The prototypes of a network as cuboids: what each looks like, and what it speaks for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F

from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore
from cellsift.explain.volume import write_saliency
from cellsift.io.axes import AXES
from cellsift.io.names import CELL, NO_CELL
from cellsift.io.tables import write_table
from cellsift.models.contract import Network
from cellsift.models.storage import load_model

COLUMNS = [
    "fold",
    "prototype",
    "points_no_cell",
    "points_cell",
    "presence",
    "brain",
    "candidate",
    *AXES,
]
FILES = ("prototypes.csv", "prototypes.tif")
# Steps of the prototypes' map, along each axis, that an exported piece shows, up to all of it.
STEPS = 3
BATCH = 64


def export_prototypes(
    models: Mapping[int, Path],
    stores: Mapping[str, CuboidStore],
    cells: Mapping[str, pd.DataFrame],
    folder: str | Path,
) -> pd.DataFrame:
    """Write prototypes.csv and prototypes.tif, one piece of cuboid per prototype; return the table.

    A prototype is shown where it is most present among the labelled candidates outside its
    model's fold.
    Those that give no points, or are present nowhere, are left out. Rows are ordered by fold and
    by the difference of the points for cell and no cell, the strongest for a cell first.

    Args:
        models: by fold, the JSON file of the fold's model.
        stores: cuboids by brain.
        cells: by brain, row i for candidate i; candidates to learn from have a number in `fold`,
            and cell or no_cell in `label`, if it is there.
        folder: where to write. In prototypes.tif the channel after those of the cuboid is the
            prototype's probability; pieces that reach beyond a cuboid repeat its border.
    """
    tables: list[pd.DataFrame] = []
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    sidecar: dict[str, Any] = {}
    for fold, path in models.items():
        model, sidecar = load_model(path)
        best = _Best(model, Normalisation.from_dict(sidecar["normalisation"]))
        for brain, candidates in _trained_on(cells, fold):
            best.look_at(brain, stores[brain], candidates)
        tables.append(best.table().assign(fold=fold))
        pieces += [
            best.piece(stores[row.brain], row.prototype, row.candidate)
            for row in tables[-1].itertuples()
        ]
    voxels = pd.DataFrame([voxel for voxel, _ in pieces], columns=AXES)
    table = pd.concat([pd.concat(tables, ignore_index=True), voxels], axis=1)[COLUMNS]
    names = [
        f"fold-{row.fold}, prototype {row.prototype}, points for cell {row.points_cell:.3f}, for "
        f"no cell {row.points_no_cell:.3f}"
        for row in table.itertuples()
    ]
    empty = np.zeros((0, sidecar["in_channels"] + 1, *sidecar["cuboid"]["shape"]), np.float32)
    stack = np.stack([piece for _, piece in pieces]) if pieces else empty
    voxel_size = tuple(sidecar["cuboid"]["voxel_size"])
    path = Path(folder) / "prototypes.tif"
    write_saliency(path, stack[:, :-1], stack[:, -1], voxel_size, names)
    write_table(table, Path(folder) / "prototypes.csv")
    return table


class _Best:
    """For every prototype of a model the candidate in which it was most present so far."""

    def __init__(self, model: Network, normalisation: Normalisation):
        self.model, self.normalisation = model, normalisation
        self.points = model.scoring_sheet().numpy()
        self.presence = np.zeros(len(self.points))
        self.brain = np.full(len(self.points), "", object)
        self.candidate = np.zeros(len(self.points), int)

    def look_at(self, brain: str, store: CuboidStore, candidates: np.ndarray) -> None:
        for start in range(0, len(candidates), BATCH):
            chosen = candidates[start : start + BATCH]
            presence = self._maps(store, chosen).amax(dim=(2, 3, 4)).numpy()
            better = np.flatnonzero(presence.max(axis=0) > self.presence)
            self.presence[better] = presence.max(axis=0)[better]
            self.brain[better] = brain
            self.candidate[better] = chosen[presence.argmax(axis=0)[better]]

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(
            {
                "prototype": np.arange(len(self.points)),
                "points_no_cell": self.points[:, 0],
                "points_cell": self.points[:, 1],
                "presence": self.presence,
                "brain": self.brain,
                "candidate": self.candidate,
            }
        )
        table = table[(self.points.max(axis=1) > 0) & (self.presence >= self.model.least_presence)]
        return table.sort_values(
            ["points_cell", "points_no_cell", "prototype"],
            key=lambda column: -column if column.name == "points_cell" else column,
        ).reset_index(drop=True)

    def piece(
        self, store: CuboidStore, prototype: int, candidate: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the voxel (z, y, x) where the prototype is most present, and what is around it.

        That is float32 (channel + 1, z, y, x): raw intensities, and the prototype's probability.
        """
        coarse = self._maps(store, np.array([candidate]))[:, [prototype]]
        (cuboid,) = store.read(np.array([candidate])).astype(np.float32)
        shape = np.array(cuboid.shape[1:])
        fine = F.interpolate(coarse, tuple(shape), mode="trilinear")[0].numpy()
        step = shape / coarse.shape[2:]
        index = np.unravel_index(int(coarse.argmax()), coarse.shape[2:])
        voxel = np.minimum(((np.array(index) + 0.5) * step).astype(int), shape - 1)
        half = np.minimum(np.ceil(step * STEPS / 2).astype(int), shape // 2)
        padding = [(0, 0), *((int(n), int(n)) for n in half)]
        padded = np.pad(np.concatenate([cuboid, fine]), padding, mode="edge")
        around = tuple(slice(at, at + 2 * n + 1) for at, n in zip(voxel, half, strict=True))
        return voxel, padded[(slice(None), *around)]

    @torch.inference_mode()
    def _maps(self, store: CuboidStore, candidates: np.ndarray) -> torch.Tensor:
        inputs = self.normalisation.apply(
            store.read(candidates), store.log_median, store.log_spread
        )
        return self.model.prototype_maps(inputs)


def _trained_on(cells: Mapping[str, pd.DataFrame], fold: int) -> Iterator[tuple[str, np.ndarray]]:
    for brain, table in cells.items():
        if "fold" in table:
            known = table["fold"].notna() & (table["fold"] != fold)
            if "label" in table:
                known &= table["label"].isin([CELL, NO_CELL])
            yield brain, np.flatnonzero(known)
