"""EfficientNet, its attention gates, MobileNetV3, DenseNet and ConvNeXt against their papers."""

from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.classifiers.convnext import Block, StochasticDepth
from cellsift.models.classifiers.efficientnet import AttentionGate
from cellsift.models.classifiers.mobilenet import ChannelWeights, InvertedResidual
from cellsift.models.layers.depthwise import DepthwiseConvolution
from cellsift.models.layers.strides import HALVINGS, limited_strides, shape_after
from cellsift.models.layers.widths import multiple_of_eight

SHAPE = (20, 50, 50)
IMAGE = (1, 224, 224)
SMALLEST = {
    "efficientnet3d": {"width": 0.1},
    "efficientnet3d_attention": {"width": 0.1},
    "mobilenet3d": {"width": 0.1},
    "densenet3d": {"depth": "tiny", "growth_rate": 4},
    "convnext3d": {"width": 0.1},
}
SHIPPED = Path(__file__).parents[3] / "config" / "arms"
ARMS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(SHIPPED.glob("*.yaml"))}
NETWORKS = [name for name, arm in ARMS.items() if arm["architecture"] != "ensemble"]


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(name, shape=(12, 25, 25), channels=2, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, channels, shape, **SMALLEST[name] | options)


def parameters(name, shape, channels=2, **options) -> int:
    with torch.device("meta"):
        model = create_model(name, channels, shape, **options)
    return sum(p.numel() for p in model.parameters())


def gradcam_map(model, shape, channels=2) -> torch.Tensor:
    maps = []
    hook = model.gradcam_layer.register_forward_hook(lambda *call: maps.append(call[2]))
    model.eval()(torch.zeros(2, channels, *shape))
    hook.remove()
    return maps[0]


@pytest.mark.parametrize(
    ("name", "options", "published", "last_features"),
    [
        ("efficientnet3d", {"variant": "b0"}, 5_288_548, 1280),
        ("mobilenet3d", {"size": "small"}, 2_542_856, 1024),
        ("mobilenet3d", {"size": "large"}, 5_483_032, 1280),
        ("densenet3d", {"depth": 121}, 7_978_856, 1024),
        ("convnext3d", {"size": "tiny"}, 28_589_128, 768),
    ],
)
def test_on_colour_images_of_1000_classes_the_networks_have_the_published_parameters(
    name, options, published, last_features
):
    """The counts are those of torchvision's weights for ImageNet."""
    classifiers = (last_features + 1) * (1000 - 2)
    assert parameters(name, IMAGE, channels=3, **options) + classifiers == published


@pytest.mark.parametrize(("size", "published"), [("atto", 3.70e6), ("femto", 5.22e6)])
def test_the_small_convnexts_have_the_published_parameters(size, published):
    last_features = {"atto": 320, "femto": 384}[size]
    count = parameters("convnext3d", IMAGE, channels=3, size=size) + (last_features + 1) * 998
    assert count == pytest.approx(published, rel=0.002)


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("efficientnet3d", {}, 4_691_806),
        ("efficientnet3d", {"variant": "b1"}, 7_449_922),
        ("efficientnet3d", {"variant": "b2"}, 8_718_628),
        ("efficientnet3d", {"variant": "b3"}, 12_062_626),
        ("efficientnet3d_attention", {}, 4_796_616),
        ("mobilenet3d", {}, 1_637_506),
        ("mobilenet3d", {"size": "large"}, 4_388_242),
        ("densenet3d", {}, 11_241_538),
        ("densenet3d", {"depth": 169}, 18_542_914),
        ("densenet3d", {"depth": "tiny", "growth_rate": 16}, 409_474),
        ("convnext3d", {}, 3_504_922),
        ("convnext3d", {"size": "femto"}, 4_976_978),
        ("convnext3d", {"size": "tiny"}, 28_177_442),
    ],
)
def test_parameters_on_cuboids_stay_as_they_are(name, options, count):
    assert parameters(name, SHAPE, **options) == count


@pytest.mark.parametrize("name", ["efficientnet3d", "efficientnet3d_attention"])
@pytest.mark.parametrize("variant", ["b1", "b2", "b3"])
def test_wider_and_deeper_efficientnets_run(name, variant):
    with torch.device("meta"):
        model = create_model(name, 2, SHAPE, variant=variant)
        assert model(torch.zeros(2, 2, *SHAPE)).shape == (2, 2)


@pytest.mark.parametrize("name", SMALLEST)
@pytest.mark.parametrize("shape", [SHAPE, (12, 25, 25), (13, 31, 27), (4, 25, 25)])
def test_the_map_for_gradcam_has_three_steps_along_every_axis(name, shape):
    found = gradcam_map(small(name, shape), shape)
    assert found.ndim == 5
    assert min(found.shape[2:]) >= 3
    assert shape[0] / found.shape[2] <= 8


@pytest.mark.parametrize("name", SMALLEST)
def test_planes_as_channels_and_single_planes_make_networks_of_images(name):
    assert gradcam_map(small(name, (5, 30, 30), planes_as_channels=True), (5, 30, 30)).ndim == 4
    plane = small(name, (1, 30, 30), channels=1)
    assert gradcam_map(plane, (1, 30, 30), channels=1).ndim == 4
    assert not any(isinstance(m, nn.Conv3d | nn.BatchNorm3d) for m in plane.modules())
    assert plane(torch.zeros(3, 1, 1, 30, 30)).shape == (3, 2)


@pytest.mark.parametrize("name", SMALLEST)
def test_no_activation_changes_its_input(name):
    model = small(name)
    assert not any(getattr(module, "inplace", False) for module in model.modules())


@given(shape=st.tuples(st.integers(3, 64), st.integers(3, 80), st.integers(3, 80)))
@settings(max_examples=50, deadline=None)
def test_strides_spare_z_and_leave_three_steps(shape):
    after, along_z = shape, 1
    for stride in limited_strides(shape, HALVINGS):
        assert stride[1] == stride[2]
        along_z *= stride[0]
        after = shape_after(after, stride)
        assert min(after) >= 3
    assert along_z <= 8
    # Nothing is left that could still be halved.
    assert min(after[1:]) < 5 or max(shape[1:]) > 64


@pytest.mark.parametrize("kernel", [(3, 3, 3), (5, 5, 5), (3, 7, 7)])
@pytest.mark.parametrize("stride", [(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2)])
@pytest.mark.parametrize("size", [(3, 4, 4), (6, 5, 7), (1, 3, 2)])
def test_a_depthwise_convolution_is_the_same_as_a_matrix_product(kernel, stride, size):
    torch.manual_seed(0)
    padding = tuple(k // 2 for k in kernel)
    layer = DepthwiseConvolution(4, 4, kernel, stride, padding, groups=4).double().train()
    inputs = torch.randn(2, 4, *size, dtype=torch.float64, requires_grad=True)
    plain = F.conv3d(inputs, layer.weight, layer.bias, stride, padding, groups=4)
    found = layer.as_matrix_product(inputs, plain.shape[2:])
    torch.testing.assert_close(found, plain)
    torch.testing.assert_close(layer(inputs), layer.eval()(inputs))
    wanted = (inputs, layer.weight, layer.bias)
    weights = torch.randn_like(plain)
    torch.testing.assert_close(
        torch.autograd.grad((found * weights).sum(), wanted),
        torch.autograd.grad((plain * weights).sum(), wanted),
    )


def test_first_depthwise_weights_do_not_shrink_with_the_number_of_features():
    torch.manual_seed(0)
    for name in ("efficientnet3d", "mobilenet3d"):
        model = create_model(name, 2, (4, 12, 12), width=0.5)
        layers = [m for m in model.modules() if isinstance(m, DepthwiseConvolution)]
        for layer in layers:
            expected = (2 / layer.weight[0].numel()) ** 0.5
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.2)


def test_efficientnet_pads_by_half_a_kernel_and_settles_its_statistics_soon():
    model = small("efficientnet3d")
    assert not any(isinstance(m, nn.ConstantPad2d | nn.ConstantPad3d) for m in model.modules())
    for module in model.modules():
        if isinstance(module, nn.Conv3d):
            assert module.padding == tuple(k // 2 for k in module.kernel_size)
        if isinstance(module, nn.BatchNorm3d):
            assert (module.momentum, module.eps) == (0.1, 1e-3)


def test_efficientnet_halves_the_plane_first():
    model = create_model("efficientnet3d", 2, SHAPE, width=0.1)
    backbone = model.backbone
    assert backbone.stem[0].stride == (1, 2, 2)
    firsts = [stage[0]._depthwise_conv.stride for stage in backbone.stages]
    single = (1, 1, 1)
    assert firsts == [single, (1, 2, 2), (2, 2, 2), (2, 2, 2), single, (2, 1, 1), single]


def gated() -> tuple[nn.Module, torch.Tensor]:
    return small("efficientnet3d_attention").eval(), torch.randn(3, 2, 12, 25, 25)


def test_an_attention_gate_is_its_equation():
    torch.manual_seed(0)
    gate = AttentionGate(6, 4, axes=3)
    x, g = torch.randn(2, 6, 3, 5, 5), torch.randn(2, 4, 3, 5, 5)
    theta, phi, psi = (layer.weight.flatten(1) for layer in (gate.theta, gate.phi, gate.psi))
    hidden = torch.einsum("if,nfzyx->nizyx", theta, x) + torch.einsum("ig,ngzyx->nizyx", phi, g)
    hidden = (hidden + gate.phi.bias[:, None, None, None]).clamp_min(0)
    alpha = 1 / (1 + torch.exp(-torch.einsum("oi,nizyx->nozyx", psi, hidden) - gate.psi.bias))
    torch.testing.assert_close(gate.coefficients(x, g), alpha)
    passed = (alpha * x).sum((2, 3, 4)) / alpha.sum((2, 3, 4))
    torch.testing.assert_close(gate(x, g), passed)
    assert gate.theta.bias is None


def test_attention_coefficients_lie_between_0_and_1_and_start_open():
    model, inputs = gated()
    fine, coarse = model.own_maps(inputs)
    assert fine.shape == (3, 12, 7, 7)
    assert coarse.shape == (3, 6, 4, 4)
    for alpha in (fine, coarse):
        assert alpha.min() > 0.9
        assert alpha.max() < 1
    assert {gate.psi.bias.item() for gate in model.gates} == {3.0}
    # The deepest scale is the gating signal: no gate is on it.
    assert model.backbone(inputs)[1].shape[2:] == (3, 4, 4)


def test_gates_wide_open_pass_the_mean_of_the_map_and_gates_shut_pass_nothing():
    model, inputs = gated()
    for gate in model.gates:
        nn.init.zeros_(gate.psi.weight)
        nn.init.constant_(gate.psi.bias, 20)
    with torch.no_grad():
        maps, last = model.backbone(inputs)
        means = [maps[stage].mean((2, 3, 4)) for stage in model.gated_stages]
        vectors = torch.cat([*means, last.mean((2, 3, 4))], dim=1)
        torch.testing.assert_close(model(inputs), model.classifier(vectors))

        for gate in model.gates:
            nn.init.constant_(gate.psi.bias, -40)
        vectors[:, : -last.shape[1]] = 0
        torch.testing.assert_close(model(inputs), model.classifier(vectors))


def test_attention_differs_between_places_after_some_training():
    model, inputs = gated()
    model.train()
    inputs = torch.randn(8, *inputs.shape[1:])
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    for _ in range(8):
        optimiser.zero_grad()
        F.cross_entropy(model(inputs), torch.arange(8) % 2).backward()
        optimiser.step()
    with torch.no_grad():
        update_bn([inputs], model)
        model.eval()
        for alpha in model.own_maps(inputs):
            assert alpha.min() > 0
            assert alpha.max() < 1
            assert alpha.flatten(1).std(dim=1).min() > 1e-3
        # With settled statistics the verdict depends on the cuboid (it does not without).
        assert model(inputs).std(dim=0).min() > 1e-3


def test_gates_of_an_image_network_are_maps_of_one_plane():
    model = small("efficientnet3d_attention", (5, 50, 50), planes_as_channels=True).eval()
    fine, coarse = model.own_maps(torch.randn(2, 2, 5, 50, 50))
    assert (fine.shape, coarse.shape) == ((2, 1, 13, 13), (2, 1, 7, 7))


def test_a_cuboid_with_two_scales_only_has_no_room_for_two_gates():
    with pytest.raises(InputError, match=r"\[4, 9, 9\].*two scales; \[1, 17, 17\]"):
        small("efficientnet3d_attention", (4, 9, 9))
    small("efficientnet3d_attention", (1, 17, 17))


def test_mobilenets_blocks_follow_the_papers_tables():
    blocks = {"small": 11, "large": 15}
    squeezed = {"small": 9, "large": 8}
    for size, count in blocks.items():
        with torch.device("meta"):
            model = create_model("mobilenet3d", 2, SHAPE, size=size)
        modules = list(model.modules())
        assert sum(isinstance(m, InvertedResidual) for m in modules) == count
        assert sum(isinstance(m, ChannelWeights) for m in modules) == squeezed[size]
        assert {m.kernel_size[0] for m in modules if isinstance(m, nn.Conv3d)} == {1, 3}


def test_mobilenets_shortcut_and_channel_weights():
    model = create_model("mobilenet3d", 2, (4, 12, 12), width=0.25).eval()
    inputs = torch.randn(2, 8, 4, 6, 6)
    block = next(m for m in model.features if getattr(m, "shortcut", False))
    nn.init.zeros_(block.layers[-1][1].weight)
    torch.testing.assert_close(block(inputs), inputs)
    weights = ChannelWeights(3, 8)
    nn.init.zeros_(weights.weights[2].weight)
    nn.init.constant_(weights.weights[2].bias, 1.5)
    torch.testing.assert_close(weights(inputs), inputs * (1.5 / 6 + 0.5))


def test_features_are_rounded_to_multiples_of_eight():
    assert [multiple_of_eight(n) for n in (1, 12, 20, 10.1, 36, 88)] == [8, 16, 24, 16, 40, 88]


def test_densenet_keeps_planes_and_grows_by_its_rate():
    model = create_model("densenet3d", 2, (8, 24, 24), depth="tiny", growth_rate=4)
    layers = model.network.features
    assert layers.conv0.stride == (1, 2, 2)
    # Twice the rate to begin with, four layers a block, halved in between.
    assert layers.denseblock1.denselayer4.layers.conv1.in_channels == 8 + 3 * 4
    assert layers.transition1.conv.out_channels == (8 + 4 * 4) // 2
    torch.manual_seed(0)
    inputs = torch.randn(2, 8, 4, 6, 6)
    found = layers.denseblock1.eval()(inputs)
    torch.testing.assert_close(found[:, :8], inputs)
    assert found.shape[1] == 8 + 4 * 4


def test_a_convnext_block_is_its_equation():
    torch.manual_seed(0)
    block = Block(3, 8, skipped=0.5).eval()
    nn.init.normal_(block.scale)
    x = torch.randn(2, 8, 4, 9, 9)
    y = F.conv3d(x, block.depthwise.weight, block.depthwise.bias, padding=(1, 3, 3), groups=8)
    centred = y - y.mean(1, keepdim=True)
    y = centred / torch.sqrt(y.var(1, unbiased=False, keepdim=True) + 1e-6)
    y = y * block.norm.weight.view(1, -1, 1, 1, 1) + block.norm.bias.view(1, -1, 1, 1, 1)
    y = F.conv3d(y, block.expand.weight[..., None, None, None], block.expand.bias)
    assert y.shape[1] == 4 * 8
    y = y * 0.5 * (1 + torch.erf(y / 2**0.5))
    y = F.conv3d(y, block.project.weight[..., None, None, None], block.project.bias)
    torch.testing.assert_close(block(x), x + block.scale.view(1, -1, 1, 1, 1) * y)


def test_a_new_convnext_block_hardly_changes_its_input():
    block, x = Block(3, 8, skipped=0.0), torch.randn(2, 8, 4, 9, 9)
    assert (block(x) - x).abs().max() < 1e-4


def test_stochastic_depth_skips_whole_cuboids_and_keeps_the_mean():
    torch.manual_seed(0)
    skipping, x = StochasticDepth(0.25), torch.ones(4000, 2, 3)
    found = skipping.train()(x)
    assert found.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert torch.equal(found[:, 0, 0], found.amin((1, 2)))
    assert found.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(skipping.eval()(x), x)


def test_convnext_skips_deeper_blocks_more_often():
    with torch.device("meta"):
        model = create_model("convnext3d", 2, SHAPE, stochastic_depth=0.22)
    rates = [m.skipped for m in model.modules() if isinstance(m, StochasticDepth)]
    assert rates == pytest.approx([0.02 * i for i in range(12)])


def test_convnexts_stem_fits_the_cuboid():
    def strides(shape):
        with torch.device("meta"):
            model = create_model("convnext3d", 2, shape)
        return [m.stride for m in model.modules() if isinstance(m, nn.Conv3d) and m.groups == 1]

    assert strides(SHAPE) == [(2, 4, 4), (1, 2, 2), (2, 2, 2), (2, 1, 1)]
    assert strides((12, 25, 25)) == [(1, 2, 2), (1, 2, 2), (2, 2, 2), (2, 1, 1)]


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("efficientnet3d", {"variant": "b4"}, "variant is 'b4'; choose one of b0, b1, b2, b3"),
        ("efficientnet3d", {"variant": 0}, "variant is 0"),
        ("efficientnet3d_attention", {"width": 0.05}, "width is 0.05; give a number from 0.1 to 4"),
        ("efficientnet3d", {"width": float("nan")}, "width is nan"),
        ("mobilenet3d", {"width": True}, "width is True"),
        ("mobilenet3d", {"width": "1"}, "width is '1'"),
        ("mobilenet3d", {"size": "tiny"}, "size is 'tiny'; choose one of small, large"),
        ("densenet3d", {"depth": 120}, "depth is 120; choose one of tiny, 121, 169"),
        ("densenet3d", {"depth": [121]}, "depth is"),
        ("densenet3d", {"growth_rate": 2}, "growth_rate is 2"),
        ("convnext3d", {"size": "huge"}, "size is 'huge'; choose one of atto, femto, tiny"),
        ("convnext3d", {"stochastic_depth": 1.0}, "stochastic_depth is 1.0"),
        ("convnext3d", {"planes_as_channels": 1}, "planes_as_channels is 1; give true or false"),
        ("mobilenet3d", {"shape": (20, 2, 50)}, r"too small for mobilenet3d.*\[1, 3, 3\]"),
        ("densenet3d", {"shape": (20, 50, 2)}, r"too small for densenet3d.*\[1, 3, 3\]"),
    ],
)
def test_what_cannot_be_built_is_refused(name, change, message):
    change = dict(change)
    with pytest.raises(InputError, match=message):
        create_model(name, 2, change.pop("shape", SHAPE), **change)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_arms_can_be_built(name):
    arm = ARMS[name]
    with torch.device("meta"):
        model = create_model(arm["architecture"], 2, (12, 25, 25), **arm.get("options", {}))
        assert model(torch.zeros(2, 2, 12, 25, 25)).shape == (2, 2)
