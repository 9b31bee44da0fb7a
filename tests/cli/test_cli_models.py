"""`minidl models`, `summary` and `compare`."""

import matplotlib.image
import pytest

from minidl import models


def test_models_are_listed_with_parameters_macs_and_papers(minidl):
    code, out, _ = minidl("models")
    assert code == 0
    (line,) = [line for line in out.splitlines() if "resnet20 " in line]
    for word in ("3x32x32", "269,722", "40,551,040", "He et"):
        assert word in line
    assert all(name in out for name in models.list_models())


def test_models_are_found_by_a_word_of_name_or_paper(minidl):
    code, out, _ = minidl("models lenet")
    assert code == 0 and "lenet5" in out and "61,706" in out and "resnet20" not in out
    code, out, _ = minidl("models 'deep residual'")
    assert code == 0 and "resnet20" in out and "lenet5" not in out
    assert "Deep Residual Learning for Image Recognition, 2015" in " ".join(out.split())
    code, _, err = minidl("models xyz")
    assert code == 2 and "no model has 'xyz' in its name or paper" in err and "lenet5" in err


def test_summary_shows_layers_and_totals(minidl):
    code, out, _ = minidl("summary lenet5")
    assert code == 0
    (line,) = [line for line in out.splitlines() if " conv2 " in line]
    # 16 filters of 6·5·5 weights over 10 × 10 pixels; (5 + 1 pooled) + 4·2 = 14 pixels seen
    for word in ("16 × 10 × 10", "2,416", "240,000", " 14 "):
        assert word in line
    assert "61,706 parameters" in out and "416,520 MACs" in out and "1 MAC = 2 FLOPs" in out


def test_summary_goes_as_deep_as_asked(minidl):
    code, out, _ = minidl("summary resnet8 --depth 1")
    assert code == 0 and "layer1" in out and "BasicBlock" not in out
    code, deep, _ = minidl("summary resnet8 --depth 3")
    assert code == 0 and "BasicBlock" in deep and "conv2" in deep
    for text in (out, deep):
        assert "75,002 parameters" in text and "747,136 MACs" in text


def test_summary_of_another_input_and_of_the_small_configuration(minidl):
    code, out, _ = minidl("summary resnet8 --input 3x32x32")
    assert code == 0 and "3 × 32 × 32" in out and "12,239,488 MACs" in out  # see test_models.py
    code, out, _ = minidl("summary mobilenet_v1 --small")
    assert code == 0 and "3 × 32 × 32" in out and "10 " in out


def test_compare_prints_and_draws(minidl, tmp_path):
    code, out, _ = minidl("compare resnet20 densenet40 lenet5 --out pictures/three.png")
    assert code == 0
    for name, parameters, macs in (
        ("resnet20", "269,722", "40,551,040"),
        ("densenet40", "1,019,722", "264,812,928"),
        ("lenet5", "61,706", "416,520"),
    ):
        (line,) = [line for line in out.splitlines() if f" {name} " in line]
        assert parameters in line and macs in line
    pixels = matplotlib.image.imread(tmp_path / "pictures" / "three.png")
    assert pixels.shape[1] >= 900 and pixels.std() > 0.05


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("summary resnet21", ["no model 'resnet21'", "resnet20"]),
        ("compare lenet5 resnet21", ["no model 'resnet21'", "resnet20"]),
        ("summary resnet20 --input 32", ["channels x height x width", "'32'"]),
        ("summary resnet20 --input 3x0x32", ["'3x0x32'"]),
        (
            "summary lenet5 --input 1x28x28",
            ["lenet5 does not take", "1x32x32", "fc1", "400", "256"],
        ),
        ("summary resnet20 --depth=-1", ["--depth"]),
        ("compare", ["names"]),
    ],
)
def test_mistakes_about_models_are_answered_with_one_message(minidl, tmp_path, line, words):
    code, out, err = minidl(line)
    assert code == 2
    assert all(word in " ".join(err.split()) for word in words), err
    assert "Traceback" not in err and out == "" and list(tmp_path.iterdir()) == []
