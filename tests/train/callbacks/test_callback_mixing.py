"""Mixup and CutMix: the images, the labels, the loss, and where the chance comes from."""

import numpy as np
import pytest

from minidl import functional as F
from minidl.train import Callback, CutMix, Mixup, Trainer, accuracy
from minidl.train.state import State


def batch(N: int = 40, size: int = 12):
    """Images whose every pixel names its image, and labels that do too."""
    images = np.broadcast_to(
        np.arange(N, dtype=np.float32)[:, None, None, None], (N, 3, size, size + 5)
    )
    images = images.copy()
    images.flags.writeable = False  # the loader may hand out the same array again
    return images, np.arange(N)


def mixed(callback, epoch: int = 0, step: int = 0, N: int = 40) -> State:
    state = State(None, None, [], None, 1, [])
    images, labels = batch(N)
    state.images, state.targets = images, [(1.0, labels)]
    state.epoch, state.step = epoch, step
    callback.on_step_start(state)
    return state


def test_mixup_is_the_sum_of_two_images_weighted_as_their_labels():
    for step in range(20):
        state = mixed(Mixup(1.0), step=step)
        (share, own), (rest, partner) = state.targets
        assert share + rest == pytest.approx(1) and 0 < share < 1
        np.testing.assert_array_equal(own, np.arange(40))
        assert sorted(partner) == list(range(40)) and (partner != own).any()
        expected = share * own + rest * partner
        wanted = np.broadcast_to(expected[:, None, None, None], state.images.shape)
        np.testing.assert_allclose(state.images, wanted, rtol=1e-5, atol=1e-5)
        assert state.images.dtype == np.float32


def test_cutmix_pastes_one_rectangle_and_counts_its_pixels():
    for step in range(50):
        state = mixed(CutMix(1.0), step=step)
        (share, own), (rest, partner) = state.targets
        foreign = state.images[:, 0] != own[:, None, None]  # (N, H, W)
        foreign[own == partner] = foreign[own != partner][0]  # pasted from itself, not to be seen
        assert (foreign == foreign[0]).all()
        for n in range(40):
            pasted = state.images[n][:, foreign[0]]
            assert (pasted == partner[n]).all()
        assert rest == pytest.approx(foreign[0].mean())
        assert share + rest == pytest.approx(1)
        rows, columns = foreign[0].any(axis=1), foreign[0].any(axis=0)
        assert (foreign[0] == rows[:, None] & columns).all()  # a rectangle


def test_cutmix_lets_the_border_cut_what_is_pasted():
    """Of a side of r = √(1 − λ) with its centre anywhere, r − r²/4 is seen on average.

    With λ uniform in [0, 1] the square of that is 1/2 − 1/5 + 1/48 on average.
    """
    callback, image = CutMix(1.0), np.zeros((1, 1, 400, 300), np.float32)
    rng = np.random.default_rng(0)
    shares = [callback.mix(image, image, rng.random(), rng)[1] for _ in range(3000)]
    assert np.mean(shares) == pytest.approx(1 - (1 / 2 - 1 / 5 + 1 / 48), abs=0.01)


@pytest.mark.parametrize("kind", [Mixup, CutMix])
def test_chance_depends_on_seed_epoch_and_step_alone(kind):
    def drawn(callback, *place):
        state = mixed(callback, *place)
        return state.targets[0][0], tuple(state.targets[1][1])

    used = kind(1.0, seed=3)
    for step in range(5):
        mixed(used, 1, step)
    assert drawn(used, 2, 4) == drawn(kind(1.0, seed=3), 2, 4)
    places = {drawn(kind(1.0, seed=s), e, k) for s in (0, 1) for e in (0, 1) for k in (0, 1, 2)}
    assert len(places) == 12


def test_mixup_and_cutmix_of_one_seed_draw_apart():
    assert (mixed(Mixup(1.0)).targets[1][1] != mixed(CutMix(1.0)).targets[1][1]).any()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_shares_are_drawn_from_beta(alpha):
    shares = [mixed(Mixup(alpha), step=k, N=2).targets[0][0] for k in range(2000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.04)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_so_many_batches_are_mixed_as_asked_for():
    count = sum(len(mixed(Mixup(probability=0.3), step=k, N=2).targets) == 2 for k in range(1000))
    assert count == pytest.approx(300, abs=45)
    assert len(mixed(CutMix(probability=0.0)).targets) == 1


def test_both_together_show_four_images_whose_shares_add_up():
    state = mixed(Mixup(1.0, seed=1))
    CutMix(1.0, seed=1).on_step_start(state)
    assert len(state.targets) == 4
    assert sum(share for share, _ in state.targets) == pytest.approx(1)
    whole = sum(share * labels for share, labels in state.targets)  # pixels name their images
    np.testing.assert_allclose(state.images[:, 0].mean(axis=(1, 2)), whole, rtol=1e-4)


@pytest.mark.parametrize("kind", [Mixup, CutMix])
def test_the_trainer_mixes_loss_and_accuracy_as_the_images(problem, kind):
    seen = []

    class Look(Callback):
        order = 1

        def on_step_start(self, state):
            seen.append((state.images, state.targets))

    p = problem(kind(1.0, seed=5), Look())
    images, labels = next(iter(p.train))
    history = p.trainer.fit([(images, labels)], None, 1)

    q = problem()  # the same weights, and the same dropout
    ((mixed_images, targets),) = seen
    assert (mixed_images != images).any()
    (share, own), (rest, partner) = targets
    output = q.trainer.model(mixed_images)
    loss = share * F.cross_entropy(output, own) + rest * F.cross_entropy(output, partner)
    right = share * accuracy(output.data, own) + rest * accuracy(output.data, partner)
    assert history["train_loss"] == [pytest.approx(loss.item(), rel=1e-6)]
    assert history["train_accuracy"] == [pytest.approx(right)]
    q.trainer.optimizer.zero_grad()
    loss.backward()
    q.trainer.optimizer.step()
    for name, array in q.weights.items():
        np.testing.assert_allclose(p.weights[name], array, rtol=1e-5, atol=1e-7, err_msg=name)


def test_a_batch_of_one_is_mixed_with_itself(problem):
    p = problem()
    images, labels = next(iter(p.train))
    one = [(images[:1], labels[:1])]
    history = Trainer(p.trainer.model, p.trainer.optimizer, callbacks=[CutMix(), Mixup()]).fit(
        one, None, 1
    )
    assert np.isfinite(history["train_loss"]).all()


@pytest.mark.parametrize("kind", [Mixup, CutMix])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"alpha": 0.0}, "alpha.*above 0, not 0"),
        ({"alpha": float("nan")}, "alpha.*above 0, not nan"),
        ({"probability": 1.5}, "between 0 and 1, not 1.5"),
    ],
)
def test_what_makes_no_sense_is_refused(kind, arguments, words):
    with pytest.raises(ValueError, match=words):
        kind(**arguments)
