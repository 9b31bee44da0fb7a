"""Parameters without numbers stay as they are."""

import numpy as np

Array = np.ndarray


def sgd(
    value: Array,
    grad: Array,
    velocity: Array | None,
    first: bool,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
) -> None:
    """Nothing to change."""


def adagrad(
    value: Array, grad: Array, total: Array, lr: float, weight_decay: float, eps: float
) -> None:
    """Nothing to change."""


def rmsprop(
    value: Array,
    grad: Array,
    square: Array,
    mean: Array | None,
    velocity: Array | None,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
) -> None:
    """Nothing to change."""


def adam(
    value: Array,
    grad: Array,
    mean: Array,
    square: Array,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """Nothing to change."""
