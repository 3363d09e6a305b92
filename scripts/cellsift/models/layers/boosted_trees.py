"""Boosted trees as a torch module whose trees are buffers: saved as tensors, loaded without code.

The trees are grown by scikit-learn's gradient boosting (Friedman 2001, Annals of Statistics 29;
with subsampling: Friedman 2002). Of every tree its arrays are copied; walking down a tree is
`depth` times a comparison and a look-up, for all trees and rows at once.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from cellsift.errors import InputError

if TYPE_CHECKING:
    from sklearn.ensemble import GradientBoostingClassifier

# The share of the features that every split is chosen from: other trees than the greediest.
FEATURES_PER_SPLIT = 0.5
LEAST_ROWS_PER_LEAF = 5


class BoostedTrees(nn.Module):
    """Gradient boosting that gives float32 features (n, f) logits (n, 2); 0 before it is fitted.

    Buffers (tree, node): `feature` and `threshold` of each split, the nodes `left` (at or below
    the threshold) and `right`, and the `value` of each leaf; `prior`, the log odds before any
    tree; `importance` (f,), by how much the splits on each feature lower the impurity.
    """

    feature: torch.Tensor
    threshold: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    value: torch.Tensor
    prior: torch.Tensor
    importance: torch.Tensor
    first_node: torch.Tensor

    def __init__(self, features: int, trees: int, depth: int):
        super().__init__()
        self.depth = depth
        shape = (trees, 2 ** (depth + 1) - 1)
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(shape, dtype=torch.int64))
        for name in ("threshold", "value"):
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("prior", torch.zeros(()))
        self.register_buffer("importance", torch.zeros(features))
        self.register_buffer("first_node", (torch.arange(trees) * shape[1])[None], persistent=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        score = self.log_odds(features)
        return torch.stack([-score / 2, score / 2], dim=1)

    def log_odds(self, features: torch.Tensor) -> torch.Tensor:
        """Return the log odds (n,) of a cell: scikit-learn's decision function."""
        feature, threshold, left, right, value = (
            buffer.flatten()
            for buffer in (self.feature, self.threshold, self.left, self.right, self.value)
        )
        node = self.first_node.expand(features.shape[0], -1)
        for _ in range(self.depth):
            below = features.gather(1, feature[node]) <= threshold[node]
            node = self.first_node + torch.where(below, left[node], right[node])
        return self.prior + value[node].sum(dim=1)

    def fit(
        self,
        features: np.ndarray,
        is_cell: np.ndarray,
        weights: tuple[float, float],
        seed: int,
        shrinkage: float,
        subsample: float,
    ) -> None:
        """Grow the trees on features (n, f) and labels (n,) and take them over.

        Args:
            weights: of the classes (no cell, cell).
            seed: the same seed gives the same trees.
            shrinkage: by which every tree's values are multiplied.
            subsample: share of the rows that each tree sees.

        Raises:
            InputError: features that are not finite, or labels of one class only.
        """
        # scikit-learn takes a second to import, and only fitting needs it.
        from sklearn.ensemble import GradientBoostingClassifier

        features = np.asarray(features, np.float32)
        is_cell = np.asarray(is_cell, bool)
        self._check(features, is_cell)
        boosting = GradientBoostingClassifier(
            n_estimators=len(self.feature),
            max_depth=self.depth,
            learning_rate=shrinkage,
            subsample=subsample,
            max_features=FEATURES_PER_SPLIT,
            min_samples_leaf=LEAST_ROWS_PER_LEAF,
            random_state=seed,
        )
        boosting.fit(
            features, is_cell, sample_weight=np.asarray(weights, float)[is_cell.astype(int)]
        )
        self._take_over(boosting, shrinkage)

    def _take_over(self, boosting: "GradientBoostingClassifier", shrinkage: float) -> None:
        arrays = {
            name: np.zeros(self.feature.shape, np.int64 if name != "threshold" else np.float64)
            for name in ("feature", "left", "right", "threshold")
        }
        value = np.zeros(self.feature.shape)
        no_cell, cell = boosting.init_.class_prior_
        for number, tree in enumerate(estimator.tree_ for estimator in boosting.estimators_[:, 0]):
            nodes = slice(0, tree.node_count)
            itself = np.arange(tree.node_count)
            leaf = tree.children_left < 0
            arrays["feature"][number, nodes] = np.where(leaf, 0, tree.feature)
            arrays["threshold"][number, nodes] = np.where(leaf, 0, tree.threshold)
            # A leaf leads to itself, so that all walks have the same number of steps.
            arrays["left"][number, nodes] = np.where(leaf, itself, tree.children_left)
            arrays["right"][number, nodes] = np.where(leaf, itself, tree.children_right)
            value[number, nodes] = shrinkage * tree.value[:, 0, 0]
        arrays["threshold"] = _rounded_down(arrays["threshold"])
        arrays |= {
            "value": value,
            "prior": np.log(cell / no_cell),
            "importance": boosting.feature_importances_,
        }
        for name, array in arrays.items():
            buffer = getattr(self, name)
            buffer.copy_(torch.as_tensor(array).to(buffer.dtype))

    def _check(self, features: np.ndarray, is_cell: np.ndarray) -> None:
        expected = (len(is_cell), len(self.importance))
        if features.shape != expected:
            raise InputError(
                f"features have the shape {list(features.shape)}; the labels and the "
                f"architecture need {list(expected)}"
            )
        if not np.isfinite(features).all():
            rows = int((~np.isfinite(features)).any(axis=1).sum())
            raise InputError(f"the features of {rows} of {len(features)} cuboids are not finite")
        if is_cell.all() or not is_cell.any():
            raise InputError("the training cuboids are of one class; give cells and artefacts")


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return float32 thresholds that no float32 feature is on another side of."""
    rounded = thresholds.astype(np.float32)
    above = rounded > thresholds
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded
