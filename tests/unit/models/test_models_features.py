"""Hand-made features mean what their names say; the trees on them are scikit-learn's."""

import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from sklearn.ensemble import GradientBoostingClassifier
from torch import nn

from cellsift.cuboids.normalisation import Normalisation
from cellsift.errors import InputError
from cellsift.interop.onnx_export import export_onnx
from cellsift.models import create_model
from cellsift.models.classifiers.features import (
    FEATURES,
    FEATURES_OF_TWO_CHANNELS,
    CuboidFeatures,
    feature_names,
)
from cellsift.models.layers.boosted_trees import FEATURES_PER_SPLIT, LEAST_ROWS_PER_LEAF
from cellsift.models.storage import save_model

SHAPE = (9, 25, 25)
Z_STEP = 2.5


def ball(radius=4.0, height=4.0, at=(0, 0, 0), stretch=(1, 1, 1), shape=SHAPE) -> torch.Tensor:
    """Return a soft ball (z, y, x); lengths in steps of y and x, `at` from the cuboid's centre."""
    lines = [
        ((torch.arange(n) - (n - 1) / 2) * step - place) / long
        for n, step, place, long in zip(shape, (Z_STEP, 1, 1), at, stretch, strict=True)
    ]
    z, y, x = torch.meshgrid(*lines, indexing="ij")
    return height * torch.exp(-(z**2 + y**2 + x**2) / (2 * (radius / 1.5) ** 2))


def measured(signal: torch.Tensor, background: torch.Tensor | None = None) -> dict[str, float]:
    channels = [signal] if background is None else [signal, background]
    module = CuboidFeatures(len(channels), tuple(signal.shape), Z_STEP)
    values = module(torch.stack(channels)[None])[0].tolist()
    return dict(zip(module.names, values, strict=True))


def fitted(trees=30, depth=3, rows=400, seed=0, weights=(1.0, 1.0), **options):
    rng = np.random.default_rng(1)
    features = rng.normal(size=(rows, len(feature_names(2)))).astype(np.float32)
    # Few values, so that thresholds lie on values and ties would tell.
    features[:, 3] = rng.integers(0, 4, rows) / 10
    is_cell = features[:, 0] + features[:, 1] * features[:, 2] + 10 * features[:, 3] > 1.5
    model = create_model("features", 2, SHAPE, trees=trees, depth=depth, **options)
    model.fit(features, is_cell, weights, seed)
    return model, features, is_cell


def test_every_feature_has_a_name_and_a_meaning():
    assert feature_names(1) == list(FEATURES)
    assert feature_names(2) == [*FEATURES, *FEATURES_OF_TWO_CHANNELS]
    assert len(set(feature_names(2))) == len(feature_names(2)) == 26
    for channels in (1, 2):
        module = CuboidFeatures(channels, SHAPE, Z_STEP)
        result = module(torch.randn(3, channels, *SHAPE))
        assert result.shape == (3, len(module.names))
        assert result.dtype == torch.float32


def test_ratio_of_the_channels_rises_with_the_signals_centre_and_falls_with_the_backgrounds():
    dim, bright = ball(height=1), ball(height=3)
    nothing = torch.zeros(SHAPE)
    cell, artefact, faint = measured(bright, nothing), measured(bright, bright), measured(dim, dim)
    assert cell["ratio_centre"] > 1
    assert cell["ratio_contrast"] > 0.3
    for same in (artefact, faint):
        assert same["ratio_centre"] == pytest.approx(0, abs=1e-5)
        assert same["ratio_contrast"] == pytest.approx(0, abs=1e-5)
        assert same["correlation"] == pytest.approx(1, abs=1e-4)
    assert measured(dim, bright)["ratio_centre"] < -0.5
    assert measured(dim, -dim)["correlation"] == pytest.approx(-1, abs=1e-4)
    assert artefact["background_contrast_wide"] == pytest.approx(cell["contrast_wide"], rel=1e-4)


def test_brightness_is_that_of_the_place_named():
    constant = measured(torch.full(SHAPE, 0.7))
    for name in ("signal_centre", "signal_peak", "signal_surroundings"):
        assert constant[name] == pytest.approx(0.7, rel=1e-5)
    for name in ("signal_deviation", "signal_grain", "contrast_medium", "edge_highest"):
        assert constant[name] == pytest.approx(0, abs=1e-5)
    aside = measured(ball(at=(0, 11, 11), radius=2))
    centred = measured(ball())
    assert aside["signal_peak"] < 1 < 3 < centred["signal_peak"] < 4
    assert aside["signal_surroundings"] > 0.001
    assert centred["signal_skewness"] > 1 > -1 > measured(-ball())["signal_skewness"]


def test_contrast_is_highest_at_the_scale_of_the_ball():
    names = ("contrast_narrow", "contrast_medium", "contrast_wide")
    small, large = measured(ball(radius=1.5)), measured(ball(radius=14))
    assert max(names, key=small.get) == "contrast_narrow"
    assert max(names, key=large.get) == "contrast_wide"


def test_size_and_extents_grow_with_the_ball_whatever_its_brightness():
    sizes = [measured(ball(radius=r)) for r in (2, 3, 4, 5)]
    for name in ("size_above_half", "extent_plane", "extent_z"):
        values = [size[name] for size in sizes]
        assert values == sorted(values)
        assert values[0] < 0.7 * values[-1]
    bright = measured(ball(radius=3, height=40))
    assert bright["size_above_half"] == pytest.approx(sizes[1]["size_above_half"], rel=0.05)
    assert bright["extent_plane"] == pytest.approx(sizes[1]["extent_plane"], rel=0.05)


def test_shape_is_measured_in_steps_of_the_same_length():
    round_ball = measured(ball(radius=4))
    rod = measured(ball(radius=2.5, stretch=(1, 1, 3)))
    plate = measured(ball(radius=2.5, stretch=(1, 3, 3)))
    assert round_ball["elongation"] < 0.15
    assert round_ball["sphericity"] > 0.9
    assert round_ball["extent_z"] == pytest.approx(round_ball["extent_plane"], rel=0.2)
    assert rod["elongation"] > plate["elongation"] > 0.3
    assert rod["sphericity"] < 0.7
    assert plate["sphericity"] < 0.7


def test_offset_and_peak_distance_follow_the_ball():
    centred, moved = measured(ball(radius=3)), measured(ball(radius=3, at=(0, 3, 4)))
    assert centred["offset"] == pytest.approx(0, abs=1e-3)
    assert centred["peak_distance"] == pytest.approx(0, abs=1e-5)
    assert 3 < moved["offset"] < 5.1
    assert moved["peak_distance"] == pytest.approx(5, abs=1e-4)


def test_edges_and_focus():
    sharp, soft = ball(radius=3, stretch=(3, 1, 1)), ball(radius=6, stretch=(3, 1, 1))
    assert measured(sharp)["edge_highest"] > 1.5 * measured(soft)["edge_highest"]
    slope = torch.arange(25.0).expand(SHAPE) * 0.2
    # At the border, as at the edge of what is smoothed, a slope is halved: the ball stays clear.
    assert measured(slope)["edge_mean"] == pytest.approx(0.2, rel=1e-3)
    few, many = measured(ball(radius=4)), measured(ball(radius=4, stretch=(4, 1, 1)))
    assert few["planes_in_focus"] == pytest.approx(3 / 9)
    assert many["planes_in_focus"] > 6 / 9
    noisy = ball() + 0.3 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    assert measured(noisy)["signal_grain"] > 0.2 > measured(ball())["signal_grain"]


def test_a_turn_in_the_plane_changes_no_feature():
    generator = torch.Generator().manual_seed(0)
    signal, background = torch.randn(2, *SHAPE, generator=generator) + ball(at=(0, 2, 1))
    turned = measured(signal.rot90(1, (1, 2)), background.rot90(1, (1, 2)))
    for name, value in measured(signal, background).items():
        assert turned[name] == pytest.approx(value, rel=1e-3, abs=1e-4), name


@pytest.mark.parametrize("shape", [(20, 50, 50), (13, 31, 27), (4, 9, 8), (1, 25, 25), (1, 3, 3)])
@pytest.mark.parametrize("scale", [0.0, 1.0, 20_000.0])
def test_features_are_finite_at_every_shape_and_brightness(shape, scale):
    cuboids = torch.randn(2, 2, *shape, generator=torch.Generator().manual_seed(0)) * scale + scale
    assert CuboidFeatures(2, shape, 4.0)(cuboids).isfinite().all()


def test_features_of_a_cuboid_do_not_depend_on_its_batch():
    cuboids = torch.randn(7, 2, *SHAPE)
    module = CuboidFeatures(2, SHAPE, 4.0)
    alone = torch.cat([module(cuboid[None]) for cuboid in cuboids])
    torch.testing.assert_close(module(cuboids), alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("depth", "weights"), [(1, (1.0, 1.0)), (3, (0.6, 2.5)), (6, (1.0, 1.0))])
def test_the_trees_are_scikit_learns(depth, weights):
    model, features, is_cell = fitted(depth=depth, weights=weights, shrinkage=0.2, subsample=0.7)
    oracle = GradientBoostingClassifier(
        n_estimators=30,
        max_depth=depth,
        learning_rate=0.2,
        subsample=0.7,
        max_features=FEATURES_PER_SPLIT,
        min_samples_leaf=LEAST_ROWS_PER_LEAF,
        random_state=0,
    ).fit(features, is_cell, sample_weight=np.where(is_cell, weights[1], weights[0]))
    others = np.random.default_rng(5).normal(size=(500, features.shape[1])).astype(np.float32)
    thresholds = np.concatenate([t.tree_.threshold for t in oracle.estimators_[:, 0]])
    on_the_edge = np.resize(thresholds.astype(np.float32), others.shape)
    for rows in (features, others, on_the_edge):
        logits = model.forest(torch.from_numpy(rows)).numpy()
        assert logits.shape == (len(rows), 2)
        np.testing.assert_array_equal(logits[:, 0], -logits[:, 1])
        np.testing.assert_allclose(
            logits[:, 1] - logits[:, 0], oracle.decision_function(rows), atol=1e-4
        )
    np.testing.assert_allclose(
        list(model.feature_importance().values()), oracle.feature_importances_, atol=1e-6
    )


def test_saved_and_loaded_trees_give_the_same_logits_bit_for_bit(tmp_path):
    model, _, _ = fitted()
    save_file(model.state_dict(), tmp_path / "trees.safetensors")
    other = create_model("features", 2, SHAPE, trees=30)
    cuboids = 2 * torch.randn(20, 2, *SHAPE)
    assert torch.equal(other(cuboids), torch.zeros(20, 2))
    other.load_state_dict(load_file(tmp_path / "trees.safetensors"))
    assert torch.equal(other(cuboids), model(cuboids))
    assert other.feature_importance() == model.feature_importance()
    assert len(model(cuboids)[:, 1].unique()) > 5


def test_the_same_seed_grows_the_same_trees():
    first, second, third = (fitted(seed=seed)[0].state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], third[name]) for name in first)


def test_it_is_fitted_at_once_and_has_nothing_to_train():
    model = create_model("features", 1, SHAPE)
    assert model.fitted_at_once
    assert model.gradcam_layer is None
    assert list(model.parameters()) == []
    assert set(model.feature_importance()) == set(feature_names(1))
    assert torch.equal(model(torch.randn(3, 1, *SHAPE)), torch.zeros(3, 2))


def test_cells_are_told_from_uniform_cuboids():
    generator = torch.Generator().manual_seed(0)
    is_cell = torch.arange(120) % 2 == 1
    cuboids = torch.randn(120, 2, *SHAPE, generator=generator)
    cuboids[:, 0] += is_cell[:, None, None, None] * ball(height=3)
    model = create_model("features", 2, SHAPE, trees=40)
    features = model.cuboid_features(cuboids).numpy()
    model.fit(features[:80], is_cell[:80].numpy(), (1.0, 1.0), seed=0)
    assert torch.equal(model(cuboids[80:]).argmax(dim=1) == 1, is_cell[80:])
    importance = model.feature_importance()
    assert sum(importance.values()) == pytest.approx(1, abs=1e-5)
    of_background = sum(v for k, v in importance.items() if k.startswith("background"))
    assert of_background < 0.05


def test_trees_shallower_than_allowed_are_walked_to_their_leaves():
    model, features, is_cell = fitted(depth=8, rows=40, trees=9, shrinkage=0.3)
    logits = model.forest(torch.from_numpy(features))
    assert logits.isfinite().all()
    assert ((logits[:, 1] > logits[:, 0]).numpy() == is_cell).mean() > 0.7


def test_fitted_trees_can_be_traced_for_export():
    model, _, _ = fitted(trees=4)
    cuboids = torch.randn(3, 2, *SHAPE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.export.export(
            model, (cuboids,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},)
        ).module()
    more = torch.randn(5, 2, *SHAPE)
    torch.testing.assert_close(traced(more), model(more))


@pytest.mark.slow
def test_exported_trees_differ_only_where_a_feature_lies_on_a_threshold(tmp_path):
    """There the rounding of either program decides on which side of a split a cuboid goes."""
    generator = torch.Generator().manual_seed(0)
    is_cell = torch.arange(600) % 2 == 1
    cuboids = torch.randn(600, 2, *SHAPE, generator=generator)
    cuboids[:, 0] += is_cell[:, None, None, None] * ball(height=1)
    model = create_model("features", 2, SHAPE).eval()
    features = model.cuboid_features(cuboids)
    model.fit(features[:200].numpy(), is_cell[:200].numpy(), (1.0, 1.0), seed=0)
    sidecar = {
        "architecture": "features",
        "options": {},
        "in_channels": 2,
        "cuboid": {"shape": list(SHAPE), "voxel_size": [5.0, 2.0, 2.0]},
        "normalisation": Normalisation().to_dict(),
        "provenance": {},
    }
    export_onnx(save_model(tmp_path / "fold-0.json", model, sidecar), tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    (found,) = session.run(["logits"], {"cuboids": cuboids.numpy()})
    same = np.abs(found - model(cuboids).numpy()).max(axis=1) < 1e-4
    forest = model.forest
    split = forest.left != forest.right
    away = (features[:, forest.feature[split]] - forest.threshold[split]).abs()
    on_a_threshold = (away < 1e-5 * (1 + forest.threshold[split].abs())).any(dim=1).numpy()
    assert (same | on_a_threshold).all()
    assert same.mean() > 0.99
    assert on_a_threshold.mean() < 0.2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros((6, 3), np.float32)}, r"\[6, 3\].*need \[6, 26\]"),
        ({"features": np.full((6, 26), np.nan, np.float32)}, "6 of 6 cuboids are not finite"),
        ({"is_cell": np.ones(6, bool)}, "one class"),
        ({"is_cell": np.zeros(6, bool)}, "one class"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    data = {"features": np.zeros((6, 26), np.float32), "is_cell": np.arange(6) % 2 == 1} | change
    with pytest.raises(InputError, match=message):
        create_model("features", 2, SHAPE).fit(**data, weights=(1.0, 1.0), seed=0)


@pytest.mark.parametrize(
    ("channels", "shape", "options", "message"),
    [
        (3, SHAPE, {}, "1 or 2 channels.*there are 3"),
        (2, (9, 2, 25), {}, "3 voxels along y and x"),
        (2, SHAPE, {"trees": 0}, "trees is 0"),
        (2, SHAPE, {"depth": 11}, "depth is 11"),
        (2, SHAPE, {"shrinkage": 0}, "shrinkage is 0"),
        (2, SHAPE, {"subsample": 1.5}, "subsample is 1.5"),
        (2, SHAPE, {"z_step": "four"}, "z_step is 'four'"),
    ],
)
def test_what_cannot_be_built_is_refused(channels, shape, options, message):
    with pytest.raises(InputError, match=message):
        create_model("features", channels, shape, **options)


def test_it_builds_without_values_on_the_meta_device():
    with torch.device("meta"):
        model = create_model("features", 2, SHAPE)
        assert isinstance(model, nn.Module)
        assert model(torch.zeros(2, 2, *SHAPE)).shape == (2, 2)
