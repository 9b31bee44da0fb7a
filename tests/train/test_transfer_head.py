"""A new head for every architecture of the list, and what is said where there is none."""

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.models.nin import NIN
from minidl.train.transfer import HeadError, find_head, replace_head

WITHOUT_HEAD = {"capsnet", "conv_autoencoder", "siamese", "siamese_digits", "unet"}
WITH_HEAD = [name for name in models.list_models() if name not in WITHOUT_HEAD]


def images(name: str, count: int = 2) -> np.ndarray:
    entry = models.entry(name)
    shape = entry.small.input_shape if entry.small else entry.input_shape
    return np.zeros((count, *shape), np.float32)


@pytest.mark.parametrize("name", WITH_HEAD)
def test_every_classifier_gets_a_new_head(name: str) -> None:
    with minidl.shapes_only():
        model = models.create_small(name)
        before = {key: array.shape for key, array in model.state_dict().items()}
        head = find_head(model)
        replaced = replace_head(model, 7)
        after = {key: array.shape for key, array in model.state_dict().items()}
        assert model.eval()(images(name)).shape == (2, 7)
    assert replaced == head.name == find_head(model).name
    assert list(after) == list(before), "no key comes, goes or moves"
    changed = {key for key in after if after[key] != before[key]}
    behind = {name for name, _ in head.norms}
    assert {key.rpartition(".")[0] for key in changed if not key.startswith(("aux", "Aux"))} == {
        replaced,
        *behind,
    }


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_get_as_many_classes(name: str) -> None:
    with minidl.shapes_only():
        model = models.create_small(name)
        replace_head(model, 7)
        outputs = model.train()(images(name))
    assert len(outputs) > 1
    assert {output.shape for output in outputs} == {(2, 7)}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("capsnet", "CapsNet has no head to replace: its classes are capsules"),
        ("conv_autoencoder", r"knows no classes. model.encode\(x\) are its features"),
        ("siamese", r"knows no classes. model.embed\(x\) are its features"),
        ("unet", "classifies pixels, not images"),
    ],
)
def test_models_without_a_head_say_what_to_do_instead(name: str, advice: str) -> None:
    with minidl.shapes_only():
        model = models.create_small(name)
    with pytest.raises(HeadError, match=advice):
        replace_head(model, 7)


def test_the_new_layer_is_of_the_old_ones_kind_and_learns() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Flatten(), nn.Linear(8, 4, bias=False)).astype(
        np.float64
    )
    old = model[2]
    assert replace_head(model.freeze(), 6) == "2"
    new = model[2]
    assert new is not old
    assert new.weight.shape == (6, 8)
    assert new.bias is None
    assert new.weight.dtype == np.float64
    assert new.weight.requires_grad
    assert not model[0].weight.requires_grad


def test_a_head_of_pixels_brings_its_norm_along() -> None:
    model = NIN(num_classes=10, width=0.25, batch_norm=True)
    assert replace_head(model, 7) == "mlpconv3.cccp2"
    norm = model.mlpconv3.norm3
    assert type(norm) is nn.BatchNormReLU2d
    assert norm.num_features == norm.running_mean.size == 7
    assert model(np.ones((2, 3, 8, 8), np.float32)).shape == (2, 7)


def test_more_fully_connected_layers_start_anew() -> None:
    model = models.create("lenet5")
    before = model.state_dict()
    assert replace_head(model, 4, layers=2) == "fc3"
    after = model.state_dict()
    same = {key for key in after if np.array_equal(after[key], before[key])}
    assert {key.partition(".")[0] for key in same} == {"conv1", "conv2", "fc1"}
    assert after["fc2.weight"].shape == before["fc2.weight"].shape


def test_layers_and_classes_are_counted_from_one() -> None:
    model = models.create("lenet5")
    with pytest.raises(HeadError, match=r"LeNet5 ends in 3 linear layer\(s\), so layers=4 cannot"):
        replace_head(model, 4, layers=4)
    with pytest.raises(ValueError, match="layers counts the head, so it is at least 1, not 0"):
        replace_head(model, 4, layers=0)
    with pytest.raises(ValueError, match="num_classes must be at least 1, not 0"):
        replace_head(model, 0)
    assert find_head(model).layer.out_features == 10


def test_another_last_layer_is_named() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Conv2d(4, 2, 3))
    with pytest.raises(
        HeadError, match=r"its last layer with weights is 1, Conv2d\(4, 2, .*by hand"
    ):
        find_head(model)
    with pytest.raises(HeadError, match="it has no linear layer and no convolution"):
        find_head(nn.Sequential(nn.ReLU()))
