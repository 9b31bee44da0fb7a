"""Which settings serve best: try some at random, and spend the time on the promising ones.

**Random search** draws every hyperparameter anew for every trial. Of n trials, each then tells
something about n different learning rates; on a grid of n points over d hyperparameters it would be
n^(1/d), and most of a grid is spent on hyperparameters that hardly matter.
(Bergstra, Bengio: Random Search for Hyper-Parameter Optimization, 2012, figure 1.)

**Successive halving** does not train the bad ones to the end. All n trials get a few epochs; the
best of them go on from where they stood and get η times as many; and so on, until the last have had
all R epochs:

    rung k = 0 … K:   ⌊n / η^k⌋ trials   until they have had   ⌊R / η^(K−k)⌋ epochs

Every rung costs about the same. What it risks: a trial that starts slowly and would have won is
stopped. A large learning rate often is such a one, where the schedule lets it fall at the end.
(Jamieson, Talwalkar: Non-stochastic Best Arm Identification and Hyperparameter Optimization, 2016;
Li et al.: Hyperband, 2018, algorithm 1.)

    space = {"lr": LogUniform(1e-3, 1), "batch_size": Choice(32, 64, 128)}
    results = list(climb(draw_settings(space, 16), advance, halving(16, epochs=8)))
    ranking(results)[0].settings

Random search is a ladder with one rung, `[Rung(16, 8)]`. Accuracies here are of images held out of
the training images, never of test images: what the choice was made by flatters the chosen.
"""

import csv
import json
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from minidl.train.ranges import Settings
from minidl.train.trainer import DivergedError
from minidl.weights import replacing


class Rung(NamedTuple):
    """How many trials are trained until they have had how many epochs."""

    trials: int
    epochs: int


@dataclass(frozen=True)
class Result:
    """How a trial stood after some epochs.

    Attributes:
        trial: its number, from 0.
        epochs: how many it has had, in all rungs so far.
        settings: its hyperparameters.
        accuracy, loss: on the held-out images; NaN if the trial diverged.
        seconds: spent on it in this rung.
    """

    trial: int
    epochs: int
    settings: Settings
    accuracy: float
    loss: float
    seconds: float

    @property
    def diverged(self) -> bool:
        """Whether the loss ceased to be a number."""
        return math.isnan(self.accuracy)


HEAD, TAIL = ("trial", "epochs"), ("accuracy", "loss", "seconds")  # columns of the file
Advance = Callable[[int, Settings, int], tuple[float, float]]


def halving(trials: int, epochs: int, factor: int = 2) -> list[Rung]:
    """The rungs of successive halving.

    Args:
        trials: n, how many begin.
        epochs: R, how many the last ones have in the end.
        factor: η; of each rung one in η goes on. Li et al. advise 3 or 4 for long trainings.
    """
    if factor < 2:
        raise ValueError(f"factor is a whole number of at least 2, not {factor}: 1 in 2 goes on")
    last = 0  # K: as many halvings as both the trials and the epochs bear
    while factor ** (last + 1) <= min(trials, epochs):
        last += 1
    return [Rung(trials // factor**k, epochs // factor ** (last - k)) for k in range(last + 1)]


def climb(
    settings: Sequence[Settings],
    advance: Advance,
    rungs: Sequence[Rung],
    finished: Iterable[Result] = (),
    drop: Callable[[int], None] = lambda _: None,
) -> Iterator[Result]:
    """Train the trials rung by rung, and yield each result as soon as it is there.

    A trial that diverges counts as worse than any other, and does not go on.

    Args:
        settings: of each trial.
        advance: `advance(trial, settings, epochs)` trains a trial, from where it stood, until it
            has had `epochs` epochs, and returns its accuracy and loss on held-out images.
        rungs: from the first, which all trials enter, to the last.
        finished: results of a search that was stopped; they are yielded and not computed again.
        drop: called with each trial that does not go on.
    """
    known = {(result.trial, result.epochs): result for result in finished}
    alive = list(range(len(settings)))
    for rung in rungs:
        for trial in alive[rung.trials :]:
            drop(trial)
        results = []
        for trial in alive[: rung.trials]:
            result = known.get((trial, rung.epochs))
            if result is None:
                result = _train(trial, settings[trial], advance, rung.epochs)
            results.append(result)
            yield result
            if result.diverged or rung == rungs[-1]:
                drop(trial)
        alive = [result.trial for result in ranking(results) if not result.diverged]


def _train(trial: int, settings: Settings, advance: Advance, epochs: int) -> Result:
    started = time.perf_counter()
    try:
        accuracy, loss = advance(trial, settings, epochs)
    except DivergedError:
        accuracy = loss = math.nan
    seconds = round(time.perf_counter() - started, 3)
    return Result(trial, epochs, settings, accuracy, loss, seconds)


def ranking(results: Iterable[Result]) -> list[Result]:
    """The last result of each trial, the best first.

    Who was trained longer stands before who was not: it was the better one when they parted. Then
    the higher accuracy decides, then the lower loss. The diverged are last.
    """
    last: dict[int, Result] = {}
    for result in results:
        if result.trial not in last or last[result.trial].epochs < result.epochs:
            last[result.trial] = result
    return sorted(
        last.values(),
        key=lambda r: (True,) if r.diverged else (False, -r.epochs, -r.accuracy, r.loss),
    )


def write_csv(path: str | os.PathLike[str], results: Sequence[Result]) -> None:
    """Write a row a result: trial, epochs, each hyperparameter, accuracy, loss, seconds.

    Every digit is kept, so `read_csv` gives the same results back.
    """
    with (
        replacing(Path(path)) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow([*HEAD, *(results[0].settings if results else ()), *TAIL])
        for result in results:
            head, tail = ([getattr(result, name) for name in names] for names in (HEAD, TAIL))
            writer.writerow(map(json.dumps, [*head, *result.settings.values(), *tail]))


def read_csv(path: str | os.PathLike[str]) -> list[Result]:
    """Read what `write_csv` wrote."""
    results = []
    with Path(path).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = {name: json.loads(text) for name, text in row.items()}
            known = {name: values.pop(name) for name in (*HEAD, *TAIL)}
            results.append(Result(settings=values, **known))
    return results
