"""Learning-rate schedules, drawn before any training."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from minidl.optim import SGD, Optimizer
from minidl.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from minidl.tensor import Tensor
from minidl.viz.style import COLOURS, INK, TICK, dress, figure

Make = Callable[[Optimizer], LRScheduler]
"""Makes a schedule for an optimiser: lambda optimizer: StepLR(optimizer, 30)."""

# These tell lines apart where colours do not.
_DASHES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))


def schedule(
    make: Make | Mapping[str, Make],
    steps: int,
    lr: float | Iterable[float] = 0.1,
    metrics: Sequence[float] = (),
    log: bool = False,
) -> Figure:
    """Draw the learning rate over the steps, and the momentum if it moves.

        viz.schedule(lambda optimizer: StepLR(optimizer, 30), steps=90)

    Args:
        make: optimizer → schedule; or several of them by name, for one picture.
        steps: how many steps are drawn; the schedule's `step()` is called between them.
        lr: η₀, the rate the optimiser begins with; a list for one group of parameters each.
        metrics: what ReduceLROnPlateau would see after each step, such as losses.
        log: draw the rate on a logarithmic axis, where falls by one factor look alike.

    Returns:
        A figure with one plot, or with a second below it for the momentum.
    """
    if steps < 1:
        raise ValueError(f"there must be at least 1 step to draw, not {steps}")
    named = make if isinstance(make, Mapping) else {"": make}
    starts = list(lr) if isinstance(lr, Iterable) else [lr]
    drawn = {name: _follow(one, steps, starts, metrics) for name, one in named.items()}
    moves = any(np.ptp(momentum) > 0 for _, momentum in drawn.values())

    fig = figure(height=6.0 if moves else 3.6)
    axes = fig.subplots(1 + moves, 1, sharex=True, squeeze=False)[:, 0]
    styles = zip(cycle(COLOURS), cycle(_DASHES), strict=False)
    for name, (rates, momentum) in drawn.items():
        for number in range(len(starts)):
            colour, dash = next(styles)
            group = f"group {number}" if len(starts) > 1 else ""
            look = {"color": colour, "linestyle": dash, "linewidth": 2}
            axes[0].plot(rates[:, number], label=", ".join(filter(None, (name, group))), **look)
            if moves and number == 0:
                axes[1].plot(momentum, **look)
    dress(axes[0], "Learning rate", "" if moves else "step", "η (logarithmic axis)" if log else "η")
    if log:
        axes[0].set_yscale("log")
    if moves:
        dress(axes[1], "Momentum", "step", "μ")
    axes[-1].xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(axes[0].lines) > 1:
        axes[0].legend(fontsize=TICK, frameon=False, labelcolor=INK)
    return fig


def _follow(
    make: Make, steps: int, starts: Sequence[float], metrics: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """The rates (steps, groups) and the momentum (steps,) that an optimiser would use."""
    optimizer = SGD(
        [{"params": [Tensor(np.zeros(1), requires_grad=True)], "lr": start} for start in starts],
        momentum=0.9,
    )
    scheduler = make(optimizer)
    if isinstance(scheduler, ReduceLROnPlateau) and len(metrics) < steps - 1:
        raise ValueError(
            f"ReduceLROnPlateau goes by a metric: to draw {steps} steps, give the losses after the "
            f"first {steps - 1} as `metrics`, not {len(metrics)} of them"
        )
    rates, momentum = [], []
    for step in range(steps):
        if step and isinstance(scheduler, ReduceLROnPlateau):
            scheduler.step(metrics[step - 1])
        elif step:
            scheduler.step()
        rates.append(scheduler.get_last_lr())
        momentum.append(optimizer.param_groups[0]["momentum"])
    return np.array(rates), np.array(momentum)
