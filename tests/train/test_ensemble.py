"""Mean opinions of models and of views; and the views themselves, pixel by pixel."""

import re

import numpy as np
import pytest

from minidl import nn
from minidl.data import Compose, DataLoader, Dataset, Normalize, RandomCrop, Resize
from minidl.train import (
    Evaluation,
    average_opinions,
    evaluate,
    evaluate_ensemble,
    five_crops,
    flips,
    multi_scale,
    ten_crops,
)
from minidl.train.views import Window, named_views

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (6, 3, 12, 10), dtype=np.uint8)


def opinion(seed=0, N=40, K=5, sure=2.0):
    rng = np.random.default_rng(seed)
    logits = (sure * rng.standard_normal((N, K))).astype(np.float32)
    labels = np.random.default_rng(99).integers(0, K, N)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Evaluation(float(-np.log(p[np.arange(N), labels]).mean()), labels, logits)


# ------------------------------------------------------------------------------------ ensembles


def test_the_ensemble_says_the_mean_of_the_probabilities():
    opinions = [opinion(seed) for seed in range(3)]
    together = average_opinions(opinions)
    mean = np.mean([o.probabilities for o in opinions], axis=0)
    np.testing.assert_allclose(together.probabilities, mean, rtol=1e-5)
    right = mean[np.arange(40), together.labels]
    assert together.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)
    np.testing.assert_array_equal(together.predictions, mean.argmax(axis=1))
    assert together.accuracy == np.mean(mean.argmax(axis=1) == together.labels)


def test_the_mean_of_probabilities_is_not_that_of_the_logits():
    """One very sure opinion must not outvote two others, as it would by its large logits."""
    labels = np.array([0])
    loud = Evaluation(0.0, labels, np.array([[0.0, 40.0]]))
    calm = Evaluation(0.0, labels, np.array([[3.0, 0.0]]))
    assert average_opinions([loud, calm, calm]).predictions[0] == 0
    assert np.mean([loud.logits, calm.logits, calm.logits], axis=0).argmax() == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_at_most_the_members_mean_loss(seed):
    opinions = [opinion(10 * seed + m) for m in range(4)]
    assert average_opinions(opinions).loss < np.mean([o.loss for o in opinions]) - 0.1


def test_opinions_that_are_all_alike_gain_nothing():
    one = opinion()
    many = average_opinions([one, one, one])
    np.testing.assert_allclose(many.probabilities, one.probabilities, rtol=1e-5)
    assert many.loss == pytest.approx(one.loss, rel=1e-5)
    assert average_opinions([one]) is one


def test_extreme_logits_stay_finite():
    labels = np.array([1])
    sure = Evaluation(0.0, labels, np.array([[3000.0, -3000.0]], np.float32))
    other = Evaluation(0.0, labels, np.array([[-500.0, 0.0]], np.float32))
    assert average_opinions([sure, sure]).loss == pytest.approx(6000)
    assert average_opinions([sure, other]).loss == pytest.approx(np.log(2))


def test_opinions_on_other_images_are_refused():
    one, other = opinion(), opinion(1)
    shuffled = Evaluation(other.loss, other.labels[::-1].copy(), other.logits[::-1].copy())
    with pytest.raises(ValueError, match=r"opinion 1 is on 40 images .* do not shuffle them"):
        average_opinions([one, shuffled])
    with pytest.raises(ValueError, match="opinion 2 is on 7 images"):
        average_opinions([one, other, opinion(2, N=7)])
    with pytest.raises(ValueError, match="at least one evaluation"):
        average_opinions([])


def test_every_model_sees_every_view():
    dataset = Dataset(IMAGES, np.arange(6) % 3, "abc")
    normalise = Normalize(dataset.mean, dataset.std)
    views = [
        DataLoader(dataset, 4, transform=Compose([view, normalise]))
        for view in five_crops((12, 10), padding=1)
    ]
    models = [nn.Sequential(nn.Flatten(), nn.Linear(360, 3)) for _ in range(2)]
    together = evaluate_ensemble(models, views)
    by_hand = [evaluate(model, view).probabilities for model in models for view in views]
    assert len(by_hand) == 10
    np.testing.assert_allclose(together.probabilities, np.mean(by_hand, axis=0), rtol=1e-5)


# ---------------------------------------------------------------------------------------- views


def seen(views, images=IMAGES):
    return [view(images, np.random.default_rng(7)) for view in views]


def test_flips_are_the_image_and_its_mirror_image():
    same, mirrored = seen(flips())
    np.testing.assert_array_equal(same, IMAGES)
    np.testing.assert_array_equal(mirrored, IMAGES[..., ::-1])


def test_five_crops_are_the_centre_and_the_corners():
    centre, *corners = seen(five_crops((8, 7)))
    np.testing.assert_array_equal(centre, IMAGES[:, :, 2:10, 1:8])
    rows, columns = (slice(0, 8), slice(4, 12)), (slice(0, 7), slice(3, 10))
    wanted = [IMAGES[:, :, r, c] for r in rows for c in columns]
    for corner, want in zip(corners, wanted, strict=True):
        np.testing.assert_array_equal(corner, want)


def test_ten_crops_are_five_and_those_mirrored():
    views = seen(ten_crops(8))
    five = seen(five_crops(8))
    assert len(views) == 10
    for view, want in zip(views, five + [crop[..., ::-1] for crop in five], strict=True):
        np.testing.assert_array_equal(view, want)


def test_with_padding_the_views_are_what_training_saw():
    """Windows of the image's own size out of the padded image: shifts, as RandomCrop draws them."""
    views = seen(five_crops((12, 10), padding=2))
    np.testing.assert_array_equal(views[0], IMAGES)
    assert (views[1][:, :, :2] == 0).all() and (views[1][:, :, :, :2] == 0).all()
    np.testing.assert_array_equal(views[1][:, :, 2:, 2:], IMAGES[:, :, :-2, :-2])
    crop = RandomCrop((12, 10), padding=2)
    drawn = {crop(IMAGES[:1], np.random.default_rng(s)).tobytes() for s in range(400)}
    assert {view[:1].tobytes() for view in views} <= drawn


def test_the_views_of_googlenet():
    assert len(multi_scale((256, 288, 320, 352), 224)) == 144
    views = seen(multi_scale((10, 12), 8))
    assert len(views) == 2 * 3 * 6 * 2 and all(view.shape == (6, 3, 8, 8) for view in views)
    resized = Resize(10)(IMAGES, RNG)  # (6, 3, 12, 10): the shorter side has 10 pixels already
    np.testing.assert_array_equal(resized, IMAGES)
    top, centre = resized[:, :, :10], resized[:, :, 1:11]
    np.testing.assert_array_equal(views[0], top[:, :, 1:9, 1:9])
    np.testing.assert_array_equal(views[5], Resize(8)(top, RNG))
    np.testing.assert_array_equal(views[7], centre[:, :, :8, :8])
    half = len(views) // 2
    np.testing.assert_array_equal(views[half + 7], views[7][..., ::-1])
    assert len(multi_scale((10, 12), 8, squares=(0.5,))) == 2 * 6 * 2


@pytest.mark.parametrize(("name", "count"), [("none", 1), ("flip", 2), ("five", 5), ("ten", 10)])
def test_views_by_name(name, count):
    views = seen(named_views(name, (12, 10)))
    assert len(views) == count and all(view.shape == IMAGES.shape for view in views)
    if count >= 5:
        np.testing.assert_array_equal(views[1][:, :, 1:, 1:], IMAGES[:, :, :-1, :-1])
        assert (views[1][:, :, 0] == 0).all() and (views[1][:, :, :, 0] == 0).all()


def test_crops_are_shifted_by_a_pixel_in_32():
    image = np.arange(64 * 64, dtype=np.uint8).reshape(1, 1, 64, 64)
    shifted = named_views("five", (64, 64))[1](image, RNG)
    np.testing.assert_array_equal(shifted[:, :, 2:, 2:], image[:, :, :-2, :-2])


def test_what_is_no_view_is_refused():
    with pytest.raises(ValueError, match="no views 'twenty'; there are none, flip, five, ten"):
        named_views("twenty", (8, 8))
    with pytest.raises(ValueError, match=re.escape("13×7 does not fit into images of 12×10")):
        Window((13, 7), 0, 0)(IMAGES, RNG)
