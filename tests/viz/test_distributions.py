"""Dropout's masks, norms before and after, principal components, statistics, rate drops."""

import numpy as np
import pytest

from minidl import random, viz
from minidl.nn import BatchNorm2d, BatchNormReLU2d, Conv2d, LayerNorm, ReLU, Sequential
from minidl.viz.curves import lr_drops
from tests.viz.small_nets import images, normed
from tests.viz.test_viz import drawn, history, texts

pytestmark = pytest.mark.usefixtures("numpy_kernels")

# -------------------------------------------------------------------------------- dropout masks


@pytest.mark.parametrize(("kind", "alone"), [("dropout", 0), ("dropout2d", 2), ("drop_path", 3)])
def test_a_mask_is_zero_or_scaled_as_a_whole(kind, alone):
    """`alone` counts the last axes along which everything is dropped together."""
    shape, p = (40, 30, 3, 3), 0.25
    mask = viz.dropout_mask(kind, shape, p, seed=3)
    assert set(np.unique(mask)) == {0, np.float32(1 / (1 - p))}
    one_each = mask.reshape(*shape[: 4 - alone], -1)
    assert (one_each == one_each[..., :1]).all()
    larger = mask.reshape(*shape[: 3 - alone], -1)
    assert not (larger == larger[..., :1]).all()  # and not more than that
    count = one_each[..., 0].size
    assert (one_each[..., 0] == 0).mean() == pytest.approx(p, abs=4 * np.sqrt(p / count))
    np.testing.assert_array_equal(mask, viz.dropout_mask(kind, shape, p, seed=3))
    assert not np.array_equal(mask, viz.dropout_mask(kind, shape, p, seed=4))


def test_drawing_masks_does_not_move_the_chance(tmp_path):
    before = random.get_state()
    figure = viz.dropout_masks((3, 4, 5, 5), p=0.5, seed=1)
    assert random.get_state() == before
    mask = viz.dropout_mask("dropout", (3, 4, 5, 5), 0.5, 1)
    share = f"{(mask == 0).mean():.0%}".replace("%", " %")
    assert f"{share} dropped" in figure.axes[0].get_xlabel()
    assert "bright: 1 / (1 - p) = 2" in texts(figure)
    assert drawn(figure, tmp_path)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kinds dropout, dropout2d, drop_path, not 'dropout3d'"):
        viz.dropout_mask("dropout3d")


# ---------------------------------------------------------------------------- before and after


def random_norm() -> BatchNorm2d:
    bn, rng = BatchNorm2d(4), np.random.default_rng(0)
    for array in (bn.weight.data, bn.bias.data, bn.running_mean):
        array[...] = rng.standard_normal(4)
    bn.running_var[...] = rng.uniform(0.5, 2, 4)
    return bn


def test_values_before_and_after_batch_norm_channel_by_channel():
    conv, bn, x = Conv2d(1, 4, 3), random_norm(), images(5)
    model = Sequential({"conv": conv, "bn": bn})
    before, after = viz.norm_values(model, x, "bn")
    np.testing.assert_allclose(before, conv(x).data.swapaxes(0, 1).reshape(4, -1))
    gamma, beta = bn.weight.data[:, None], bn.bias.data[:, None]
    mean, std = before.mean(axis=1, keepdims=True), before.std(axis=1, keepdims=True)
    np.testing.assert_allclose(after, gamma * (before - mean) / std + beta, atol=1e-3)
    _, after = viz.norm_values(model, x, "bn", training=False)
    mean, std = bn.running_mean[:, None], np.sqrt(bn.running_var[:, None])
    np.testing.assert_allclose(after, gamma * (before - mean) / std + beta, atol=1e-3)


@pytest.mark.parametrize(("training", "frozen"), [(True, False), (True, True), (False, False)])
def test_of_a_fused_norm_the_values_before_the_relu_are_taken(training, frozen):
    conv, bn, x = Conv2d(1, 4, 3), random_norm(), images(5)
    fused = BatchNormReLU2d(4)
    fused.load_state_dict(bn.state_dict())
    if frozen:
        bn.freeze()
        fused.freeze()
    expected = viz.norm_values(Sequential(conv, bn, ReLU()), x, "1", training)
    found = viz.norm_values(Sequential(conv, fused), x, "1", training)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    assert found[1].min() < 0


def test_the_boxes_are_drawn_for_each_channel(tmp_path):
    figure = viz.norm_distributions(normed(), images(5), "bn")
    assert "after: means 0.00 … 0.00,\nstandard deviations 1.00 … 1.00" in texts(figure)
    assert figure.get_suptitle() == "bn (BatchNorm2d)"
    assert [len(ax.patches) for ax in figure.axes] == [4, 4]
    assert drawn(figure, tmp_path)


def test_a_layer_norms_channels_are_its_last_axis():
    x = images(2, size=4)
    model = Sequential(Conv2d(1, 3, 1), LayerNorm((3, 4, 4)))
    before, after = viz.norm_values(model, x, "1")
    assert before.shape == after.shape == (3, 32)
    assert after.mean() == pytest.approx(0, abs=1e-6)


def test_a_layer_that_is_no_norm_is_refused():
    with pytest.raises(ValueError, match="Sequential has no layer 'norm'; its norms: bn"):
        viz.norm_values(normed(), images(2), "norm")
    with pytest.raises(ValueError, match=r"takes shape \(2, 1, 8, 8\) and returns \(2, 4, 8, 8\)"):
        viz.norm_values(normed(), images(2), "conv")


# ------------------------------------------------------------------------- principal components


@pytest.mark.parametrize("seed", range(4))  # the signs are chance
def test_principal_components_are_the_covariances_eigenvectors(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6)) + 100
    Z, share = viz.principal_components(X)
    values, vectors = np.linalg.eigh(np.cov(X.T))
    np.testing.assert_allclose(share, values[:-3:-1] / values.sum(), rtol=1e-9)
    for k in range(2):
        v = vectors[:, -1 - k]
        v = v * np.sign(v[np.abs(v).argmax()])
        np.testing.assert_allclose(Z[:, k], (X - X.mean(axis=0)) @ v, rtol=1e-6, atol=1e-9)


def test_features_in_a_plane_lose_nothing():
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((20, 2))
    axes = np.linalg.qr(rng.standard_normal((7, 2)))[0]
    Z, share = viz.principal_components((flat @ axes.T).reshape(20, 7, 1))
    assert share.sum() == pytest.approx(1)
    distances = [np.linalg.norm(a[:, None] - a, axis=2) for a in (flat, Z)]
    np.testing.assert_allclose(*distances)


def test_the_embedding_puts_each_class_where_its_samples_are(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 9, 80)
    X = rng.standard_normal((80, 5)) + labels[:, None]
    figure = viz.embedding(X, labels, [f"class {k}" for k in range(9)])
    (ax,) = figure.axes
    Z, share = viz.principal_components(X)
    for k, points in enumerate(ax.collections):
        np.testing.assert_allclose(points.get_offsets(), Z[labels == k])
    looks = {(tuple(p.get_facecolor()[0]), len(p.get_paths()[0])) for p in ax.collections}
    assert len(looks) == 9  # nine classes, seven colours
    assert [text.get_text() for text in ax.texts] == [f"class {k}" for k in range(9)]
    assert ax.get_xlabel() == f"component 1 ({100 * share[0]:.1f} % of the variance)"
    assert drawn(figure, tmp_path)


def test_too_few_features_or_labels_are_refused():
    with pytest.raises(ValueError, match="5 samples of 1 features have at most 1 principal"):
        viz.principal_components(np.zeros((5, 1)))
    with pytest.raises(ValueError, match=r"5 samples need as many labels, not shape \(4,\)"):
        viz.embedding(np.zeros((5, 3)), np.zeros(4))


# ----------------------------------------------------------------------------------- statistics


def table(layers: int = 3, steps: int = 4) -> dict:
    rng = np.random.default_rng(0)
    numbers = {
        name: rng.uniform(1e-4, 1, (steps, layers))
        for name in ("activation_std", "gradient_norm", "update_ratio")
    }
    return {
        "layers": [f"layer{k}" for k in range(layers)],
        "steps": 10 * np.arange(steps),
        **numbers,
        **{
            f"{of}_histogram": rng.integers(0, 50, (steps, layers, 6))
            for of in ("activation", "gradient", "update")
        },
        "edges": 10.0 ** np.arange(-3, 2),
    }


def test_statistics_draw_a_line_for_each_layer(tmp_path):
    measured = table()
    measured["gradient_norm"][1, 2] = 0
    measured["update_ratio"][:, 1] = np.nan  # a layer without parameters
    figure = viz.statistics(measured)
    columns = ("activation_std", "gradient_norm", "update_ratio")
    for ax, column in zip(figure.axes, columns, strict=False):
        for k in range(3):
            values = measured[column][:, k]
            np.testing.assert_array_equal(ax.lines[k].get_xdata(), measured["steps"])
            np.testing.assert_array_equal(
                ax.lines[k].get_ydata(), np.where(values > 0, values, np.nan)
            )
        assert ax.get_yscale() == "log"
    assert list(figure.axes[2].lines[3].get_ydata()) == [1e-3, 1e-3]
    legend = figure.axes[3].get_legend().get_texts()
    assert [text.get_text() for text in legend] == ["layer0", "layer1", "layer2"]
    assert drawn(figure, tmp_path)


@pytest.mark.parametrize(("layers", "steps"), [(1, 1), (20, 2)])
def test_statistics_of_few_and_many_layers(tmp_path, layers, steps):
    assert drawn(viz.statistics(table(layers, steps)), tmp_path)
    figure = viz.histograms(table(layers, steps))
    assert drawn(figure, tmp_path)
    shown = [ax for ax in figure.axes if ax.get_title(loc="left").startswith("layer")]
    assert len(shown) == min(layers, 12)
    assert shown[-1].get_title(loc="left") == f"layer{layers - 1}"


@pytest.mark.parametrize("of", ["activation", "gradient", "update"])
def test_histograms_are_shares_of_each_step(tmp_path, of):
    measured = table()
    counts = measured[f"{of}_histogram"]
    counts[2, 1] = 0  # a layer that did not run
    figure = viz.histograms(measured, of)
    for k, ax in enumerate(figure.axes[:3]):
        mesh = ax.collections[0]
        share = counts[:, k] / np.maximum(counts[:, k].sum(axis=1, keepdims=True), 1)
        np.testing.assert_allclose(mesh.get_array(), share.T)
        corners = mesh.get_coordinates()
        np.testing.assert_allclose(corners[0, :, 0], [-5, 5, 15, 25, 35])
        np.testing.assert_allclose(corners[:, 0, 1], np.arange(-4, 3))
    assert drawn(figure, tmp_path)


def test_histograms_of_something_else_are_refused():
    with pytest.raises(ValueError, match="of is one of activation, gradient, update, not 'loss'"):
        viz.histograms(table(), "loss")


def test_a_table_without_measurements_is_refused():
    with pytest.raises(ValueError, match="nothing was measured: the table has 2 layers and 0 st"):
        viz.statistics(table(2, 0))


# ------------------------------------------------------------------------- learning-rate drops


@pytest.mark.parametrize(
    ("rates", "drops"),
    [
        ([0.1] * 3 + [0.01] * 3 + [0.001], [(4, 0.01), (7, 0.001)]),
        ([0.1, 0.1], []),
        ([0.1], []),
        ([], []),
        ([0.01, 0.05, 0.1, 0.1, 0.01], [(5, 0.01)]),  # warm-up
        (list(0.05 * (1 + np.cos(np.linspace(0, 3, 9)))), []),  # a curve
        ([0.1, 0.05, 0.025, 0.0125], []),  # a fall every epoch
        ([0.1, 0.1, 0.2, 0.2], []),  # a rise
    ],
)
def test_drops_come_after_a_rest(rates, drops):
    assert lr_drops(np.arange(1, len(rates) + 1), np.array(rates)) == drops


def test_curves_mark_the_drops(tmp_path):
    table = history(6) | {"lr": [0.1, 0.1, 0.1, 0.01, 0.01, 0.01]}
    figure = viz.curves(table)
    for ax in figure.axes:
        assert list(ax.lines[-1].get_xdata()) == [3.5, 3.5]
        assert [text.get_text() for text in ax.texts] == ["lr 0.01"]
    assert drawn(figure, tmp_path)
