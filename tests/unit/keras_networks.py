"""Networks of cellfinder's in Keras, as if they were trained, and what they compute."""

import numpy as np
import torch


def with_random_statistics(keras_model, seed=0):
    """Give every batch normalisation its own scale, shift, mean and variance."""
    random = np.random.default_rng(seed)
    for layer in keras_model.layers:
        weights = layer.get_weights()
        if len(weights) == 4:
            size = weights[0].shape
            layer.set_weights(
                [
                    random.uniform(0.5, 1.5, size),
                    random.normal(0, 0.2, size),
                    random.normal(0, 0.2, size),
                    random.uniform(0.5, 2.0, size),
                ]
            )
    return keras_model


def keras_logits(keras_model, cuboids):
    """Return what cellfinder's network computes for cuboids (n, channel, z, y, x).

    Or for images (n, channel, y, x).
    """
    order = {4: (0, 2, 3, 1), 5: (0, 3, 4, 2, 1)}[cuboids.ndim]
    inputs = torch.from_numpy(cuboids.transpose(order).copy())
    with torch.no_grad():
        return keras_model(inputs, training=False).detach().cpu().numpy()
