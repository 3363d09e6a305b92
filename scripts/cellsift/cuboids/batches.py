"""Cuboids of several brains as batches for a network."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
import torch

from cellsift.cuboids.normalisation import Normalisation
from cellsift.cuboids.store import CuboidStore, log_statistics
from cellsift.errors import InputError
from cellsift.io.axes import Layout, per_axis

# Raw cuboids held in memory by one training; larger sets are read from their stores as needed.
MEMORY_BYTES = 1_000_000_000
READ_AT_ONCE = 512
BY_BRAIN = Normalisation("log", "brain")

Variation = Callable[[torch.Tensor], torch.Tensor]


class Cuboids:
    """The cuboids of the candidates in a table, by row: in memory where they fit, else on disk.

    Args:
        stores: per brain.
        rows: columns brain and candidate (index into the brain's store).
        memory_bytes: largest size of raw cuboids to hold in memory.

    Raises:
        InputError: a brain without store, a candidate that its store lacks, or stores whose
            channels, cuboid shape or voxel size differ.
    """

    def __init__(
        self,
        stores: Mapping[str, CuboidStore],
        rows: pd.DataFrame,
        memory_bytes: int = MEMORY_BYTES,
    ):
        names = list(dict.fromkeys(rows["brain"]))
        self.layout = common_layout({name: _store_of(stores, name) for name in names})
        self._stores = [stores[name] for name in names]
        self._brain = rows["brain"].map({name: i for i, name in enumerate(names)}).to_numpy(int)
        self._candidate = rows["candidate"].to_numpy(int)
        self._check_candidates(names)
        self._log_median = np.array([store.log_median for store in self._stores], np.float32)
        self._log_spread = np.array([store.log_spread for store in self._stores], np.float32)
        channels, shape, _ = self.layout
        size = len(rows) * channels * int(np.prod(shape)) * np.dtype(np.uint16).itemsize
        self._held = self._read(np.arange(len(rows))) if size <= memory_bytes else None

    def __len__(self) -> int:
        return len(self._brain)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Return the raw intensities of these rows, uint16 (n, channel, z, y, x)."""
        return self._read(rows) if self._held is None else self._held[rows]

    def all_raw(self) -> Iterator[np.ndarray]:
        """Yield all raw cuboids in order, some hundred at a time."""
        for start in range(0, len(self), READ_AT_ONCE):
            yield self.raw(np.arange(start, min(start + READ_AT_ONCE, len(self))))

    def inputs(
        self,
        rows: np.ndarray,
        normalisation: Normalisation,
        device: torch.device,
        vary: Variation | None = None,
    ) -> torch.Tensor:
        """Return float32 (n, channel, z, y, x) for a network.

        `vary` changes the cuboids as standardised log intensities: of networks that take raw ones,
        by the statistics of their brain, else as they are normalised. So gain and noise are in the
        units that the network sees; with `local` these are the same for every brain, and smaller.
        """
        raw = self.on_device(rows, device)
        return self.normalised(raw, rows, normalisation, vary)

    def on_device(self, rows: np.ndarray, device: torch.device) -> torch.Tensor:
        """Return the raw intensities of these rows as float32 on a device."""
        # Uploaded as two bytes a voxel; there few operations know unsigned integers.
        return torch.as_tensor(self.raw(rows)).to(device).to(torch.float32)

    def normalised(
        self,
        raw: torch.Tensor,
        rows: np.ndarray,
        normalisation: Normalisation,
        vary: Variation | None = None,
    ) -> torch.Tensor:
        """Return raw cuboids of these rows as `inputs` does."""
        if vary is None:
            return self._per_brain(raw, rows, normalisation)
        if normalisation.transform == "log":
            return vary(self._per_brain(raw, rows, normalisation))
        varied = vary(self._per_brain(raw, rows, BY_BRAIN))
        median, spread = (
            torch.from_numpy(values[self._brain[rows]]).to(raw.device)[..., None, None, None]
            for values in (self._log_median, self._log_spread)
        )
        return torch.expm1(varied * spread + median).clamp(min=0)

    def _per_brain(
        self, raw: torch.Tensor, rows: np.ndarray, normalisation: Normalisation
    ) -> torch.Tensor:
        brains = self._brain[rows]
        if len(set(brains)) == 1:
            return normalisation.apply(
                raw, self._log_median[brains[0]], self._log_spread[brains[0]]
            )
        result = torch.empty(raw.shape, dtype=torch.float32, device=raw.device)
        for brain in np.unique(brains):
            chosen = torch.from_numpy(np.flatnonzero(brains == brain)).to(raw.device)
            result[chosen] = normalisation.apply(
                raw[chosen], self._log_median[brain], self._log_spread[brain]
            )
        return result

    def _read(self, rows: np.ndarray) -> np.ndarray:
        channels, shape, _ = self.layout
        result = np.empty((len(rows), channels, *shape), np.uint16)
        brains = self._brain[rows]
        for brain in np.unique(brains):
            chosen = np.flatnonzero(brains == brain)
            result[chosen] = self._stores[brain].read(self._candidate[rows][chosen])
        return result

    def _check_candidates(self, names: list[str]) -> None:
        for brain, (name, store) in enumerate(zip(names, self._stores, strict=True)):
            wanted = self._candidate[self._brain == brain]
            if wanted.min() < 0 or wanted.max() >= len(store):
                raise InputError(
                    f"brain {name} has {len(store)} cuboids, but candidates {wanted.min()} to "
                    f"{wanted.max()} were asked for; extract its cuboids anew"
                )


def common_layout(stores: Mapping[str, CuboidStore]) -> Layout:
    """Return the channels, shape and voxel size (z, y, x) that all stores share.

    Raises:
        InputError: they differ, with the brains that do.
    """
    if not stores:
        raise InputError("there are no candidates to make batches of; check the detection")
    layouts = {
        name: (int(store.channels), per_axis(store.shape), per_axis(map(float, store.voxel_size)))
        for name, store in stores.items()
    }
    first, layout = next(iter(layouts.items()))
    for name, other in layouts.items():
        if other != layout:
            raise InputError(
                "brains in one training need the same channels, cuboid shape and cuboid voxel "
                f"size: {first} has {layout}, {name} has {other}; give all of them a background "
                "or none, and the same cuboid settings"
            )
    return layout


def fit_normalisation(name: str, training: Cuboids) -> Normalisation:
    """Return the normalisation a recipe names; "dataset" takes the training cuboids' statistics."""
    if name != "dataset":
        return Normalisation.named(name)
    counts = np.zeros((training.layout[0], np.iinfo(np.uint16).max + 1), np.int64)
    for cuboids in training.all_raw():
        for channel, of_channel in enumerate(counts):
            of_channel += np.bincount(cuboids[:, channel].ravel(), minlength=len(of_channel))
    median, spread = zip(*map(log_statistics, counts), strict=True)
    return Normalisation.named(name, median, spread)


def _store_of(stores: Mapping[str, CuboidStore], name: str) -> CuboidStore:
    if name not in stores:
        raise InputError(f"brain {name} has candidates but no cuboids; extract its cuboids first")
    return stores[name]
