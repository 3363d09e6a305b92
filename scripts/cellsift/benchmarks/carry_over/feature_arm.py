"""The arm of hand-made features, whose features of a brain are measured once for all trainings."""

import numpy as np
import pandas as pd
import torch

from cellsift.benchmarks.carry_over.arms import (
    ARCHITECTURES,
    CPU,
    MOST_CANDIDATES,
    LeftOut,
    Scores,
    Variant,
    known,
)
from cellsift.cuboids.batches import Cuboids, fit_normalisation
from cellsift.cuboids.normalisation import Normalisation
from cellsift.io.names import CELL, NO_CELL
from cellsift.labels.folds import held_out_rows, training_rows
from cellsift.models import create_model
from cellsift.models.classifiers.features import FeatureTrees
from cellsift.training.optimisation import class_weights
from cellsift.training.seeds import seed_of

AT_ONCE = 64
# Normalisations whose numbers do not depend on which brains were learnt from.
OWN = ("brain", "local", "linear")
# Where contrast is varied, each candidate is learnt from with its contrasts times each of these.
WIDE = (0.6, 1.0, 1.6)


class FeatureArm:
    """Trains the arm `features` as `train_fold` does but for its seeds."""

    def __init__(self) -> None:
        self._measured: dict[tuple[str, Variant, float, str], np.ndarray] = {}

    def scores(
        self, of: LeftOut, variant: Variant, seed: int, answered: pd.DataFrame | None = None
    ) -> Scores:
        """Scores by networks that learnt from the brains but the one left out."""
        table = of.folds(MOST_CANDIDATES["features"], answered)
        left_out = of.tables[of.name]
        rows = left_out.assign(brain=of.name)[["brain", "candidate"]]
        counts = table["label"].value_counts()
        log_odds = float(np.log(counts[CELL] / counts[NO_CELL]))
        learnt, logits = [], []
        for fold in sorted(set(table["fold"][table["fold"] >= 0])):
            model = self._fitted(of, variant, training_rows(table, fold), seed_of(seed, fold))
            held_out = held_out_rows(table, fold)
            scored = self._logits(model, of, variant, held_out) + log_odds
            learnt.append(held_out.assign(logit=scored))
            logits.append(self._logits(model, of, variant, rows) + log_odds)
        of_left_out = left_out.assign(logit=np.mean(logits, axis=0))
        return Scores(known(of_left_out), known(pd.concat(learnt, ignore_index=True)))

    def _fitted(self, of: LeftOut, variant: Variant, rows: pd.DataFrame, seed: int) -> FeatureTrees:
        model = _untrained(of)
        factors = WIDE if variant.contrast > 1 else (1.0,)
        is_cell = np.tile((rows["label"] == CELL).to_numpy(), len(factors))
        features = np.concatenate([self._features(of, variant, rows, f) for f in factors])
        model.fit(features, is_cell, class_weights(is_cell, "balanced"), seed)
        return model

    def _logits(
        self, model: FeatureTrees, of: LeftOut, variant: Variant, rows: pd.DataFrame
    ) -> np.ndarray:
        features = torch.from_numpy(self._features(of, variant, rows))
        with torch.no_grad():
            return model.forest.log_odds(features).double().numpy()

    def _features(
        self, of: LeftOut, variant: Variant, rows: pd.DataFrame, times: float = 1.0
    ) -> np.ndarray:
        brains = {name: self._of_brain(of, variant, name, times) for name in rows["brain"].unique()}
        pairs = zip(rows["brain"], rows["candidate"], strict=True)
        return np.stack([brains[brain][candidate] for brain, candidate in pairs])

    @torch.no_grad()
    def _of_brain(self, of: LeftOut, variant: Variant, name: str, times: float) -> np.ndarray:
        own = variant.normalisation in OWN
        key = (name, variant, times, "" if own else of.name)
        if key not in self._measured:
            store = variant.view(of.cage.brains[name])
            rows = pd.DataFrame({"brain": name, "candidate": np.arange(len(store))})
            cuboids, model = Cuboids({name: store}, rows), _untrained(of)
            normalisation = (
                Normalisation.named(variant.normalisation)
                if own
                else fit_normalisation(variant.normalisation, _training_cuboids(of, variant))
            )
            parts = [
                model.cuboid_features(times * cuboids.inputs(at, normalisation, CPU)).numpy()
                for at in np.array_split(np.arange(len(rows)), max(len(rows) // AT_ONCE, 1))
            ]
            self._measured[key] = np.concatenate(parts)
        return self._measured[key]


def _untrained(of: LeftOut) -> FeatureTrees:
    arm = ARCHITECTURES["features"]
    model = create_model(arm.architecture, 1, of.cage.method.cuboid_shape, **arm.options)
    assert isinstance(model, FeatureTrees)
    return model


def _training_cuboids(of: LeftOut, variant: Variant) -> Cuboids:
    stores = {n: variant.view(of.cage.brains[n]) for n in of.tables if n != of.name}
    table = of.folds(MOST_CANDIDATES["features"])
    return Cuboids(stores, table, memory_bytes=0)
