"""The training of networks that are not trained by steps but fitted at once."""

import numpy as np

from cellsift.models.contract import Network
from cellsift.training.classification.augmented_batches import AugmentedBatches
from cellsift.training.optimisation import class_weights, validation_loss


def fit_at_once(model: Network, batches: AugmentedBatches, seed: int) -> dict[str, float]:
    """Fit a model to the features of all training cuboids, as they are; return its training loss.

    Args:
        model: one that is `fitted_at_once`.
        seed: the same seed gives the same fit.
    """
    is_cell = batches.data.is_cell
    weights = class_weights(is_cell, batches.recipe.class_weights)
    features = np.concatenate(
        [model.cuboid_features(inputs).cpu().numpy() for inputs in batches.plain(len(is_cell))]
    )
    model.fit(features, is_cell, weights, seed)
    logits = np.concatenate(
        [model(inputs).double().cpu().numpy() for inputs in batches.plain(len(is_cell))]
    )
    loss = validation_loss(logits[:, 1] - logits[:, 0], is_cell, weights)
    return {"train_loss": loss, "learning_rate": 0.0}
