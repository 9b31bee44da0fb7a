"""Which pixels a unit can see, found in another way: NaN in a pixel shows wherever it is seen."""

import numpy as np
import pytest

from minidl import models, summary, viz
from minidl.nn import AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, Module, ReLU, ReLU6, Sequential
from minidl.viz.inside import outputs
from tests.viz.small_nets import Residual, images, plain
from tests.viz.test_viz import drawn, texts

pytestmark = pytest.mark.usefixtures("numpy_kernels")

NETS = {
    "strides": lambda: Sequential(Conv2d(2, 3, 3, stride=2), ReLU(), Conv2d(3, 2, (1, 3))),
    "dilation": lambda: Sequential(Conv2d(2, 3, 3, dilation=2, padding=2), Conv2d(3, 2, 2)),
    "pooling": lambda: Sequential(
        Conv2d(2, 3, 3, padding=1), ReLU(), MaxPool2d(3, 2, padding=1), Conv2d(3, 2, 2)
    ),
    "pooling rounded up": lambda: Sequential(MaxPool2d(2, 2, ceil_mode=True), Conv2d(2, 2, 2)),
    "averages": lambda: Sequential(AvgPool2d(2), BatchNorm2d(2), ReLU6(), Conv2d(2, 4, 2)),
    "residual": lambda: Sequential(Residual(), MaxPool2d(2)),
}


def seen_by_nan(model: Module, layer: str, unit: tuple[int, int], size: int) -> np.ndarray:
    """Where a NaN makes the unit NaN: no weight, not even 0, and no other pixel hides it."""
    seen = np.zeros((size, size), bool)
    with np.errstate(invalid="ignore"):
        for h, w in np.ndindex(size, size):
            x = np.ones((1, 2, size, size), np.float32)
            x[:, :, h, w] = np.nan
            seen[h, w] = np.isnan(outputs(model.eval(), x)[layer].data[0, :, *unit]).any()
    return seen


@pytest.mark.parametrize("net", NETS)
def test_a_unit_can_see_exactly_the_pixels_whose_nan_reaches_it(net):
    model = NETS[net]()
    layer = str(len(model) - 1)
    *_, H, W = outputs(model, np.ones((1, 2, 11, 11), np.float32))[layer].shape
    for unit in ((0, 0), (H // 2, W // 2), (H - 1, W - 2)):
        found = viz.receptive_field_map(model, (2, 11, 11), layer, unit)
        np.testing.assert_array_equal(found, seen_by_nan(model, layer, unit, 11))


@pytest.mark.parametrize(
    ("name", "layer"), [("resnet20", "layer1"), ("mobilenet_v2", "features.4")]
)
def test_away_from_the_border_it_is_as_large_as_the_summary_says(name, layer):
    model = models.registry.create_small(name)
    row = next(row for row in summary(model, (3, 64, 64), depth=None).rows if row.path == layer)
    field = viz.receptive_field_map(model, (3, 64, 64), layer)
    extent = field.any(axis=1).sum(), field.any(axis=0).sum()
    assert extent == row.field.size
    assert max(extent) < 64


def test_the_rim_of_a_deep_network_is_seen_too():
    """One way leads to the corner, through 50 weights of about 1/9: below what float32 holds."""
    model = Sequential(*(Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(50)))
    assert viz.receptive_field_map(model, (1, 101, 101), "49").all()


def test_the_effective_field_of_a_convolution_is_its_filter():
    conv = Conv2d(2, 5, 3)
    E = viz.effective_field_map(Sequential({"conv": conv}), images(3, C=2), "conv", (1, 2))
    expected = np.zeros((8, 8))
    expected[1:4, 2:5] = np.abs(conv.weight.data.sum(axis=0)).sum(axis=0)
    np.testing.assert_allclose(E, expected, rtol=1e-5)


def test_the_effective_field_is_the_mean_over_images():
    model, x = plain(), images(4)
    alone = [viz.effective_field_map(model, x[n : n + 1], "conv2") for n in range(4)]
    assert not np.allclose(alone[0], alone[1])  # other ReLUs are open
    np.testing.assert_allclose(
        viz.effective_field_map(model, x, "conv2"), np.mean(alone, axis=0), rtol=1e-5
    )


def test_the_picture_shows_both_fields(tmp_path):
    model, x = plain(), images(4)
    figure = viz.receptive_field(model, x, "conv2", (1, 1))
    can = viz.receptive_field_map(model, (1, 8, 8), "conv2", (1, 1))
    does = viz.effective_field_map(model, x, "conv2", (1, 1))
    left, right = figure.axes[:2]
    np.testing.assert_array_equal(left.images[0].get_array(), can)
    np.testing.assert_allclose(right.images[0].get_array(), does / does.max())
    strong = (does > np.exp(-2) * does.max()).sum()
    assert "a unit of conv2 can see\n7 × 7 pixels" in texts(figure)  # 8 less the one at the border
    assert f"it mostly sees {strong} of these {can.sum()}" in texts(figure)
    (frame,) = right.patches
    assert frame.get_bbox().bounds == (-0.5, -0.5, 7, 7)
    assert drawn(figure, tmp_path)


def test_a_unit_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"layer 'conv2' has maps of 4 × 4 pixels; .* \(4, 0\)"):
        viz.receptive_field_map(plain(), (1, 8, 8), "conv2", (4, 0))
