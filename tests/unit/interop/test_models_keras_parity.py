"""The port of cellfinder's network computes what cellfinder's own Keras network computes."""

import os
from functools import partial

import numpy as np
import pytest
import torch
from keras_networks import keras_logits, with_random_statistics

from cellsift.errors import InputError
from cellsift.interop.cellfinder_weights import model_from_cellfinder, weights_from_cellfinder
from cellsift.models import create_model
from cellsift.models.weight_transfer import start_from
from cellsift.training.starting_point.reading import read_starting_point
from cellsift.training.starting_point.wanted import WantedNetwork

SHAPE = (20, 50, 50)


@pytest.fixture(scope="module")
def build_model():
    os.environ.setdefault("KERAS_BACKEND", "torch")
    return pytest.importorskip("cellfinder.core.classify.resnet").build_model


@pytest.fixture
def build_model_of_images(build_model, monkeypatch):
    """Make cellfinder's code build its network of images.

    As in later versions of cellfinder (commit 07211e9), of which 1.10.1 differs in what this
    replaces: kernels, strides and pooling have no third axis, and x, the last axis before the
    features, is normalised.
    """
    import keras
    from cellfinder.core.classify import resnet

    def without_z(kind):
        layer = getattr(keras.layers, f"{kind}2D")

        def build(*args, **settings):
            flat = {k: v[:2] if isinstance(v, tuple) else v for k, v in settings.items()}
            return layer(*(v[:2] if isinstance(v, tuple) else v for v in args), **flat)

        return build

    # From 1.11 on, cellfinder builds it itself for a shape without z.
    if not hasattr(resnet, "dimension_layers"):
        for kind in ("Conv", "MaxPooling", "GlobalAveragePooling", "ZeroPadding"):
            monkeypatch.setattr(resnet, f"{kind}3D", without_z(kind))
    return partial(build_model, axis=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "channels", "width", "shape"),
    [
        (18, 2, 32, SHAPE),
        (34, 2, 16, SHAPE),
        (50, 2, 64, SHAPE),
        (101, 2, 16, SHAPE),
        (50, 1, 16, SHAPE),
        (18, 2, 8, (17, 40, 31)),
    ],
)
def test_logits_are_those_of_cellfinders_keras_network(build_model, depth, channels, width, shape):
    import keras

    keras.utils.set_random_seed(0)
    z, y, x = shape
    keras_model = with_random_statistics(
        build_model(
            shape=(y, x, z, channels),
            network_depth=f"{depth}-layer",
            starting_features=width,
            classification_activation="linear",
        )
    )
    random = np.random.default_rng(1)
    cuboids = random.integers(0, 4000, (2, channels, *shape)).astype(np.float32)
    cuboids[1] /= 10
    with torch.no_grad():
        ported = model_from_cellfinder(keras_model)(torch.from_numpy(cuboids)).numpy()
    expected = keras_logits(keras_model, cuboids)
    assert np.ptp(expected, axis=0).max() > 0.1 * np.abs(expected).max(), "inputs tell apart"
    np.testing.assert_allclose(ported, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "channels", "width", "size"),
    [(18, 2, 16, (50, 50)), (50, 2, 64, (50, 50)), (34, 1, 8, (40, 31))],
)
def test_logits_are_those_of_cellfinders_keras_network_of_images(
    build_model_of_images, depth, channels, width, size
):
    import keras

    keras.utils.set_random_seed(0)
    keras_model = with_random_statistics(
        build_model_of_images(
            shape=(*size, channels),
            network_depth=f"{depth}-layer",
            starting_features=width,
            classification_activation="linear",
        )
    )
    random = np.random.default_rng(1)
    images = random.integers(0, 4000, (2, channels, *size)).astype(np.float32)
    images[1] /= 10
    with torch.no_grad():
        cuboids = torch.from_numpy(images).unsqueeze(2)
        ported = model_from_cellfinder(keras_model)(cuboids).numpy()
    expected = keras_logits(keras_model, images)
    assert np.ptp(expected, axis=0).max() > 0.1 * np.abs(expected).max(), "inputs tell apart"
    np.testing.assert_allclose(ported, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["whole.keras", "whole.h5"])
def test_a_network_of_images_starts_from_a_file_of_images(build_model_of_images, tmp_path, name):
    keras_model = with_random_statistics(
        build_model_of_images(shape=(25, 31, 2), network_depth="18-layer", starting_features=4)
    )
    keras_model.save(tmp_path / name)
    options = {"depth": 18, "width": 4}
    started = create_model("resnet_cellfinder", 2, (1, 25, 31), **options)

    def read(shape):
        wanted = ("resnet_cellfinder", options, 2, shape, (5.0, 1.0, 1.0), "linear")
        return read_starting_point(tmp_path / name, WantedNetwork(*wanted))

    start_from(started, read((1, 25, 31)))
    cuboids = torch.randn(3, 2, 1, 25, 31)
    with torch.no_grad():
        assert torch.equal(started.eval()(cuboids), model_from_cellfinder(keras_model)(cuboids))
    with pytest.raises(InputError, match="for images of 1 plane, the arm's is for cuboids"):
        read((20, 25, 31))
    with pytest.raises(InputError, match="other planes, not .*network.stem.norm.weight"):
        read((1, 25, 40))


@pytest.mark.slow
def test_transferred_weights_fit_only_the_network_of_the_same_options(build_model):
    keras_model = build_model(network_depth="18-layer", starting_features=8)
    weights = weights_from_cellfinder(keras_model)
    create_model("resnet_cellfinder", 2, SHAPE, depth=18, width=8).load_state_dict(weights)
    with pytest.raises(RuntimeError):
        create_model("resnet", 2, SHAPE, depth=18, width=8).load_state_dict(weights)


@pytest.mark.slow
def test_another_keras_model_is_refused(build_model):
    import keras

    other = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2, name="other")])
    with pytest.raises(InputError, match="layer 'other'"):
        model_from_cellfinder(other)
