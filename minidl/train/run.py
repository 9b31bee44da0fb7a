"""A whole run in a folder, as `minidl train` does it: data, model, training, results, pictures."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from minidl_kernels import select
from minidl_kernels.threads import set_num_threads
from rich.console import Console

from minidl import models, random, viz, weights
from minidl.data import DataLoader, Dataset, get_dataset, transforms
from minidl.errors import InputError
from minidl.models.auxiliary import auxiliary_loss
from minidl.nn import Module
from minidl.optim import SGD, lr_scheduler
from minidl.shapes import shapes_only
from minidl.tensor import Tensor
from minidl.train.callbacks import BestWeights, Checkpoint, CSVLog, LRSchedule
from minidl.train.evaluation import Evaluation, evaluate
from minidl.train.folder import Folder, check_free
from minidl.train.history import History
from minidl.train.metrics import confusion_matrix
from minidl.train.progress import ProgressBar
from minidl.train.recipe import Config, RunError
from minidl.train.trainer import Trainer

EVALUATION_BATCH = 250


@dataclass(frozen=True)
class Results:
    """What a finished run achieved on the test images.

    Attributes:
        history: a row an epoch.
        best: of the epoch with the highest test accuracy. Being chosen by it, it flatters a little.
        last: the row of the last epoch, which nobody chose.
        parameters: how many numbers the model learned.
        pictures: files.
    """

    history: History
    best: Evaluation
    best_epoch: int
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
    prepare(config)
    train, test = (load_data(config, split) for split in ("train", "test"))
    config = replace(config, mean=train.mean, std=train.std)
    check_takes(config, train)
    model = build(config, train)
    if not resume:
        check_free(folder)
    config.save(folder.config)
    describe(config, folder, train, test, model, console)

    batches = DataLoader(
        train,
        config.batch_size,
        shuffle=True,
        transform=transform(config, train, augment=True),
        seed=config.seed,
    )
    optimizer = SGD(
        model.parameters(),
        lr=config.lr,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )
    best = BestWeights(folder.weights("best"))
    trainer = Trainer(
        model,
        optimizer,
        loss=auxiliary_loss,  # cross-entropy; of some models in training, that of several heads
        callbacks=[
            ProgressBar(console, valid_name="test"),
            schedule(config, optimizer, len(batches)),
            best,
            CSVLog(folder.history),
            Checkpoint(folder.checkpoint, folder.weights("last")),
        ],
    )
    checkpoint = folder.checkpoint if resume and folder.checkpoint.exists() else None
    history = trainer.fit(batches, test_batches(config, test), config.epochs, resume=checkpoint)

    model.load_state_dict(weights.load(folder.weights("best")))
    result = evaluate(model, test_batches(config, test))
    pictures = draw(folder.path, history, test, result)
    return Results(history, result, best.epoch, count_parameters(model), pictures)


def evaluate_run(folder: Folder, config: Config, which: str = "best") -> tuple[Dataset, Evaluation]:
    """Put the weights of a run to the test again: the test images, and what the model says.

    Args:
        which: the weights of the "best" or the "last" epoch.
    """
    prepare(config)
    test = load_data(config, "test")
    model = build(config, test)
    model.load_state_dict(weights.load(folder.weights(which)))
    return test, evaluate(model, test_batches(config, test))


def prepare(config: Config) -> None:
    """Set what the numbers depend on: kernels, threads and the seed."""
    select(config.kernels)
    set_num_threads(config.threads)
    random.manual_seed(config.seed)


def load_data(config: Config, split: str) -> Dataset:
    """The training or the test images."""
    return get_dataset(config.data)(split=split, root=config.root)


def build(config: Config, dataset: Dataset) -> Module:
    """The model, with new weights, for the images of a dataset."""
    classes, channels = len(dataset.classes), dataset.images.shape[1]
    options = {**config.options, "num_classes": classes, "in_channels": channels}
    return models.create(config.model, **options)


def check_takes(config: Config, dataset: Dataset) -> None:
    """Make sure, before any weight is drawn, that the model classifies images of this size.

    Raises:
        RunError: it does not take them, or returns something else than a score for each class.
    """
    size = [max(length, config.input_size) for length in dataset.images.shape[2:]]
    images = np.zeros((1, dataset.images.shape[1], *size), np.float32)
    with shapes_only():
        try:
            output = build(config, dataset).eval()(images)
        except (InputError, TypeError) as error:
            raise RunError(
                f"{config.model} does not take the images of {config.data}: {error}"
            ) from error
    if not isinstance(output, Tensor) or output.shape != (1, len(dataset.classes)):
        raise RunError(
            f"{config.model} does not return one score for each class, so `minidl train` cannot "
            "train it; write the loop with its own loss, by `minidl.train.Trainer`"
        )


def transform(config: Config, dataset: Dataset, augment: bool) -> transforms.Compose:
    """What is done to a batch: shift and mirror if `augment`, enlarge if need be, normalise."""
    steps: list[transforms.Transform] = []
    height, width = dataset.images.shape[2:]
    if augment and config.crop_padding:
        steps.append(transforms.RandomCrop((height, width), padding=config.crop_padding))
    if augment and config.flip:
        steps.append(transforms.RandomHorizontalFlip())
    if config.input_size > height:
        steps.append(transforms.Pad((config.input_size - height) // 2))
    steps.append(transforms.Normalize(config.mean, config.std))
    return transforms.Compose(steps)


def test_batches(config: Config, test: Dataset) -> DataLoader:
    """The test images, in order and as they are."""
    return DataLoader(test, EVALUATION_BATCH, transform=transform(config, test, augment=False))


def schedule(config: Config, optimizer: SGD, steps: int) -> LRSchedule:
    """The learning rate over the run; `steps` is the number of steps in an epoch."""
    if config.schedule == "steps":
        milestones = sorted({config.epochs // 2, config.epochs * 3 // 4} - {0})
        return LRSchedule(lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1))
    return LRSchedule(lr_scheduler.CosineAnnealingLR(optimizer, config.epochs * steps), per="step")


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
    if config.options:
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
