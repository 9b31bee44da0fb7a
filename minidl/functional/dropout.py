"""Regularisation by chance."""

from collections.abc import Sequence

import numpy as np

from minidl import random
from minidl.errors import InputError
from minidl.functional.arguments import as_image, as_tensor
from minidl.ops.dropout import Dropout, JoinMean
from minidl.tensor import ArrayLike, Tensor, apply


def dropout(x: ArrayLike, p: float = 0.5, training: bool = True) -> Tensor:
    """While training, set each element to zero with probability p and divide the rest by 1 − p.

    Source: Srivastava et al., Dropout, 2014.
    """
    x = as_tensor(x)
    return _dropped(x, p, training, x.shape, "dropout")


def dropout2d(x: ArrayLike, p: float = 0.5, training: bool = True) -> Tensor:
    """While training, set whole channels to zero with probability p and divide the rest by 1 − p.

    Neighbouring pixels are alike, so one that is dropped alone is known from the others.

    Args:
        x: (N, C, H, W); each of the N·C maps is dropped or kept as a whole.
        p: the probability of a map to be dropped.
        training: False returns x.

    Raises:
        InputError: p is not between 0 and 1, or x is not a batch of images.

    Source: Tompson et al., Efficient Object Localization Using Convolutional Networks, 2015.
    """
    x = as_image(x, "dropout2d")
    return _dropped(x, p, training, (*x.shape[:2], 1, 1), "dropout2d")


def drop_path(x: ArrayLike, p: float, training: bool = True) -> Tensor:
    """While training, set whole samples to zero with probability p and divide the rest by 1 − p.

    Called stochastic depth when x is the residual branch of a block, shortcut + drop_path(branch):
    the dropped samples skip the block. E[y] = x, so evaluation needs no correction.

    Args:
        x: (N, …); each of the N samples is dropped or kept as a whole.
        p: the probability of a sample to be dropped.
        training: False returns x.

    Raises:
        InputError: p is not between 0 and 1, or x has no axis of samples.

    Source: Huang et al., Deep Networks with Stochastic Depth, 2016 (there evaluation multiplies by
    1 − p instead).
    """
    x = as_tensor(x)
    if x.ndim < 1:
        raise InputError("drop_path", "the input has shape (), no axis of samples", "Give (N, …)")
    mask_shape = (x.shape[0], *(1 for _ in x.shape[1:]))
    return _dropped(x, p, training, mask_shape, "drop_path")


def fractal_join(
    columns: Sequence[ArrayLike],
    p_local: float = 0.15,
    global_column: int | None = None,
    training: bool = True,
) -> Tensor:
    """The mean of the columns that meet here; while training, of those that drop-path lets live.

    Local drop-path drops each column with probability p_local; if all are dropped, one drawn at
    random lives. Global drop-path keeps one and the same column in the whole network, so that each
    learns to do the work alone. Dropped columns receive no gradient: backward does not visit them.

    Args:
        columns: K arrays of one shape.
        p_local: the probability of a column to be dropped at this join.
        global_column: the position in `columns` of the only one to live; None drops locally. (A
            join that the chosen column does not pass has no influence, so None will do there.)
        training: False takes the mean of all.

    Returns:
        An array of the columns' shape.

    Raises:
        InputError: no columns, unequal shapes, p_local not between 0 and 1, or no such column.

    Source: Larsson, Maire and Shakhnarovich, FractalNet, 2017, section 3.
    """
    K = len(columns)
    if K < 1:
        raise InputError("fractal_join", "there are no columns to join", "Give at least one")
    if not 0 <= p_local <= 1:
        raise InputError(
            "fractal_join", f"p_local={p_local} is not between 0 and 1", "Try p_local=0.15"
        )
    if global_column is not None and not 0 <= global_column < K:
        raise InputError(
            "fractal_join",
            f"global_column={global_column} is none of the {K} columns",
            f"Columns count from 0 to {K - 1}",
        )
    alive = np.ones(K, bool)
    if training and global_column is not None:
        alive = np.arange(K) == global_column
    elif training:
        alive = random.generator().random(K) >= p_local
        if not alive.any():
            alive[random.generator().integers(K)] = True
    return apply(JoinMean, *(x for x, lives in zip(columns, alive, strict=True) if lives))


def _dropped(
    x: Tensor, p: float, training: bool, mask_shape: tuple[int, ...], operation: str
) -> Tensor:
    """x with holes of the mask's size; x itself where nothing is to be dropped."""
    if not 0 <= p <= 1:
        raise InputError(operation, f"the probability p={p} is not between 0 and 1", "Try p=0.5")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    return apply(Dropout, x, p=p, mask_shape=mask_shape, operation=operation)
