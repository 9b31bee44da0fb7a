"""Which parameters of a model decay."""

from minidl import nn
from minidl.optim import AdamW, decay_groups


def test_weights_decay_and_norms_and_biases_do_not() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(36, 2))
    weights, others = decay_groups(model.parameters(), 0.05)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert [names[id(p)] for p in weights["params"]] == ["0.weight", "3.weight"]
    assert [names[id(p)] for p in others["params"]] == ["0.bias", "1.weight", "1.bias", "3.bias"]
    assert weights["weight_decay"] == 0.05
    assert others["weight_decay"] == 0.0


def test_optimisers_take_the_groups() -> None:
    layer = nn.Linear(3, 2)
    optimizer = AdamW(decay_groups(layer.parameters(), 0.05), lr=0.1)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.05, 0.0]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1]


def test_an_empty_group_is_left_out() -> None:
    (group,) = decay_groups(nn.Linear(3, 2, bias=False).parameters(), 0.05)
    assert group["weight_decay"] == 0.05
    (group,) = decay_groups(nn.BatchNorm2d(3).parameters(), 0.05)
    assert group["weight_decay"] == 0.0
    assert decay_groups([], 0.05) == []
