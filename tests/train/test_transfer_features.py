"""Features computed once, and the classifiers that start from them."""

import io
from collections import Counter

import numpy as np
import pytest
from rich.console import Console

import minidl
from minidl import Tensor, models, nn
from minidl.data import Normalize, RandomCrop, digits, transforms
from minidl.train.transfer import (
    HeadError,
    features,
    find_head,
    fit_head,
    nearest_neighbours,
    replace_head,
)

SOME = digits("train").subset(np.arange(30))
NORMALISE = Normalize(SOME.mean, SOME.std)


def test_features_are_what_the_head_sees_in_evaluation() -> None:
    minidl.manual_seed(0)
    model = models.create("resnet8")
    before = model.state_dict()
    x = features(model, SOME, NORMALISE, batch_size=7)
    assert x.shape == (30, 64)
    assert x.dtype == np.float32
    assert model.training
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name], name)
    images = NORMALISE(SOME.images, np.random.default_rng(0))
    np.testing.assert_allclose(model.linear(x).data, model.eval()(images).data, atol=1e-5)
    assert not model.training
    assert not model._forward_hooks
    assert not model.linear._forward_hooks


def test_copies_are_augmented_anew_and_repeatably() -> None:
    minidl.manual_seed(0)
    model = models.create("resnet8")
    augment = transforms.Compose([RandomCrop(8, padding=1), NORMALISE])
    x = features(model, SOME, augment, copies=2, seed=3)
    assert x.shape == (60, 64)
    assert not np.allclose(x[:30], x[30:])
    np.testing.assert_array_equal(x, features(model, SOME, augment, copies=2, seed=3))
    plain = features(model, SOME, NORMALISE, copies=2)
    np.testing.assert_array_equal(plain[:30], plain[30:])


def test_maps_before_the_head_are_averaged() -> None:
    minidl.manual_seed(0)
    model = models.create("nin", in_channels=1, width=0.25)
    x = features(model, SOME, NORMALISE)
    assert x.shape == (30, find_head(model).features) == (30, 48)
    with pytest.raises(ValueError, match=r"NIN looks at every pixel.*freeze_to\(model, 1\)"):
        fit_head(model, x, SOME.labels)
    flat = features(models.create_small("preact_resnet110", in_channels=1), SOME, NORMALISE)
    assert flat.ndim == 2


def test_features_need_a_head_and_put_the_mode_back_after_a_failure() -> None:
    with pytest.raises(HeadError, match=r"model.encode\(x\) are its features"):
        features(models.create("conv_autoencoder"), SOME)
    model = models.create("resnet8", in_channels=3)
    with pytest.raises(ValueError, match="channel"):
        features(model, SOME, NORMALISE)
    assert model.training
    assert not model.linear._forward_hooks


def test_a_terminal_sees_a_bar_and_a_file_does_not() -> None:
    model = models.create("resnet8")
    seen, file = io.StringIO(), io.StringIO()
    features(model, SOME, NORMALISE, console=Console(file=seen, force_terminal=True))
    features(model, SOME, NORMALISE, console=Console(file=file))
    assert "features" in seen.getvalue()
    assert file.getvalue() == ""


# ------------------------------------------------------------------------------------ the head


@pytest.mark.parametrize("name", ["resnet8", "preact_resnet110"])
def test_a_head_fitted_on_features_is_the_models_own(name: str) -> None:
    minidl.manual_seed(0)
    model = models.create_small(name, in_channels=1)
    replace_head(model.freeze(), 10)
    x = features(model, SOME, NORMALISE)
    before = model.state_dict()
    history = fit_head(model, x, SOME.labels, epochs=60)
    assert history.rows[-1]["train_accuracy"] > history.rows[0]["train_accuracy"] + 0.3
    changed = {
        n.rpartition(".")[0]
        for n, a in model.state_dict().items()
        if not np.array_equal(a, before[n])
    }
    assert changed == {find_head(model).name}
    assert find_head(model).layer.training
    logits = model.eval()(NORMALISE(SOME.images, np.random.default_rng(0))).data
    assert np.mean(logits.argmax(axis=1) == SOME.labels) > 0.6


def test_fitting_a_head_is_repeatable_and_checks_shapes() -> None:
    x = np.random.default_rng(0).normal(size=(20, 64)).astype(np.float32)
    labels = np.arange(20) % 10
    weights = []
    for seed in (0, 0, 1):
        minidl.manual_seed(0)
        model = models.create("resnet8")
        fit_head(model, x, labels, epochs=3, batch_size=8, seed=seed)
        weights.append(model.linear.weight.data)
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])
    words = (
        r"a row of 64 features, what linear takes, for each of the 20 labels, but has .*\(20, 63\)"
    )
    with pytest.raises(ValueError, match=words):
        fit_head(model, x[:, 1:], labels)


# ------------------------------------------------------------------------- nearest neighbours


def by_the_book(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, k: int, metric: str
) -> list[int]:
    """The definition, one row at a time, in float64."""
    answers = []
    for a in test_x.astype(np.float64):
        if metric == "euclidean":
            distances = [np.sqrt(((a - b) ** 2).sum()) for b in train_x.astype(np.float64)]
        else:
            distances = [1 - a @ b / np.sqrt((a @ a) * (b @ b)) for b in train_x.astype(np.float64)]
        nearest = [int(train_y[n]) for n in np.argsort(distances, kind="stable")[:k]]
        counts = Counter(nearest)
        most = max(counts.values())
        answers.append(next(c for c in nearest if counts[c] == most))
    return answers


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 2, 5, 40])
def test_neighbours_are_those_of_the_definition(metric: str, k: int) -> None:
    rng = np.random.default_rng(k)
    labels = rng.integers(0, 4, 40) * 3 + 5  # classes need not be 0 … K−1
    train = (rng.normal(size=(40, 6)) + labels[:, None] / 6).astype(np.float32)
    test = (rng.normal(size=(23, 6)) + 1.5).astype(np.float32)
    ours = nearest_neighbours(train, labels, test, k, metric, rows=10)
    assert ours.tolist() == by_the_book(train, labels, test, k, metric)


def test_the_metrics_differ_and_far_from_zero_no_digits_are_lost() -> None:
    train = np.array([[1, 1], [9, 0]], np.float32)
    test = np.array([[7, 7]], np.float32)
    labels = np.array([0, 1])
    assert nearest_neighbours(train, labels, test, 1, "cosine").tolist() == [0]
    assert nearest_neighbours(train, labels, test, 1, "euclidean").tolist() == [1]
    far = np.float32(30_000)
    train = far + np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    test = far + np.array([[0.25, 0.25], [0.75, 0.75]], np.float32)
    assert nearest_neighbours(train, labels, test, 1, "euclidean").tolist() == [0, 1]


def test_of_equal_votes_the_nearest_wins() -> None:
    train = np.array([[0.0], [1.0], [3.0], [4.0]], np.float32)
    labels = np.array([2, 0, 0, 2])
    test = np.array([[0.9], [0.1]], np.float32)
    assert nearest_neighbours(train, labels, test, 2, "euclidean").tolist() == [0, 2]
    assert nearest_neighbours(train, labels, test, 4, "euclidean").tolist() == [0, 2]


def test_a_row_of_zeros_is_like_no_other() -> None:
    train = np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 0.0]], np.float32)
    test = np.array([[2.0, 1.0], [-3.0, 0.1]], np.float32)
    assert nearest_neighbours(train, np.arange(3), test, 1).tolist() == [1, 2]
    assert nearest_neighbours(train, np.arange(3), test[:0], 1).tolist() == []


def test_neighbours_refuse_what_does_not_fit() -> None:
    x, y = np.zeros((4, 3), np.float32), np.zeros(4, int)
    with pytest.raises(ValueError, match=r"the same D, got \(4, 3\) and \(4, 2\)"):
        nearest_neighbours(x, y, x[:, 1:], 1)
    with pytest.raises(ValueError, match=r"4 rows need as many labels, got \(3,\)"):
        nearest_neighbours(x, y[1:], x, 1)
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"between 1 and the 4 training rows, not {k}"):
            nearest_neighbours(x, y, x, k)
    with pytest.raises(ValueError, match="metric must be 'cosine' or 'euclidean', not 'manhattan'"):
        nearest_neighbours(x, y, x, 1, "manhattan")  # type: ignore[arg-type]


def test_one_pixel_maps_and_vectors_are_the_same_rows() -> None:
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1, 3, 1), nn.Flatten())
    x = features(model, SOME)
    np.testing.assert_allclose(x[:, 0], SOME.images.mean(axis=(1, 2, 3)) / 255, rtol=1e-5)
    assert isinstance(model(SOME.images[:2] / np.float32(255)), Tensor)
