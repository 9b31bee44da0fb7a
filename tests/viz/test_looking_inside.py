"""Filters, feature maps, saliency, Grad-CAM and the deconvolution view: their numbers."""

import numpy as np
import pytest

from minidl import functional as F
from minidl import models, random, viz
from minidl.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    BatchNormReLU2d,
    Conv2d,
    Flatten,
    Linear,
    LocalResponseNorm,
    Module,
    ReLU,
    Sequential,
)
from minidl.tensor import Tensor
from tests.viz.small_nets import images, normed, plain
from tests.viz.test_viz import drawn, texts

pytestmark = pytest.mark.usefixtures("numpy_kernels")


def tiles(ax, size: int, columns: int, count: int) -> np.ndarray:
    """The small pictures back out of the large one; each pixel is drawn as a block of pixels."""
    canvas = np.asarray(ax.images[0].get_array().filled(np.nan))
    block = -(-12 // size)
    side = block * size
    step = side + max(1, side // 12)
    return np.array(
        [
            canvas[(k // columns) * step :, (k % columns) * step :][:side:block, :side:block]
            for k in range(count)
        ]
    )


LOOKS = {
    "filters": lambda model, x: viz.filters(model),
    "feature_maps": lambda model, x: viz.feature_maps(model, x[0], "conv"),
    "saliency": lambda model, x: viz.saliency(model, x[0]),
    "grad_cam": lambda model, x: viz.grad_cam(model, x[0]),
    "deconvolution": lambda model, x: viz.deconvolution(model, x, "conv", 1),
    "receptive_field": lambda model, x: viz.receptive_field(model, x, "conv"),
    "norm_distributions": lambda model, x: viz.norm_distributions(model, x, "bn"),
    "computation_graph": lambda model, x: viz.computation_graph(model, (1, 8, 8)),
    "loss_landscape": lambda model, x: viz.loss_landscape_values(
        model, [(x, np.zeros(len(x), np.int64))], points=3
    ),
}


@pytest.mark.parametrize("look", LOOKS)
def test_looking_changes_nothing(look):
    model = normed()
    model.fc.freeze()
    model.bn.eval()
    model.conv.weight.grad = np.ones_like(model.conv.weight.data)
    before = model.state_dict()
    modes = [(module.training, module.frozen) for module in model.modules()]
    chance = random.get_state()
    LOOKS[look](model, images())
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name], err_msg=name)
    assert [(module.training, module.frozen) for module in model.modules()] == modes
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    assert wanted == {name: not name.startswith("fc") for name in wanted}
    gradients = {name for name, p in model.named_parameters() if p.grad is not None}
    assert gradients == {"conv.weight"}
    assert (model.conv.weight.grad == 1).all()
    assert not any(module._forward_hooks for module in model.modules())
    assert random.get_state() == chance


# ------------------------------------------------------------------------------------ filters


def test_filters_of_one_channel_are_the_weights_on_a_scale_around_zero(tmp_path):
    model = plain()
    w = model.conv1.weight.data
    figure = viz.filters(model)
    ax = figure.axes[0]
    np.testing.assert_allclose(tiles(ax, 3, 2, 4), w[:, 0])
    low, high = ax.images[0].get_clim()
    assert -low == pytest.approx(high) == pytest.approx(np.abs(w).max())
    assert ax.get_title(loc="left") == "4 filters of 1 × 3 × 3"
    assert drawn(figure, tmp_path)


def test_filters_each_on_its_own_scale():
    w = np.random.default_rng(0).standard_normal((5, 1, 4, 4))
    w[3] = 0  # no division by zero
    shown = tiles(viz.filters(w, each=True).axes[0], 4, 3, 5)
    largest = np.abs(w[:, 0]).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(shown * largest, w[:, 0])
    np.testing.assert_allclose(np.abs(shown).max(axis=(1, 2)), [1, 1, 1, 0, 1])


def test_filters_of_three_channels_are_colours_and_zero_is_grey(tmp_path):
    w = np.random.default_rng(0).standard_normal((7, 3, 5, 5))
    w[2] = 0
    figure = viz.filters(Tensor(w), most=6)
    shown = tiles(figure.axes[0], 5, 3, 6)
    np.testing.assert_allclose(
        shown[..., :3], 0.5 + w[:6].transpose(0, 2, 3, 1) / (2 * np.abs(w).max())
    )
    assert (shown[2] == [0.5, 0.5, 0.5, 1]).all()
    assert figure.axes[0].get_title(loc="left") == "7 filters of 3 × 5 × 5, the first 6"
    assert drawn(figure, tmp_path)


def test_filters_of_many_channels_stand_in_columns(tmp_path):
    w = np.random.default_rng(0).standard_normal((3, 20, 3, 3))
    figure = viz.filters(w)
    shown = tiles(figure.axes[0], 3, 3, 48)  # 16 channels of 3 filters
    np.testing.assert_allclose(shown[3 * 7 + 2], w[2, 7])
    assert "the first 16" in figure.axes[0].get_ylabel()
    assert drawn(figure, tmp_path)


def test_filters_refuse_what_has_none():
    with pytest.raises(ValueError, match="Linear has no convolution whose filters to draw"):
        viz.filters(Linear(3, 4))
    with pytest.raises(ValueError, match=r"axes \(O, C, KH, KW\); these weights have shape \(3,"):
        viz.filters(np.zeros((3, 4)))


# ------------------------------------------------------------------------------- feature maps


def test_feature_maps_are_what_the_layer_returned(tmp_path):
    model, x = plain(), images(1)
    figure = viz.feature_maps(model, x[0], "relu1")
    expected = F.relu(model.conv1(x)).data[0]
    np.testing.assert_allclose(tiles(figure.axes[1], 8, 2, 4), expected, rtol=1e-6)
    assert figure.axes[1].get_title(loc="left") == "relu1: 4 maps of 8 × 8"
    assert drawn(figure, tmp_path)


def test_feature_maps_each_on_its_own_scale_and_not_too_many():
    model, x = plain(), images(1)
    figure = viz.feature_maps(model, x[0], "conv2", each=True, most=3)
    expected = model.conv2(F.max_pool2d(F.relu(model.conv1(x)), 2)).data[0, :3]
    expected = expected / np.abs(expected).max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(tiles(figure.axes[1], 4, 2, 3), expected, rtol=1e-5)
    assert figure.axes[1].get_title(loc="left") == "conv2: 5 maps of 4 × 4, the first 3"


def test_feature_maps_list_the_layers_that_have_maps():
    model, image = plain(), images(1)[0]
    names = "layers with maps: conv1, relu1, pool1, conv2, relu2, pool2$"
    with pytest.raises(
        ValueError, match="no layer 'conv3' has run and returned a tensor; " + names
    ):
        viz.feature_maps(model, image, "conv3")
    with pytest.raises(ValueError, match=r"layer 'fc' returned shape \(1, 3\), not maps.*" + names):
        viz.feature_maps(model, image, "fc")


def test_an_image_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"not shape \(8, 8\); for a grey image .* image\[None\]"):
        viz.feature_maps(plain(), images(1)[0, 0], "conv1")
    with pytest.raises(ValueError, match=r"one image .* not a batch of 6: images\[0\]"):
        viz.saliency(plain(), images(6))


# ----------------------------------------------------------------------------------- saliency


def test_saliency_of_a_linear_model_is_its_largest_weight_in_each_pixel():
    model = Sequential(Flatten(), Linear(2 * 3 * 3, 4))
    w = model[1].weight.data.reshape(4, 2, 3, 3)
    x = images(1, C=2, size=3)[0]
    for label in range(4):
        M = viz.saliency_map(model, x, label)
        np.testing.assert_allclose(M, np.abs(w[label]).max(axis=0), rtol=1e-6)


def test_saliency_is_how_much_a_pixel_moves_the_score():
    model, x = plain().astype(np.float64), images(1).astype(np.float64)
    M = viz.saliency_map(model, x, 2)
    for h, w in ((0, 0), (3, 5), (7, 2)):
        step = np.zeros_like(x)
        step[0, 0, h, w] = 1e-6
        moved = (model(x + step).data[0, 2] - model(x - step).data[0, 2]) / 2e-6
        assert M[h, w] == pytest.approx(abs(moved), rel=1e-6)


def test_saliency_draws_the_class_with_the_highest_score(tmp_path):
    model, x = plain(), images(1)[0]
    k = int(model(x[None]).data.argmax())
    figure = viz.saliency(model, x, classes=["cat", "dog", "owl"])
    assert f"class {['cat', 'dog', 'owl'][k]}" in texts(figure)
    np.testing.assert_array_equal(
        figure.axes[1].images[0].get_array(), viz.saliency_map(model, x, k)
    )
    assert drawn(figure, tmp_path)


def test_a_class_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="the label 3 is not one of the model's 3 classes, 0 … 2"):
        viz.saliency_map(plain(), images(1)[0], 3)
    with pytest.raises(
        ValueError, match=r"logits \(N, K\) are expected, .* returns \(1, 2, 4, 4\)"
    ):
        viz.saliency_map(Conv2d(1, 2, 3, stride=2, padding=1), images(1)[0], 0)
    with pytest.raises(
        ValueError, match=r"no layer returned maps of more than one pixel; .*: none"
    ):
        viz.grad_cam_map(Sequential(Flatten(), Linear(64, 3)), images(1)[0])


# ----------------------------------------------------------------------------------- Grad-CAM


def test_grad_cam_behind_global_pooling_is_the_maps_weighted_by_the_classifier():
    """S_k = Σ_c V[k,c] · mean A[c], so α[c] = V[k,c] / (h·w): the paper's section 3, CAM."""
    conv, fc = Conv2d(1, 5, 3, padding=1), Linear(5, 3)
    model = Sequential({"conv": conv, "pool": AdaptiveAvgPool2d(1), "flat": Flatten(), "fc": fc})
    x = images(1, size=7)
    A = conv(x).data[0]
    for k in range(3):
        expected = np.maximum(np.tensordot(fc.weight.data[k] / 49, A, axes=1), 0)
        np.testing.assert_allclose(viz.grad_cam_map(model, x[0], k), expected, rtol=1e-4, atol=1e-7)
        assert expected.any()


def test_grad_cam_enlarges_the_map_and_takes_the_last_maps_if_no_layer_is_named(tmp_path):
    model, x = plain(), images(1)[0]
    model.fc.weight.data = np.abs(model.fc.weight.data)  # something speaks for every class
    L = viz.grad_cam_map(model, x, 1)
    np.testing.assert_array_equal(L, viz.grad_cam_map(model, x, 1, "relu2"))
    assert L.shape == (8, 8) and (L >= 0).all() and L.any()
    A = F.relu(model.conv2(F.max_pool2d(F.relu(model.conv1(x[None])), 2))).data  # (1, 5, 4, 4)
    small = np.maximum((model.fc.weight.data[1][:, None, None] / 16 * A[0]).sum(axis=0), 0)
    large = F.interpolate(small[None, None], 8, mode="bilinear").data[0, 0]
    np.testing.assert_allclose(L, large, rtol=1e-5, atol=1e-7)
    figure = viz.grad_cam(model, x, 1)
    assert "relu2: what speaks for class 1" in texts(figure)
    np.testing.assert_array_equal(figure.axes[1].images[1].get_array(), L)
    assert drawn(figure, tmp_path)


class _Bypassed(Module):
    def __init__(self) -> None:
        self.conv, self.fc = Conv2d(1, 2, 3), Linear(64, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.conv(x)
        return self.fc(x.flatten(1))


def test_grad_cam_says_that_a_layer_does_not_matter():
    with pytest.raises(ValueError, match="scores do not depend on what layer 'conv' returned"):
        viz.grad_cam_map(_Bypassed(), images(1)[0], 0)


# ------------------------------------------------------------------------ the deconvolution view


def test_deconvolution_of_a_convolution_is_the_filter_where_it_fitted_best():
    conv = Conv2d(2, 3, 3)
    model = Sequential({"norm": LocalResponseNorm(2), "conv": conv})
    x = images(1, C=2, size=6)
    A = model(x).data[0, 1]
    row, column = np.unravel_index(A.argmax(), A.shape)
    expected = np.zeros_like(x[0])
    expected[:, row : row + 3, column : column + 3] = conv.weight.data[1] * A.max()
    np.testing.assert_allclose(viz.deconvolution_map(model, x[0], "conv", 1), expected, rtol=1e-5)


def deconvolved_by_hand(model: Sequential, x: np.ndarray, channel: int) -> np.ndarray:
    """Section 2.1 of the paper, step by step: filter, rectify, unpool, rectify, filter."""
    y1 = F.relu(model.conv1(x)).data  # (1, 4, 8, 8)
    A = model.conv2(F.max_pool2d(y1, 2)).data
    one = np.zeros_like(A)
    place = (0, channel, *np.unravel_index(A[0, channel].argmax(), A.shape[2:]))
    one[place] = A[place]
    pooled = F.conv_transpose2d(one, model.conv2.weight.data, padding=1).data  # (1, 4, 4, 4)
    unpooled = np.zeros_like(y1)
    for c, i, j in np.ndindex(4, 4, 4):
        window = y1[0, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        u, v = np.unravel_index(window.argmax(), (2, 2))
        unpooled[0, c, 2 * i + u, 2 * j + v] = pooled[0, c, i, j]
    rectified = np.maximum(unpooled, 0)
    return F.conv_transpose2d(rectified, model.conv1.weight.data, padding=1).data[0]


def test_deconvolution_unpools_with_switches_and_rectifies():
    model = plain(2)
    for seed in range(4):
        x = images(1, C=2, seed=seed)
        shown = viz.deconvolution_map(model, x[0], "conv2", seed)
        np.testing.assert_allclose(shown, deconvolved_by_hand(model, x, seed), rtol=1e-4, atol=1e-7)
        image = Tensor(x, requires_grad=True)
        A = model.conv2(F.max_pool2d(F.relu(model.conv1(image)), 2))
        A[0, seed].max().backward()
        peak = A.data[0, seed].max()
        assert not np.allclose(shown, image.grad[0] * peak)  # it is not the gradient


def test_deconvolution_treats_a_fused_norm_as_its_parts():
    conv1, conv2, bn = Conv2d(1, 4, 3, padding=1), Conv2d(4, 3, 3), BatchNorm2d(4)
    rng = np.random.default_rng(0)
    for array in (bn.weight.data, bn.bias.data, bn.running_mean):
        array[...] = rng.standard_normal(4)
    bn.running_var[...] = rng.uniform(0.5, 2, 4)
    fused = BatchNormReLU2d(4)
    fused.load_state_dict(bn.state_dict())
    parts = Sequential({"conv1": conv1, "bn": bn, "relu": ReLU(), "conv2": conv2})
    whole = Sequential({"conv1": conv1, "bn": fused, "conv2": conv2})
    for seed in range(3):
        x = images(1, seed=seed)[0]
        expected = viz.deconvolution_map(parts, x, "conv2", seed)
        assert expected.any()
        np.testing.assert_allclose(
            viz.deconvolution_map(whole, x, "conv2", seed), expected, rtol=1e-4, atol=1e-7
        )


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "resnet20", "densenet121"])
def test_deconvolution_of_the_lectures_networks(name):
    model = models.registry.create_small(name)
    x = images(1, C=3, size=32)[0]
    layer = next(path for path, m in model.named_modules() if isinstance(m, Conv2d))
    assert viz.deconvolution_map(model, x, layer, 0).any()


def test_deconvolution_draws_the_images_that_excite_most(tmp_path):
    model, x = plain(), images(20)
    strongest = model.conv1(x).data[:, 2].max(axis=(1, 2))
    order = np.argsort(-strongest)[:4]
    figure = viz.deconvolution(model, x, "conv1", 2, most=4)
    patches = tiles(figure.axes[1], 3, 2, 4)[..., 0]
    for patch, n in zip(patches, order, strict=True):
        projection = viz.deconvolution_map(model, x[n], "conv1", 2)[0]
        rows, columns = np.nonzero(projection)
        window = x[n, 0, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        if window.shape == (3, 3):  # at the border patches are smaller
            expected = (window - window.min()) / (window.max() - window.min())
            np.testing.assert_allclose(patch, expected, atol=1 / 255)
    assert "conv1, channel 2" in texts(figure)
    assert drawn(figure, tmp_path)


def test_deconvolution_names_the_channels_there_are():
    with pytest.raises(ValueError, match="layer 'conv1' has 4 channels, 0 … 3, not 4"):
        viz.deconvolution(plain(), images(2), "conv1", 4)
