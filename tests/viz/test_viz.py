"""Pictures: what is drawn are the numbers given, in words a reader understands."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from minidl import viz


def history(epochs: int = 3, valid: bool = True) -> dict[str, list[float]]:
    steps = np.arange(1, epochs + 1)
    good = 1 - 0.5 / steps
    nothing = np.full(epochs, np.nan)
    return {
        "epoch": list(steps),
        "train_loss": list(2.0 / steps),
        "train_accuracy": list(good),
        "valid_loss": list(2.5 / steps if valid else nothing),
        "valid_accuracy": list(good - 0.01 if valid else nothing),
        "lr": [0.1] * epochs,
    }


def texts(figure: Figure) -> str:
    return "\n".join(text.get_text() for text in figure.findobj(match=Text))


def drawn(figure: Figure, tmp_path) -> bytes:
    """Save the picture, which is when matplotlib computes the layout, and return its bytes."""
    figure.savefig(tmp_path / "figure.png")
    return (tmp_path / "figure.png").read_bytes()


def test_curves_draw_the_history(tmp_path):
    figure = viz.curves(history(), valid_name="test")
    loss, accuracy = figure.axes
    np.testing.assert_allclose(loss.lines[0].get_ydata(), [2, 1, 2 / 3])
    np.testing.assert_allclose(loss.lines[1].get_ydata(), [2.5, 1.25, 2.5 / 3])
    np.testing.assert_allclose(
        accuracy.lines[1].get_ydata(), 100 * (1 - 0.5 / np.arange(1, 4) - 0.01)
    )
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["training", "test"]
    assert loss.get_yscale() == "log"
    assert accuracy.get_title(loc="left") == "Best test: 82.33 % (epoch 3)"
    assert drawn(figure, tmp_path)


@pytest.mark.parametrize("epochs", [1, 2, 200])
def test_curves_without_validation_images(tmp_path, epochs):
    figure = viz.curves(history(epochs, valid=False))
    assert [len(ax.lines) for ax in figure.axes] == [1, 1]
    assert figure.axes[1].get_title(loc="left") == "Accuracy"
    assert drawn(figure, tmp_path)


def test_confusion_matrix_writes_the_counts_and_shades_mistakes_by_their_share(tmp_path):
    matrix = np.array([[90, 10, 0], [0, 5, 5], [1, 0, 19]])
    figure = viz.confusion_matrix(matrix, ["cat", "dog", "owl"])
    (ax,) = figure.axes
    cells = {t.get_position(): t.get_text() for t in ax.texts}
    expected = {(j, i): str(matrix[i, j]) for i in range(3) for j in range(3) if matrix[i, j]}
    assert cells == expected  # zeros stay empty
    assert ax.get_title(loc="left") == "114 of 130 right (87.69 %)"
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cat", "dog", "owl"]
    assert "50.0 %" in texts(figure)
    colours = ax.images[0].get_array()
    darkness = 3 - colours[..., :3].sum(axis=-1)
    assert darkness[1, 2] > darkness[0, 1] > darkness[2, 0] > 0  # 50 %, 10 %, 5 % of their rows
    assert darkness[0, 2] == 0
    assert drawn(figure, tmp_path)


def test_confusion_matrix_of_a_hundred_classes_has_no_cell_texts(tmp_path):
    figure = viz.confusion_matrix(np.eye(100, dtype=int))
    assert len(figure.axes[0].texts) == 0
    assert "100 of 100 right" in figure.axes[0].get_title(loc="left")
    assert drawn(figure, tmp_path)


@pytest.mark.parametrize("matrix", [np.zeros((2, 2), int), np.array([[3]]), np.diag([5, 0])])
def test_confusion_matrix_of_odd_cases(tmp_path, matrix):
    assert drawn(viz.confusion_matrix(matrix), tmp_path)


def answers(N: int = 40, K: int = 4, channels: int = 1):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, channels, 8, 8), dtype=np.uint8)
    probabilities = rng.dirichlet(np.ones(K), N)
    return images, probabilities.argmax(axis=1), probabilities


@pytest.mark.parametrize("channels", [1, 3])
def test_misclassified_shows_wrong_images_most_confident_first(tmp_path, channels):
    images, predictions, probabilities = answers(channels=channels)
    labels = predictions.copy()
    wrong = [3, 8, 21]
    labels[wrong] = (predictions[wrong] + 1) % 4
    figure = viz.misclassified(images, labels, predictions, probabilities, ["a", "b", "c", "d"])
    sure = probabilities.max(axis=1)
    order = sorted(wrong, key=lambda n: -sure[n])
    shown = [ax for ax in figure.axes if ax.images]
    assert len(shown) == 3
    for ax, n in zip(shown, order, strict=True):
        pixels = images[n, 0] if channels == 1 else images[n].transpose(1, 2, 0)
        np.testing.assert_array_equal(ax.images[0].get_array(), pixels)
        truth, answer = "abcd"[labels[n]], "abcd"[predictions[n]]
        assert ax.get_title() == f"is {truth}\nsaid {answer}\n{sure[n]:.0%} sure".replace("%", " %")
    assert "3 of 40 images misclassified" in texts(figure)
    assert drawn(figure, tmp_path)


def test_misclassified_has_a_limit():
    images, predictions, probabilities = answers()
    figure = viz.misclassified(images, (predictions + 1) % 4, predictions, probabilities, most=7)
    assert sum(bool(ax.images) for ax in figure.axes) == 7
    assert "40 of 40 images misclassified; the 7 most confident mistakes" in texts(figure)


def test_without_mistakes_the_least_certain_images_are_shown(tmp_path):
    images, predictions, probabilities = answers()
    figure = viz.misclassified(images, predictions, predictions, probabilities)
    assert "All 40 images right" in texts(figure)
    least = probabilities.max(axis=1).argmin()
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), images[least, 0])
    assert drawn(figure, tmp_path)


def test_drawing_changes_nothing_global(tmp_path):
    """No pyplot, so no window system is asked for and a notebook's own settings survive."""
    program = (
        "import sys, matplotlib, numpy as np\n"
        "before = matplotlib.rcParams.copy()\n"
        "from minidl import viz\n"
        f"viz.confusion_matrix(np.eye(3, dtype=int)).savefig({str(tmp_path / 'a.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert matplotlib.rcParams.copy() == before\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def overlap(a, b) -> bool:
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def test_costs_place_every_model_and_write_no_name_over_another(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"network_{k}" for k in range(16)]
    parameters = [int(n) for n in 10 ** rng.uniform(6.5, 8, 16)]
    macs = [int(n) for n in 10 ** rng.uniform(8.5, 10, 16)]
    memory = [int(n) for n in 10 ** rng.uniform(6, 8, 16)]
    figure = viz.costs(names, parameters, macs, memory)
    assert drawn(figure, tmp_path)
    (ax,) = figure.axes
    (bubbles,) = ax.collections
    np.testing.assert_allclose(bubbles.get_offsets(), np.column_stack([macs, parameters]))
    areas = bubbles.get_sizes()
    large = areas > areas.min()  # the smallest are drawn larger than they are, to be seen
    np.testing.assert_allclose(areas[large] / areas.max(), np.array(memory)[large] / max(memory))
    assert ax.get_xscale() == ax.get_yscale() == "log"
    notes = {note.get_text(): note for note in ax.texts}
    assert set(notes) == set(names)
    boxes = [Text.get_window_extent(note) for note in notes.values()]  # without their lines
    for k, box in enumerate(boxes):
        assert not any(overlap(box, other) for other in boxes[:k])
    assert f"{max(memory) / 2**20:,.1f} MiB" in texts(figure)


@pytest.mark.parametrize("count", [1, 2])
def test_costs_of_few_and_equal_models(tmp_path, count):
    figure = viz.costs(["a", "b"][:count], [1000] * count, [10**6] * count)
    assert drawn(figure, tmp_path)
    assert len(set(figure.axes[0].collections[0].get_sizes())) == 1
