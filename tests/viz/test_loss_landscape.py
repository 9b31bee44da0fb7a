"""Walking around a network: along the right directions, and back to where it began."""

import numpy as np
import pytest

from minidl import functional as F
from minidl import viz
from minidl.nn import BatchNorm2d, Conv2d, Flatten, Linear, Sequential
from tests.viz.small_nets import images, normed
from tests.viz.test_viz import drawn, texts

pytestmark = pytest.mark.usefixtures("numpy_kernels")


def direction(features: int, outputs: int, **options) -> tuple[np.ndarray, np.ndarray]:
    """The weights of a linear model, and what is added to them at step 1."""
    columns = []
    model = Linear(features, outputs).astype(np.float64)
    for k in range(outputs):
        alone = Linear(features, outputs).astype(np.float64)
        alone.load_state_dict(model.state_dict())

        def pick(logits, labels, k=k):
            return logits[0, k]

        for f in range(features):
            batch = [(np.eye(features)[f : f + 1], np.zeros(1))]
            line = viz.loss_landscape_values(alone, batch, pick, dimensions=1, points=3, **options)
            assert line.losses[1] - line.losses[0] == pytest.approx(line.losses[2] - line.losses[1])
            columns.append(line.losses[2] - line.losses[1])
    return model.weight.data, np.reshape(columns, (outputs, features))


def test_a_direction_is_as_long_as_the_weights_filter_by_filter():
    weight, delta = direction(4, 3, seed=5)
    np.testing.assert_allclose(
        np.linalg.norm(delta, axis=1), np.linalg.norm(weight, axis=1), rtol=1e-9
    )
    expected = np.random.default_rng(5).standard_normal((3, 4))
    cosine = (delta * expected).sum(axis=1) / np.linalg.norm(delta, axis=1)
    np.testing.assert_allclose(cosine, np.linalg.norm(expected, axis=1), rtol=1e-9)


def test_filters_of_a_convolution_have_their_own_length():
    conv = Conv2d(2, 3, 3, bias=False).astype(np.float64)
    conv.weight.data *= np.array([1, 10, 0])[:, None, None, None]  # one filter is zero
    ends = []

    def keep(logits, labels):
        ends.append(conv.weight.data.copy())
        return logits.sum()

    viz.loss_landscape_values(
        conv, [(np.ones((1, 2, 3, 3)), np.zeros(1))], keep, dimensions=1, points=3, span=0.5
    )
    moved = np.sqrt(((ends[2] - ends[1]) ** 2).sum(axis=(1, 2, 3)))
    own = np.sqrt((ends[1] ** 2).sum(axis=(1, 2, 3)))
    np.testing.assert_allclose(moved, 0.5 * own, rtol=1e-9)


def test_biases_and_norms_stay():
    model = Sequential(Conv2d(1, 2, 3), BatchNorm2d(2), Flatten(), Linear(2 * 36, 3))
    seen = []

    def keep(logits, labels):
        seen.append(model.state_dict())
        return logits.sum()

    viz.loss_landscape_values(model, [(images(2), np.zeros(2))], keep, dimensions=1, points=3)
    for name, array in seen[0].items():
        moved = not np.array_equal(array, seen[2][name])
        assert moved == (name in ("0.weight", "3.weight")), name


def test_the_weights_are_the_same_arrays_again_even_after_an_error():
    model = normed()
    before = [parameter.data for parameter in model.parameters()]
    numbers = [array.copy() for array in before]

    def breaks(logits, labels):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        viz.loss_landscape_values(model, [(images(2), np.zeros(2))], breaks)
    for parameter, array, number in zip(model.parameters(), before, numbers, strict=True):
        assert parameter.data is array
        np.testing.assert_array_equal(array, number)


def test_in_the_middle_is_the_loss_in_evaluation_over_all_images():
    model, x = normed(), images(5)
    labels = np.array([0, 1, 2, 1, 0])
    model(x)  # moves the running statistics away from where they began
    line = viz.loss_landscape_values(
        model, [(x[:3], labels[:3]), (x[3:], labels[3:])], dimensions=1, points=5, span=0.3
    )
    np.testing.assert_allclose(line.steps, [-0.3, -0.15, 0, 0.15, 0.3])
    expected = F.cross_entropy(model.eval()(x), labels).item()
    assert line.losses[2] == pytest.approx(expected, rel=1e-6)
    assert len(np.unique(line.losses)) == 5


def test_the_first_axis_of_a_plane_is_the_line():
    model, x = normed(), images(4)
    batches = [(x, np.array([0, 1, 2, 1]))]
    line = viz.loss_landscape_values(model, batches, dimensions=1, points=3, seed=2)
    plane = viz.loss_landscape_values(model, batches, points=3, seed=2)
    np.testing.assert_allclose(plane.losses[:, 1], line.losses, rtol=1e-6)
    assert not np.allclose(plane.losses[1], line.losses)  # the second direction is another
    other = viz.loss_landscape_values(model, batches, points=3, seed=3)
    assert not np.allclose(plane.losses[0], other.losses[0])


def test_what_cannot_be_measured_is_refused():
    model, batch = normed(), (images(2), np.zeros(2, np.int64))
    with pytest.raises(ValueError, match="1 or 2 dimensions, not 3"):
        viz.loss_landscape_values(model, [batch], dimensions=3)
    with pytest.raises(ValueError, match=r"read only once; give list\(batches\)"):
        viz.loss_landscape_values(model, iter([batch]))
    with pytest.raises(ValueError, match="the batches are empty"):
        viz.loss_landscape_values(model, [])


# ------------------------------------------------------------------------------------- pictures


def test_lines_are_drawn_with_their_names(tmp_path):
    steps = np.linspace(-1, 1, 5)
    figure = viz.loss_landscape(
        {"plain": viz.Landscape(steps, 1 + steps**2), "residual": viz.Landscape(steps, 2 + steps)}
    )
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 1 + steps**2)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["plain", "residual"]
    assert ax.get_yscale() == "log"
    assert drawn(figure, tmp_path)


def test_planes_share_their_colours_and_keep_their_directions(tmp_path):
    steps = np.linspace(-1, 1, 5)
    bowl = 1 + steps[:, None] ** 2 + 5 * steps**2  # steeper along direction 2
    holes = 10 * bowl
    holes[0, 0] = np.nan
    figure = viz.loss_landscape(
        {"plain": viz.Landscape(steps, bowl), "residual": viz.Landscape(steps, holes)}
    )
    first, second = (ax.collections[0] for ax in figure.axes[:2])
    np.testing.assert_array_equal(first.levels, second.levels)
    assert first.levels[0] == pytest.approx(1) and first.levels[-1] == pytest.approx(70)
    innermost = next(path for path in first.get_paths() if len(path.vertices)).get_extents()
    assert innermost.width > innermost.height
    assert drawn(figure, tmp_path)
    alone = viz.loss_landscape(viz.Landscape(steps, bowl))
    assert "Loss around the trained weights" in texts(alone)
    assert drawn(alone, tmp_path)


def test_lines_and_planes_do_not_mix():
    line = viz.Landscape(np.zeros(1), np.ones(1))
    plane = viz.Landscape(np.zeros(1), np.ones((1, 1)))
    with pytest.raises(ValueError, match="all lines or all planes, at least one"):
        viz.loss_landscape({"a": line, "b": plane})
    with pytest.raises(ValueError, match="at least one"):
        viz.loss_landscape({})
