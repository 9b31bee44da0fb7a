"""Several opinions on each image: ensembles of models, and test-time augmentation.

    p[n, k] = 1/M · Σ_m softmax(logits_m)[n, k]        the mean of M opinions on image n

The opinions are those of several models, or those of one model on several views of an image
(`minidl.train.views`), or both. Averaging helps where the opinions err differently: what the image
shows, all of them see; their errors point in many directions and cancel. The loss proves it: −ln is
convex, so −ln of the mean probability is at most the mean of the −ln (Jensen's inequality). The
ensemble's loss is never above its members' mean loss, and the more they disagree, the further
below. Members that are all alike gain nothing.

What the lectures report: seven AlexNets err on 15.4 % of ImageNet, one on 18.2 % (Aarhus, "7 CNN
ensemble"; "use ensembles for best results"). GoogLeNet errs on 10.07 % with one model and one crop,
on 9.15 % with ten crops, on 6.67 % with seven models and 144 crops (Oslo, "GoogLeNet v1", table 3).
The price is M times the time.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from minidl.nn import Module
from minidl.train.evaluation import Evaluation, evaluate
from minidl.train.state import Batches


def average_opinions(opinions: Sequence[Evaluation]) -> Evaluation:
    """The opinion of all together: the mean of their probabilities. A single one stays as it is.

    Args:
        opinions: M evaluations of the same N images in the same order.

    Returns:
        logits[n, k] = ln p[n, k], so that its `.probabilities` are the mean of the opinions'; its
        loss is cross-entropy, −1/N · Σ_n ln p[n, label_n].

    Raises:
        ValueError: there is no opinion, or they are not on the same images.
    """
    if not opinions:
        raise ValueError("there is no opinion to average: give at least one evaluation")
    first, *others = opinions
    if not others:
        return first
    for m, other in enumerate(others, start=1):
        if not np.array_equal(other.labels, first.labels):
            raise ValueError(
                f"opinion {m} is on {len(other.labels):,} images with the labels "
                f"{other.labels[:5]}…, opinion 0 on {len(first.labels):,} with the labels "
                f"{first.labels[:5]}…: all must see the same images in the same order, so do not "
                "shuffle them"
            )
    logs = np.stack([_log_softmax(opinion.logits) for opinion in opinions])  # (M, N, K)
    logits = np.logaddexp.reduce(logs, axis=0) - np.log(len(opinions))  # (N, K)
    loss = -logits[np.arange(len(logits)), first.labels].mean()
    return Evaluation(float(loss), first.labels, logits)


def evaluate_ensemble(models: Iterable[Module], views: Sequence[Batches]) -> Evaluation:
    """Put several models to the test as one, each on several views of the images.

    Args:
        models: images (N, C, H, W) → logits (N, K).
        views: batches of the same images in the same order, each seen in another way; for no more
            than an ensemble, one: `[DataLoader(test, 250, transform=normalise)]`.
    """
    return average_opinions([evaluate(model, batches) for model in models for batches in views])


def _log_softmax(logits: NDArray) -> NDArray[np.float64]:
    """ln softmax, (N, K), without the exponential of a large number."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
