"""What learns and what is frozen, layer group by layer group, and how fast."""

import numpy as np
import pytest

import minidl
import minidl.functional as F
from minidl import Tensor, models, nn
from minidl.autograd import observe
from minidl.optim import SGD
from minidl.train.transfer import (
    find_head,
    freeze,
    freeze_to,
    layer_groups,
    param_groups,
    replace_head,
    unfreeze,
)
from tests.train.test_transfer_head import WITHOUT_HEAD


def names(name: str, **options: object) -> list[str]:
    with minidl.shapes_only():
        return [group.name for group in layer_groups(models.create(name, **options))]


@pytest.mark.parametrize("name", models.list_models())
def test_groups_hold_every_parameter_once_and_the_head_comes_last(name: str) -> None:
    with minidl.shapes_only():
        model = models.create_small(name)
        groups = layer_groups(model)
    ours = [id(parameter) for group in groups for parameter in group.parameters]
    assert len(groups) >= 4
    assert sorted(ours) == sorted(id(parameter) for parameter in model.parameters())
    if name not in WITHOUT_HEAD:
        head = find_head(model)
        auxiliary = [name for name, _ in model.named_children() if name.lower().startswith("aux")]
        last = {id(parameter) for parameter in groups[-1].parameters}
        expected = [
            head.layer,
            *(n for _, n in head.norms),
            *(getattr(model, a) for a in auxiliary),
        ]
        assert last == {id(p) for module in expected for p in module.parameters()}


def test_groups_are_what_one_would_name() -> None:
    assert names("resnet50") == ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert names("lenet5") == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert names("vgg11")[-4:] == ["features.18", "classifier.0", "classifier.3", "classifier.6"]
    assert names("vit_tiny") == ["patch_embed", *(f"blocks.{k}" for k in range(12)), "head"]
    assert names("googlenet")[-2:] == ["inception5b", "fc"]
    assert names("nin")[-2:] == ["mlpconv3.cccp1", "mlpconv3.cccp2"]
    assert names("densenet121")[:2] == ["features.conv0", "features.denseblock1"]


def test_norms_stand_with_the_layer_before_and_loose_parameters_with_the_input() -> None:
    with minidl.shapes_only():
        resnet, vit = models.create("resnet20"), models.create_small("vit_tiny")
    assert layer_groups(resnet)[0].modules == [resnet.conv1, resnet.bn1]
    loose = layer_groups(vit)[0].loose
    assert {id(p) for p in loose} == {id(vit.cls_token), id(vit.pos_embed)}


class Scaled(nn.Module):
    """A head with a parameter beside it."""

    def __init__(self) -> None:
        self.scale = nn.Parameter(np.ones(4, np.float32))
        self.fc = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x * self.scale)


def test_a_parameter_beside_the_head_learns_with_it() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), Scaled())
    groups = layer_groups(model)
    assert [group.name for group in groups] == ["0", "2.fc"]
    assert groups[1].loose == [model[2].scale]
    freeze_to(model, 1)
    assert model[2].scale.requires_grad
    assert not model[0].weight.requires_grad


def test_a_model_without_parameters_has_no_groups() -> None:
    with pytest.raises(ValueError, match="Sequential has no layers that could learn"):
        layer_groups(nn.Sequential(nn.ReLU()))


# ---------------------------------------------------------------------------------- freezing


def learning(model: nn.Module) -> set[str]:
    return {name.partition(".")[0] for name, p in model.named_parameters() if p.requires_grad}


def test_freeze_to_counts_from_the_head() -> None:
    model = models.create("resnet8")
    groups = freeze_to(model, 2)
    assert [group.name for group in groups] == ["layer3", "linear"]
    assert learning(model) == {"layer3", "linear"}
    freeze_to(model, 1)
    assert learning(model) == {"linear"}
    freeze_to(model, 5)
    assert learning(model) == {"conv1", "bn1", "layer1", "layer2", "layer3", "linear"}
    assert not any(module.frozen for module in model.modules())


@pytest.mark.parametrize("n", [0, -2, 6])
def test_freeze_to_names_the_groups(n: int) -> None:
    model = models.create("resnet8")
    with pytest.raises(ValueError, match=rf"to 5 \(all\), not {n}; .*conv1, layer1, .*linear"):
        freeze_to(model, n)
    assert len(learning(model)) == 6


def test_a_frozen_transformer_freezes_its_token_too() -> None:
    model = models.create_small("vit_tiny")
    freeze_to(model, 1)
    assert learning(model) == {"head"}


def test_freeze_by_pattern() -> None:
    model = models.create("resnet8")
    assert freeze(model, "layer[12]") == ["layer1", "layer2"]
    assert learning(model) == {"conv1", "bn1", "layer3", "linear"}
    assert unfreeze(model, "*.bn?") == [f"layer{k}.0.bn{j}" for k in (1, 2, 3) for j in (1, 2)]
    assert model.layer1[0].bn1.weight.requires_grad
    assert not model.layer1[0].bn1.frozen
    assert not model.layer1[0].conv1.weight.requires_grad
    assert freeze(model, "*.bias") == [
        name for name, _ in model.named_parameters() if name.endswith("bias") and name != "bias"
    ]
    assert not model.linear.bias.requires_grad
    assert model.linear.weight.requires_grad
    with pytest.raises(
        ValueError, match=r"no layer or parameter of ResNetCIFAR matches 'layr1'.*laye"
    ):
        freeze(model, "layr1")


def test_a_frozen_norm_keeps_its_statistics_in_training() -> None:
    minidl.manual_seed(0)
    x = np.random.default_rng(0).normal(3, 2, (16, 1, 8, 8)).astype(np.float32)
    model = models.create("resnet8")
    freeze_to(model, 2)
    before = model.state_dict()
    model.train()
    frozen, moving = model.layer1[0].bn1, model.layer3[0].bn1
    assert frozen.training
    assert frozen.frozen
    model(x)
    after = model.state_dict()
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    for name in after:
        if name.endswith(statistics):
            kept = np.array_equal(after[name], before[name])
            assert kept == (not name.startswith("layer3")), name
    assert int(moving.num_batches_tracked) == 1
    maps = np.random.default_rng(1).normal(3, 2, (4, 16, 5, 5)).astype(np.float32)
    in_training = frozen(maps).data
    np.testing.assert_array_equal(in_training, frozen.eval()(maps).data)
    assert not np.allclose(in_training, frozen.unfreeze().train()(maps).data)


def test_frozen_instance_norms_and_running_averages_do_not_move() -> None:
    x = np.random.default_rng(0).normal(3, 2, (4, 2, 3, 3)).astype(np.float32)
    for norm in (
        nn.InstanceNorm2d(2, track_running_stats=True),
        nn.BatchNorm2d(2, momentum=None, affine=False),
    ):
        norm.freeze().train()
        norm(x)
        np.testing.assert_array_equal(norm.running_mean, 0)
        norm.unfreeze()
        norm(x)
        assert np.abs(norm.running_mean).min() > 0.1


def test_a_frozen_norm_without_statistics_goes_by_the_batch() -> None:
    x = np.random.default_rng(0).normal(3, 2, (8, 2, 3, 3)).astype(np.float32)
    norm = nn.BatchNorm2d(2, track_running_stats=False).freeze()
    np.testing.assert_allclose(norm(x).data.mean(axis=(0, 2, 3)), 0, atol=1e-5)


def test_nothing_below_the_lowest_learning_layer_is_kept_or_computed() -> None:
    x = np.random.default_rng(0).normal(0, 1, (4, 1, 8, 8)).astype(np.float32)
    model = models.create("resnet8")
    freeze_to(model, 2)
    outputs: dict[str, Tensor] = {}
    for name, module in model.named_children():
        module.register_forward_hook(lambda m, i, y, name=name: outputs.__setitem__(name, y))
    backward: list[str] = []

    def watch(op: object, direction: str, seconds: float) -> None:
        if direction == "backward":
            backward.append(type(op).__name__)

    with observe(watch):
        loss = F.cross_entropy(model(x), np.array([0, 1, 2, 3]))
        assert outputs["layer2"].op is None, "no op, so nothing saved"
        assert not outputs["layer2"].requires_grad
        assert outputs["layer3"].op is not None
        loss.backward()
    whole = models.create("resnet8")
    learned = len(backward)
    backward.clear()
    with observe(watch):
        F.cross_entropy(whole(x), np.array([0, 1, 2, 3])).backward()
    assert 0 < learned < len(backward) / 1.8
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == name.startswith(("layer3", "linear")), name


# ---------------------------------------------------------------------------- learning rates


def rate_of(model: nn.Module, groups: list[dict], name: str) -> float:
    wanted = dict(model.named_parameters())[name]
    (rate,) = {g["lr"] for g in groups if any(p is wanted for p in g["params"])}
    return rate


def test_rates_grow_geometrically_from_the_input_to_the_head() -> None:
    model = models.create("resnet8")  # conv1, layer1, layer2, layer3, linear
    groups = param_groups(model, slice(1e-4, 1e-2), weight_decay=0.1)
    layers = ["conv1.weight", "layer1.0.conv1.weight", "layer2.0.conv1.weight"]
    layers += ["layer3.0.conv1.weight", "linear.weight"]
    rates = [rate_of(model, groups, name) for name in layers]
    expected = [1e-4, 1e-4 * 10**0.5, 1e-3, 1e-3 * 10**0.5, 1e-2]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))


def test_an_open_slice_is_a_tenth_for_all_but_the_head() -> None:
    model = models.create("resnet8")
    groups = param_groups(model, slice(1e-2))
    assert rate_of(model, groups, "linear.bias") == 1e-2
    assert {g["lr"] for g in groups} == {1e-2, 1e-3}
    assert rate_of(model, groups, "layer3.0.conv2.weight") == 1e-3
    assert {g["lr"] for g in param_groups(model, 0.3)} == {0.3}


def test_norms_and_biases_do_not_decay_unless_told() -> None:
    model = models.create("resnet8")
    for group in param_groups(model, 0.1, weight_decay=0.5):
        assert {p.ndim >= 2 for p in group["params"]} == {group["weight_decay"] == 0.5}
    groups = param_groups(model, 0.1, weight_decay=0.5, decay_all=True)
    assert [g["weight_decay"] for g in groups] == [0.5] * 5


def test_frozen_groups_are_left_out_and_do_not_change_the_rates() -> None:
    model = models.create("resnet8")
    whole = param_groups(model, slice(1e-4, 1e-2))
    freeze_to(model, 2)
    some = param_groups(model, slice(1e-4, 1e-2))
    for name in ("layer3.0.conv1.weight", "linear.weight"):
        assert rate_of(model, some, name) == rate_of(model, whole, name)
    learn = sum(p.requires_grad for p in model.parameters())
    assert sum(len(g["params"]) for g in some) == learn
    SGD(some, momentum=0.9)
    with pytest.raises(ValueError, match=r"all of ResNetCIFAR is frozen.*freeze_to\(model, 1\)"):
        param_groups(model.freeze(), 0.1)


@pytest.mark.parametrize("lr", [0, -1e-3, slice(0, 1e-3), slice(1e-3, float("nan")), float("nan")])
def test_rates_must_be_above_zero(lr: float | slice) -> None:
    with pytest.raises(
        ValueError, match=r"learning rates must be above 0, got .*slice\(3e-5, 3e-4\)"
    ):
        param_groups(models.create("resnet8"), lr)


def test_one_group_alone_takes_the_highest_rate() -> None:
    model = nn.Sequential(nn.Linear(2, 2))
    assert [g["lr"] for g in param_groups(model, slice(1e-4, 1e-2))] == [1e-2, 1e-2]
    replace_head(model, 3)
    assert model(np.ones((1, 2), np.float32)).shape == (1, 3)
