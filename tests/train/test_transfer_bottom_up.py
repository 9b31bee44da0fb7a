"""Weights that load from the input upwards and stop where they no longer fit."""

import numpy as np
import pytest

import minidl
from minidl import models, nn
from minidl.train.transfer import load_from_the_bottom


def resnet(seed: int, **options: int) -> nn.Module:
    minidl.manual_seed(seed)
    return models.create("resnet8", **options)


def changed(model: nn.Module, before: dict[str, np.ndarray]) -> set[str]:
    after = model.state_dict()
    return {name for name in after if not np.array_equal(after[name], before[name])}


def test_all_but_the_head_for_other_classes(capsys: pytest.CaptureFixture[str]) -> None:
    old, new = resnet(0), resnet(1, num_classes=5)
    state, before = old.state_dict(), new.state_dict()
    report = load_from_the_bottom(new, state)
    after = new.state_dict()
    assert report.loaded[0] == "conv1"
    assert report.loaded[-1] == "layer3.0.bn2"
    assert report.stopped_by == "linear"
    assert report.new == ("linear",)
    assert report.reason == (
        "weight is (5, 64) in the model and (10, 64) in the state, "
        "bias is (5,) in the model and (10,) in the state"
    )
    for name in after:
        expected = before if name.startswith("linear") else state
        np.testing.assert_array_equal(after[name], expected[name])
    assert capsys.readouterr().out == (
        "ResNetCIFAR: 14 layers loaded from the bottom, conv1 to layer3.0.bn2\n"
        "  stopped by linear: weight is (5, 64) in the model and (10, 64) in the state, "
        "bias is (5,) in the model and (10,) in the state\n"
        "  kept from the model (1): linear\n"
    )


def test_what_fits_above_a_misfit_stays_new(capsys: pytest.CaptureFixture[str]) -> None:
    state = resnet(0).state_dict()
    del state["layer2.0.bn1.running_var"]  # the layer's other arrays fit
    model = resnet(1)
    before = model.state_dict()
    report = load_from_the_bottom(model, state)
    assert report.stopped_by == "layer2.0.bn1"
    assert report.reason == "the state has no layer2.0.bn1.running_var"
    assert report.new == ("layer2.0.bn1", "layer2.0.conv2", "layer2.0.bn2", *report.new[3:])
    assert report.new[-1] == "linear"
    touched = {name.split(".")[0] for name in changed(model, before)}
    assert touched == {"conv1", "layer1", "layer2"}
    assert changed(model, before) & {n for n in before if n.startswith("layer2")} == {
        "layer2.0.conv1.weight"
    }
    assert "stopped by layer2.0.bn1" in capsys.readouterr().out


def test_everything_fits_in_silence(capsys: pytest.CaptureFixture[str]) -> None:
    state, model = resnet(0).state_dict(), resnet(1)
    old = {name: a for name, a in state.items() if not name.endswith("num_batches_tracked")}
    report = load_from_the_bottom(model, old)
    assert str(report) == "ResNetCIFAR: 15 layers loaded from the bottom; everything fits"
    assert report.new == ()
    assert capsys.readouterr().out == ""
    for name, array in old.items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


def test_nothing_is_loaded_if_the_first_layer_does_not_fit() -> None:
    state, model = resnet(0, in_channels=3).state_dict(), resnet(1)
    before = model.state_dict()
    words = (
        r"the first layer of ResNetCIFAR, conv1, does not fit: weight is \(16, 1, 3, 3\) in "
        r"the model and \(16, 3, 3, 3\) in the state. Nothing was loaded. The state begins with con"
    )
    with pytest.raises(ValueError, match=words):
        load_from_the_bottom(model, state)
    assert not changed(model, before)


def test_an_auxiliary_head_does_not_stop_the_trunk(capsys: pytest.CaptureFixture[str]) -> None:
    with minidl.shapes_only():  # its first head stands in the middle of the network
        state = models.create_small("inception_v3").state_dict()
        model = models.create_small("inception_v3", num_classes=5)
    report = load_from_the_bottom(model, state)
    assert report.stopped_by == "fc"
    assert report.new[0] == "fc"
    assert all(name.startswith("AuxLogits") for name in report.new[1:])
    assert any(name.startswith("Mixed_7c") for name in report.loaded)


def test_loose_parameters_of_the_model_are_its_first_layer() -> None:
    minidl.manual_seed(0)
    old, new = models.create_small("vit_tiny"), models.create_small("vit_tiny")
    report = load_from_the_bottom(new, old.state_dict())
    assert report.loaded[:2] == ("VisionTransformer", "patch_embed.proj")
    np.testing.assert_array_equal(new.pos_embed.data, old.pos_embed.data)
