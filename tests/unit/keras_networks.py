"""Networks of cellfinder's in Keras, as if they were trained, and what they compute."""

import os

import numpy as np
import pytest
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


def cellfinder_network(shape=(20, 50, 50), channels=2, width=4):
    """cellfinder's ResNet-18 for cuboids of this shape (z, y, x), as cellfinder builds it.

    Its last layer has no softmax, which would hide in ones and zeros how far answers agree; the
    weights are laid out as those that have. Skips the test where cellfinder is not installed.
    """
    os.environ.setdefault("KERAS_BACKEND", "torch")
    resnet = pytest.importorskip("cellfinder.core.classify.resnet")
    import keras

    keras.utils.set_random_seed(0)
    z, y, x = shape
    network = resnet.build_model(
        shape=(y, x, z, channels),
        network_depth="18-layer",
        starting_features=width,
        classification_activation="linear",
    )
    return with_random_statistics(network)
