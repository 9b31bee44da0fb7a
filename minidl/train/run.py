"""A whole run in a folder, as `minidl train` does it: data, model, training, results, pictures."""

from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from minidl import models, viz, weights
from minidl.data import Dataset
from minidl.nn import Module
from minidl.train import assembly
from minidl.train.callbacks import BestWeights, Checkpoint, CSVLog
from minidl.train.config import Config
from minidl.train.ensemble import evaluate_ensemble
from minidl.train.evaluation import Evaluation
from minidl.train.folder import Folder, check_free
from minidl.train.history import History
from minidl.train.metrics import confusion_matrix
from minidl.train.progress import ProgressBar
from minidl.train.trainer import Trainer


@dataclass(frozen=True)
class Results:
    """What a finished run achieved on the test images.

    Attributes:
        history: a row an epoch.
        best: of the epoch with the highest test accuracy. Being chosen by it, it flatters a little.
        last: of the last epoch, which nobody chose.
        parameters: how many numbers the model learned.
        pictures: files.
    """

    history: History
    best: Evaluation
    best_epoch: int
    last: Evaluation
    parameters: int
    pictures: list[Path]


def run(config: Config, folder: Folder, console: Console, resume: bool = False) -> Results:
    """Train as `config` says and leave everything in `folder`.

    Args:
        config: the settings.
        folder: made if need be.
        console: shows the progress.
        resume: go on from the folder's checkpoint. The weights and the history will be those of a
            run never stopped, bit for bit (its clock times aside).

    Raises:
        KeyboardInterrupt: after Ctrl-C. The checkpoint was saved.
        DivergedError: the loss became NaN or infinite.
    """
    assembly.prepare(config)
    train, test = (assembly.load_data(config, split) for split in ("train", "test"))
    config = replace(config, mean=train.mean, std=train.std)
    assembly.check_takes(config, train)
    model = assembly.build(config, train)
    if not resume:
        check_free(folder)
    config.save(folder.config)
    describe(config, folder, train, test, model, console)

    train_batches = assembly.train_batches(config, train)
    optimizer = assembly.optimizer(config, model)
    best = BestWeights(folder.weights("best"))
    trainer = Trainer(
        model,
        optimizer,
        loss=assembly.loss(config),
        callbacks=[
            ProgressBar(console, valid_name="test"),
            assembly.schedule(config, optimizer, len(train_batches)),
            *assembly.tricks(config),
            best,
            CSVLog(folder.history),
            Checkpoint(folder.checkpoint, folder.weights("last")),
        ],
    )
    checkpoint = folder.checkpoint if resume and folder.checkpoint.exists() else None
    test_batches = assembly.test_batches(config, test)
    history = trainer.fit(train_batches, test_batches, config.epochs, resume=checkpoint)

    _, result = evaluate_run(folder, config, "best", config.tta)
    last = result
    if best.epoch < len(history):
        _, last = evaluate_run(folder, config, "last", config.tta)
    pictures = draw(folder.path, history, test, result)
    return Results(history, result, best.epoch, last, count_parameters(model), pictures)


def evaluate_run(
    folder: Folder, config: Config, which: str = "best", tta: str = "none"
) -> tuple[Dataset, Evaluation]:
    """Put the weights of a run to the test again: the test images, and what the model says.

    Args:
        which: the weights of the "best" or the "last" epoch.
        tta: the views of each image to average over: "none", "flip", "five" or "ten".
    """
    assembly.prepare(config)
    test = assembly.load_data(config, "test")
    model = assembly.build(config, test)
    model.load_state_dict(weights.load(folder.weights(which)))
    return test, evaluate_ensemble([model], assembly.view_batches(config, test, tta))


def draw(path: Path, history: History, test: Dataset, result: Evaluation) -> list[Path]:
    """Save the pictures of a run."""
    matrix = confusion_matrix(result.labels, result.predictions, len(test.classes))
    figures = {
        "curves": viz.curves(history, valid_name="test"),
        "confusion_matrix": viz.confusion_matrix(matrix, test.classes),
        "misclassified": viz.misclassified(
            test.images, result.labels, result.predictions, result.probabilities, test.classes
        ),
    }
    files = []
    for name, figure in figures.items():
        files.append(path / f"{name}.png")
        figure.savefig(files[-1])
    return files


def count_parameters(model: Module) -> int:
    """How many numbers a model learns."""
    return sum(parameter.data.size for parameter in model.parameters())


def describe(
    config: Config, folder: Folder, train: Dataset, test: Dataset, model: Module, console: Console
) -> None:
    """Say what will be trained on what."""
    lines = [
        f"{config.model}, {count_parameters(model):,} parameters, on {config.data}: "
        f"{len(train):,} images to learn from, {len(test):,} held out to test",
        f"{config.epochs} epoch{_s(config.epochs)}, batches of {config.batch_size}, "
        f"learning rate {config.lr:g} "
        f"({config.schedule}), seed {config.seed}, {config.kernels} kernels, "
        f"{config.threads} thread{_s(config.threads)}",
        f"folder: {folder.path}",
    ]
    small = models.entry(config.model).small
    if config.options and small is not None and config.options == small.options:
        given = ", ".join(f"{name}={value}" for name, value in config.options.items())
        height, width = models.entry(config.model).input_shape[1:]
        lines.insert(
            1,
            f"{config.model} in its small configuration ({given}), because its standard images are "
            f"{height} x {width} pixels",
        )
    console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _s(count: int) -> str:
    """The plural's ending."""
    return "" if count == 1 else "s"
