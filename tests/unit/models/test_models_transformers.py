"""Vision, distilled and Swin transformers: tokens, attention, heads and windows as published."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cellsift.errors import InputError
from cellsift.models import create_model
from cellsift.models.layers.patch_encoder import Block, PatchEncoder, StochasticDepth, patch_for

SHAPES = [(20, 50, 50), (12, 25, 25), (13, 31, 27), (4, 25, 25)]
SMALL = {
    "vit3d": {"width": 24, "depth": 2},
    "deit3d": {"width": 24, "depth": 2},
    "swin3d": {"width": 6, "patch_size": (2, 4, 4), "window": (2, 3, 3)},
}


def small(name: str, shape=(12, 25, 25), channels=2, **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, channels, shape, **SMALL[name] | options)


def encoder(shape=(13, 31, 27), **options) -> PatchEncoder:
    torch.manual_seed(0)
    return PatchEncoder(2, shape, None, 24, 3, 3, **options).eval()


def cuboids(shape=(12, 25, 25), count=3, channels=2) -> torch.Tensor:
    return torch.randn(count, channels, *shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("planes_as_channels", [False, True])
@pytest.mark.parametrize("shape", [(13, 31, 27), (4, 25, 25), (1, 25, 26)])
def test_networks_give_two_logits_and_a_map_at_every_shape(name, planes_as_channels, shape):
    model, maps = small(name, shape, planes_as_channels=planes_as_channels), []
    model.gradcam_layer.register_forward_hook(lambda *call: maps.append(call[2]))
    assert model(cuboids(shape)).shape == (3, 2)
    assert maps[0].ndim == (4 if planes_as_channels or shape[0] == 1 else 5)
    assert min(maps[0].shape[-2:]) >= 3


# Patches and tokens


@pytest.mark.parametrize(
    ("shape", "patch"),
    [
        ((20, 50, 50), (5, 10, 10)),
        ((12, 25, 25), (3, 5, 5)),
        ((13, 31, 27), (4, 7, 6)),
        ((40, 100, 100), (5, 10, 10)),
        ((1, 25, 25), (1, 5, 5)),
    ],
)
def test_patches_are_chosen_from_the_cuboid(shape, patch):
    assert patch_for(shape) == patch


def test_parameters_and_tokens_of_the_tiny_network_are_those_of_vit():
    with torch.device("meta"):
        tiny = create_model("vit3d", 2, (20, 50, 50))
    assert tiny.encoder.grid == (4, 5, 5)
    per_block = 12 * 192**2 + 13 * 192
    embedding = 1000 * 192 + 192 + (100 + 1) * 192
    assert sum(p.numel() for p in tiny.parameters()) == (
        12 * per_block + embedding + 2 * 192 + 2 * 192 + 2
    )


def test_patches_are_voxels_in_order():
    shape = (8, 15, 20)
    x = cuboids(shape, channels=2)
    model = encoder(shape)
    assert model.patch_size == (2, 3, 4)
    patches = model.patches(x)
    assert patches.shape == (3, 4 * 5 * 5, 2 * 2 * 3 * 4)
    z, y, x_ = 1, 2, 3
    expected = x[1, :, 2:4, 6:9, 12:16].flatten()
    assert torch.equal(patches[1, (z * 5 + y) * 5 + x_], expected)


def test_embedding_patches_equals_a_convolution():
    shape, model = (8, 15, 20), encoder((8, 15, 20))
    x = cuboids(shape)
    weight = model.embedding.weight.unflatten(1, (2, *model.patch_size))
    expected = F.conv3d(x, weight, model.embedding.bias, stride=model.patch_size)
    tokens = model.tokens(x)[:, 1:] - model.positions
    torch.testing.assert_close(tokens, expected.flatten(2).transpose(1, 2), atol=1e-5, rtol=0)


def test_padding_keeps_the_cell_in_the_middle():
    model = encoder((13, 31, 27))
    x = torch.zeros(1, 2, 13, 31, 27)
    x[:, :, :, 15, 13] = 1
    columns = model.patches(x)[0].sum(dim=1).nonzero().flatten().tolist()
    assert columns == [(z * 5 + 2) * 5 + 2 for z in range(4)]
    ones = model.patches(torch.ones(1, 2, 13, 31, 27)).sum(dim=2).unflatten(1, model.grid)
    assert ones.sum() == 2 * 13 * 31 * 27
    assert ones[0, 0].sum() < ones[0, 1].sum() > ones[0, 3].sum()


def test_kept_patches_have_the_tokens_they_have_among_all():
    model, x = encoder(), cuboids((13, 31, 27))
    keep = torch.stack([torch.randperm(100)[:25] for _ in range(3)])
    tokens, kept = model.tokens(x), model.tokens(x, keep)
    assert kept.shape == (3, 1 + 25, 24)
    torch.testing.assert_close(kept[:, 0], tokens[:, 0])
    for sample in range(3):
        torch.testing.assert_close(kept[sample, 1:], tokens[sample, 1 + keep[sample]])


def test_what_is_not_kept_does_not_matter():
    model, x = encoder(), cuboids((13, 31, 27)).requires_grad_()
    keep = torch.tensor([[3, 57], [3, 57], [3, 57]])
    model(x, keep).sum().backward()
    touched = model.patches(x.grad).abs().sum(dim=(0, 2)).nonzero().flatten()
    assert touched.tolist() == [3, 57]


def test_without_position_codes_the_order_of_the_patches_plays_no_part():
    model, x = encoder(), cuboids((13, 31, 27))
    shuffled = torch.randperm(100).expand(3, -1)
    moved = model.tokens(x, shuffled)
    moved[:, 1:] -= model.positions[shuffled] - model.positions
    assert (model.encode(moved)[:, 0] - model(x)[:, 0]).abs().max() > 1e-4
    nn.init.zeros_(model.positions)
    torch.testing.assert_close(model(x, shuffled)[:, 0], model(x)[:, 0], atol=1e-5, rtol=0)


# Blocks and attention


def test_a_block_is_the_pre_norm_block_of_torch():
    torch.manual_seed(0)
    ours = Block(24, 3, 0.0, 0.0).eval()
    theirs = nn.TransformerEncoderLayer(
        24, 3, 96, 0.0, "gelu", batch_first=True, norm_first=True
    ).eval()
    pairs = {
        "self_attn.in_proj_": ours.attention.query_key_value,
        "self_attn.out_proj.": ours.attention.project,
        "linear1.": ours.network[0],
        "linear2.": ours.network[3],
        "norm1.": ours.norm_a,
        "norm2.": ours.norm_b,
    }
    weights = {
        name + kind: getattr(layer, kind)
        for name, layer in pairs.items()
        for kind in ("weight", "bias")
    }
    theirs.load_state_dict(weights)
    x = torch.randn(2, 7, 24)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=0)


def test_stochastic_depth_drops_whole_cuboids_and_keeps_the_mean():
    torch.manual_seed(0)
    skip = StochasticDepth(0.25)
    x = torch.ones(4000, 3, 2)
    out = skip(x)
    per_cuboid = out.flatten(1)
    assert torch.equal(per_cuboid.amin(dim=1), per_cuboid.amax(dim=1))
    assert abs(per_cuboid.mean() - 1) < 0.05
    assert abs((per_cuboid[:, 0] == 0).float().mean() - 0.25) < 0.03
    assert torch.equal(skip.eval()(x), x)
    shares = [block.skip.share for block in encoder(stochastic_depth=0.1).blocks]
    assert shares == pytest.approx([0, 0.05, 0.1])


def test_attention_maps_are_what_the_blocks_pay():
    model, x = small("vit3d").eval(), cuboids()
    maps = model.attention_maps(x)
    assert maps.shape == (3, 2, 3, 101, 101)
    torch.testing.assert_close(maps.sum(dim=-1), torch.ones(3, 2, 3, 101))
    block = model.encoder.blocks[0]
    tokens = block.norm_a(model.encoder.tokens(x))
    values = block.attention._split(tokens)[2]
    attended = block.attention.project((maps[:, 0] @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(block.attention(tokens), attended, atol=1e-5, rtol=0)


def test_rollout_is_one_share_per_patch():
    shape = (13, 31, 27)
    model, x = small("vit3d", shape).eval(), cuboids(shape)
    with torch.no_grad():
        rollout = model.attention_rollout(x)
    assert rollout.shape == (3, *shape)
    assert (rollout > 0).all()
    patches = model.encoder.patches(rollout[:, None].expand(-1, 2, *shape))
    assert (patches.amax(dim=2).sum(dim=1) < 1).all()
    maps = model.attention_maps(x).mean(dim=2)
    eye = torch.eye(101)
    expected = ((maps[:, 1] + eye) / 2 @ ((maps[:, 0] + eye) / 2))[:, 0, 1:]
    torch.testing.assert_close(patches.amax(dim=2), expected)


def test_the_class_token_reads_the_patches_through_the_map():
    model, x = small("vit3d").eval(), cuboids()
    before = model(x)
    hook = model.gradcam_layer.register_forward_hook(lambda *call: torch.zeros_like(call[2]))
    assert not torch.allclose(model(x), before)
    hook.remove()
    maps = []
    model.gradcam_layer.register_forward_hook(lambda *call: maps.append(call[2]))
    model(x)
    assert maps[0].shape == (3, 24, 4, 5, 5)


# Distillation


def batch(teacher, targets=(0, 1, 1), weights=(1.0, 1.0)) -> SimpleNamespace:
    return SimpleNamespace(
        inputs=cuboids(),
        targets=torch.tensor(targets),
        weights=torch.tensor(weights),
        teacher=None if teacher is None else torch.tensor(teacher),
    )


TEACHER = ((2.0, 1.0), (-3.0, 4.0), (0.5, 0.0))


def head_gradients(model: nn.Module, of_batch) -> tuple[torch.Tensor, torch.Tensor]:
    model.zero_grad()
    model.loss(of_batch).backward()
    return model.class_head.weight.grad.clone(), model.teacher_head.weight.grad.clone()


def test_two_heads_make_one_answer():
    model = small("deit3d", stochastic_depth=0.0)
    of_class, of_teacher = model.both(cuboids())
    assert of_class.shape == of_teacher.shape == (3, 2)
    assert not torch.allclose(of_class, of_teacher)
    mean = (of_class.softmax(dim=1) + of_teacher.softmax(dim=1)) / 2
    for mode in (True, False):
        torch.testing.assert_close(model.train(mode)(cuboids()).softmax(dim=1), mean)


def test_the_answer_favours_what_the_mean_of_the_logits_favours():
    model, logits = small("deit3d"), 5 * torch.randn(2, 1000, 2)
    model.both = lambda x: tuple(logits)
    assert torch.equal(model(None).argmax(dim=1), logits.mean(dim=0).argmax(dim=1))


def test_the_loss_is_half_labels_and_half_the_teachers_decision():
    model = small("deit3d").eval()
    of_class, of_teacher = model.both(cuboids())
    weights = torch.tensor([1.0, 3.0])
    labels, decision = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])
    expected = F.cross_entropy(of_class, labels, weight=weights) / 2
    expected += F.cross_entropy(of_teacher, decision) / 2
    torch.testing.assert_close(model.loss(batch(TEACHER, weights=(1.0, 3.0))), expected)


def test_the_teachers_head_learns_nothing_from_the_labels():
    model = small("deit3d").eval()
    one = head_gradients(model, batch(TEACHER, (0, 1, 1), (1.0, 3.0)))
    other = head_gradients(model, batch(TEACHER, (1, 0, 0), (2.0, 1.0)))
    assert torch.equal(one[1], other[1])
    assert not torch.allclose(one[0], other[0])


def test_the_class_head_learns_nothing_from_the_teacher_and_only_its_decision_counts():
    model = small("deit3d").eval()
    doubtful = [[value / 10 for value in row] for row in TEACHER]
    contrary = [[-value for value in row] for row in TEACHER]
    one, sure, other = (head_gradients(model, batch(t)) for t in (TEACHER, doubtful, contrary))
    assert torch.equal(one[0], other[0])
    assert torch.equal(one[1], sure[1])
    assert not torch.allclose(one[1], other[1])


# Swin


@pytest.mark.parametrize("shape", [*SHAPES, (20, 15, 40)])
def test_stages_have_maps_that_are_halved_and_windows_that_fit(shape):
    model, sizes = small("swin3d", shape, patch_size=(1, 2, 2), window=(2, 3, 3)).eval(), []
    for stage in model.stages:
        stage.register_forward_hook(lambda *call: sizes.append(tuple(call[2].shape[2:])))
    model(cuboids(shape, count=1))
    assert sizes[0] == (shape[0], -(-shape[1] // 2), -(-shape[2] // 2))
    for before, after in zip(sizes[:-1], sizes[1:], strict=True):
        assert after == tuple((n + 1) // 2 for n in before)
    assert len(sizes) == (3 if shape == (20, 15, 40) else 4)
    assert min(sizes[-1][1:]) >= 2
    for stage, size in zip(model.stages, sizes, strict=True):
        for block in stage.blocks:
            assert block.attn.window_size == tuple(map(min, (2, 3, 3), size))
    chosen = list(model.stages).index(model.gradcam_layer)
    assert min(sizes[chosen]) >= 3
    assert chosen == 0 or min(sizes[chosen][1:]) >= 6
    assert all(size[0] < 3 or min(size[1:]) < 6 for size in sizes[chosen + 1 :])


def reached(stage: nn.Module, place: tuple[int, int, int], size, features=6) -> torch.Tensor:
    """Return which places of a map a place of the stage's output depends on."""
    torch.manual_seed(0)
    x = torch.randn(1, features, *size).requires_grad_()
    stage(x)[(0, slice(None), *place)].sum().backward()
    strength = x.grad[0].abs().sum(dim=0)
    return strength > 1e-9 * strength.max()  # what is masked off keeps a share of exp(-100)


def test_attention_stays_in_windows_that_the_second_block_shifts():
    from cellsift.models.classifiers.swin import Stage

    size, window = (4, 6, 6), (2, 3, 3)
    expected = torch.zeros(size, dtype=torch.bool)
    expected[0:2, 0:3, 0:3] = True
    stage = Stage(6, 3, size, window, [0.0]).eval()
    assert torch.equal(reached(stage, (1, 2, 2), size), expected)
    # The window shifted by (1, 1, 1) around this place has a corner in each of eight windows.
    stage = Stage(6, 3, size, window, [0.0, 0.0]).eval()
    assert reached(stage, (1, 2, 2), size).all()
    # Beyond the edge the shifted windows go on at the opposite one, which is masked off.
    assert torch.equal(reached(stage, (0, 0, 0), size), expected)


def test_equal_distances_have_equal_position_codes_also_in_a_small_map():
    from cellsift.models.classifiers.swin import Stage

    stage = Stage(6, 3, (2, 3, 4), (5, 7, 7), [0.0])
    attention = stage.blocks[0].attn
    assert attention.window_size == (2, 3, 4)
    places = torch.cartesian_prod(*map(torch.arange, (2, 3, 4)))
    distances = (places[:, None] - places).flatten(0, 1).tolist()
    codes = {}
    for distance, code in zip(
        map(tuple, distances), attention.relative_position_index.flatten().tolist(), strict=True
    ):
        codes.setdefault(distance, set()).add(code)
    assert all(len(of_distance) == 1 for of_distance in codes.values())
    assert len({code for of_distance in codes.values() for code in of_distance}) == len(codes)


def test_stages_are_monais(monkeypatch):
    from functorch.einops import rearrange
    from monai.networks.nets import swin_unetr

    # MONAI takes it from einops, which need not be installed; torch has it too.
    monkeypatch.setattr(swin_unetr, "rearrange", rearrange)
    shape, window, patch_size = (16, 32, 32), (2, 2, 2), (1, 2, 2)
    model = small("swin3d", shape, patch_size=patch_size, window=window).eval()
    theirs = swin_unetr.SwinTransformer(
        2,
        6,
        window,
        patch_size,
        (2, 2, 2, 2),
        (3, 6, 12, 24),
        patch_norm=True,
        downsample="mergingv2",
    ).eval()
    theirs.layers4[0].downsample = None
    names = {"patches.": "patch_embed."}
    for i in range(4):
        names[f"stages.{i}."] = f"layers{i + 1}.0."
        names[f"mergings.{i}."] = f"layers{i + 1}.0.downsample."
    weights = {
        next(
            new + key.removeprefix(old) for old, new in names.items() if key.startswith(old)
        ): value
        for key, value in model.state_dict().items()
        if not key.startswith(("norm.", "fully_connected."))
    }
    theirs.load_state_dict(weights)
    x, ours = cuboids(shape), []
    model.stages[3].register_forward_hook(lambda *call: ours.append(call[2]))
    model(x)
    expected = theirs(x, normalize=False)[-1]
    torch.testing.assert_close(ours[0], expected, atol=1e-5, rtol=0)


def test_masks_are_not_stored():
    model = small("swin3d", (13, 31, 27), patch_size=(1, 2, 2))
    assert not any("mask" in name for name in model.state_dict())


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("vit3d", {"size": "huge"}, "size is 'huge'; choose one of tiny, small, base"),
        ("vit3d", {"width": 25}, "width 25 is not a multiple of heads 3"),
        ("vit3d", {"depth": 0}, "depth is 0"),
        ("deit3d", {"heads": 2.5}, "heads is 2.5"),
        ("vit3d", {"patch_size": 5}, "patch_size is 5; give three numbers"),
        ("vit3d", {"patch_size": [5, 10]}, "give three numbers: z, y, x"),
        ("vit3d", {"patch_size": [5, 0, 10]}, "patch_size along y is 0"),
        ("deit3d", {"patch_size": [5, 10, 25]}, "fewer than 3 along y or x"),
        ("vit3d", {"dropout": 1.0}, "dropout is 1.0"),
        ("vit3d", {"stochastic_depth": -0.1}, "stochastic_depth is -0.1"),
        ("vit3d", {"shape": (5, 2, 9)}, "fewer than 3 along y or x"),
        ("swin3d", {"width": 20}, "width is 20; give a multiple of 3"),
        ("swin3d", {"window": 7}, "window is 7; give three numbers"),
        ("swin3d", {"patch_size": [2, 2, True]}, "patch_size along x is True"),
        ("swin3d", {"shape": (5, 4, 9)}, r"\[5, 4, 9\].*too small.*least is \[1, 9, 9\]"),
    ],
)
def test_what_cannot_be_built_is_refused(name, change, message):
    options = dict(change)
    shape = options.pop("shape", (20, 50, 50))
    with pytest.raises(InputError, match=message):
        small(name, shape, **options)
