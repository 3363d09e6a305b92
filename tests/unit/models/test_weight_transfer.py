"""A network starts from the weights it was given, all or the backbone, or is left as it was."""

import pytest
import torch
from smallest_networks import OPTIONS, WITHOUT_WEIGHTS, network
from synthetic_cuboids import SHAPE

from cellsift.errors import InputError
from cellsift.models import create_model, list_models, model_options
from cellsift.models.backbone import (
    backbone_parameters,
    check_backbone,
    features,
    head_parameters,
    head_tensors,
)
from cellsift.models.weight_transfer import start_from

FLAT = [
    name
    for name in OPTIONS
    if "planes_as_channels" in model_options(name) and name != "efficientnet3d_attention"
]
CASES = [(name, False) for name in OPTIONS] + [(name, True) for name in FLAT]


def snapshot(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(first, second, names) -> bool:
    return all(torch.equal(first[name], second[name]) for name in names)


def test_every_architecture_is_tried():
    assert set(OPTIONS) | WITHOUT_WEIGHTS == set(list_models())


@pytest.mark.parametrize(("name", "flat"), CASES)
def test_the_head_alone_gives_the_logits(name, flat):
    """With zeros for its head a network answers the same to everything."""
    model = network(name, flat).eval()
    of_head, of_backbone = head_parameters(model), backbone_parameters(model)
    assert of_head
    assert of_backbone
    assert {id(p) for p in of_head} | {id(p) for p in of_backbone} == set(
        map(id, model.parameters())
    )
    assert len(of_head) + len(of_backbone) == len(list(model.parameters()))
    assert sum(p.numel() for p in of_head) < sum(p.numel() for p in of_backbone)
    inputs = torch.randn(3, 2, *SHAPE)
    assert features(model, inputs).ndim == 2
    with torch.no_grad():
        for parameter in of_head:
            parameter.zero_()
        assert torch.unique(model(inputs)[:, 0]).numel() == 1


@pytest.mark.parametrize(("name", "flat"), CASES)
def test_all_weights_give_the_same_logits(name, flat):
    source, model = network(name, flat).eval(), network(name, flat, seed=1).eval()
    start_from(model, source.state_dict(), "all")
    inputs = torch.randn(3, 2, *SHAPE)
    with torch.no_grad():
        assert torch.equal(model(inputs), source(inputs))


@pytest.mark.parametrize(("name", "flat"), CASES)
def test_the_backbone_gives_the_same_features_and_leaves_the_head(name, flat):
    source, model = network(name, flat).eval(), network(name, flat, seed=1).eval()
    before, of_head = snapshot(model), head_tensors(model)
    backbone = {n: t for n, t in source.state_dict().items() if n not in of_head}
    start_from(model, backbone, "backbone")
    assert equal(before, model.state_dict(), of_head)
    assert equal(source.state_dict(), model.state_dict(), backbone)
    inputs = torch.randn(3, 2, *SHAPE)
    with torch.no_grad():
        assert torch.equal(features(model, inputs), features(source, inputs))
        assert not torch.equal(model(inputs), source(inputs))


@pytest.mark.parametrize(("name", "flat"), CASES)
def test_the_features_reach_every_weight_of_the_backbone(name, flat):
    model = network(name, flat).train()
    features(model, torch.randn(4, 2, *SHAPE)).square().sum().backward()
    assert all(p.grad is None for p in head_parameters(model))
    assert all(p.grad is not None for p in backbone_parameters(model))
    assert not model.get_submodule(model.heads[0])._forward_pre_hooks


@pytest.mark.parametrize("parts", ["all", "backbone"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("stem.conv.weight"), r"1 missing \(stem.conv.weight\)"),
        (lambda t: t.update({"stem.conv.weight": torch.zeros(3)}), r"stem.conv.weight is \[3\]"),
        (lambda t: t["stem.conv.weight"].fill_(torch.nan), r"1 not finite \(stem.conv.weight\)"),
        (lambda t: t.update({"stem.more": torch.zeros(3)}), r"not known.*\(stem.more\)"),
        (
            lambda t: t.update({"stem.norm.num_batches_tracked": torch.tensor(0.5)}),
            "num_batches_tracked is .* numbers, not .* whole numbers",
        ),
    ],
    ids=["missing", "shape", "nan", "unknown", "kind"],
)
def test_what_does_not_fit_is_named_and_changes_nothing(change, message, parts):
    model = network("resnet")
    before, tensors = snapshot(model), snapshot(network("resnet", seed=1))
    change(tensors)
    with pytest.raises(InputError, match=message):
        start_from(model, tensors, parts)
    assert equal(before, model.state_dict(), before)


def test_a_backbone_is_not_taken_for_a_whole_network():
    model, tensors = network("resnet"), snapshot(network("resnet", seed=1))
    for name in head_tensors(model):
        del tensors[name]
    with pytest.raises(InputError, match="without fully_connected.weight.*backbone only"):
        start_from(model, tensors, "all")


def test_half_precision_is_taken_over_and_memory_order_stays():
    model = network("resnet").to(memory_format=torch.channels_last_3d)
    tensors = {n: t.half() if t.is_floating_point() else t for n, t in snapshot(model).items()}
    start_from(model, tensors)
    assert model.stem.conv.weight.dtype == torch.float32
    assert model.stem.conv.weight.is_contiguous(memory_format=torch.channels_last_3d)


def test_other_parts_and_networks_without_weights_are_refused():
    model = network("resnet")
    with pytest.raises(InputError, match="parts to start from is 'head'; choose one of all, back"):
        start_from(model, model.state_dict(), "head")
    trees = create_model("features", 2, SHAPE)
    with pytest.raises(InputError, match="no weights that are learnt by steps"):
        start_from(trees, trees.state_dict())
    with pytest.raises(InputError, match="'features' has no weights"):
        check_backbone("features", trees)
