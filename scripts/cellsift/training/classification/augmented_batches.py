"""Batches of training cuboids, varied at random in a way that can be repeated."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from cellsift.cuboids.normalisation import Normalisation
from cellsift.inference.scoring import Scorer
from cellsift.models.contract import Batch
from cellsift.settings.recipe import Recipe
from cellsift.training.augmentation import augment
from cellsift.training.classification.fold_data import TrainingData
from cellsift.training.optimisation import class_weights, even_batches
from cellsift.training.seeds import seed_of

PLAIN_BATCH = 64


@dataclass(frozen=True)
class AugmentedBatches:
    """Makes batches out of the training cuboids.

    Attributes:
        teacher: a trained network on the same device whose logits go with every batch, or None.
    """

    data: TrainingData
    normalisation: Normalisation
    recipe: Recipe
    device: torch.device
    teacher: Scorer | None = None

    def batch(self, rows: np.ndarray, seed: int, progress: float) -> Batch:
        """Return the batch of these rows; the same seed varies them in the same way."""
        targets = torch.from_numpy(self.data.is_cell[rows].astype(np.int64))
        weights = class_weights(self.data.is_cell, self.recipe.class_weights)
        return Batch(
            inputs=self._augmented(rows, seed, self.normalisation),
            targets=targets.to(self.device),
            weights=torch.tensor(weights, device=self.device),
            progress=progress,
            view=lambda: self._augmented(rows, seed, self.normalisation, view=1),
            teacher=self._teacher_logits(rows, seed),
        )

    @property
    def slices(self) -> list[slice]:
        """The batches of an epoch, as slices of an order of the training cuboids."""
        return even_batches(len(self.data.training), self.recipe.batch_size)

    def plain(self, count: int) -> Iterator[torch.Tensor]:
        """Yield inputs of at most `count` cuboids, evenly chosen, in order and as they are."""
        count = min(count, len(self.data.training))
        rows = np.linspace(0, len(self.data.training) - 1, count).round().astype(int)
        for chosen in even_batches(count, PLAIN_BATCH):
            yield self.data.training.inputs(rows[chosen], self.normalisation, self.device)

    def _augmented(
        self, rows: np.ndarray, seed: int, normalisation: Normalisation, view: int = 0
    ) -> torch.Tensor:
        """Return inputs; views of one seed are moved alike and differ in gain, blur and noise."""
        vary = partial(
            augment,
            voxel_size=self.data.training.layout[2],
            augmentation=self.recipe.augmentation,
            generator=self._generator(seed),
            photometric=self._generator(seed_of(seed, view)),
        )
        return self.data.training.inputs(rows, normalisation, self.device, vary)

    @torch.no_grad()
    def _teacher_logits(self, rows: np.ndarray, seed: int) -> torch.Tensor | None:
        if self.teacher is None:
            return None
        return self.teacher.model(self._augmented(rows, seed, self.teacher.normalisation)).float()

    def _generator(self, seed: int) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(seed)
