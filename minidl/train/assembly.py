"""From settings to the parts of a run: data, model, loss, optimiser, schedule, callbacks."""

from functools import partial

import numpy as np
from minidl_kernels import select
from minidl_kernels.threads import set_num_threads

from minidl import models, optim, random
from minidl.data import DataLoader, Dataset, get_dataset, transforms
from minidl.errors import InputError
from minidl.models.auxiliary import auxiliary_loss
from minidl.nn import Module
from minidl.optim import lr_scheduler
from minidl.shapes import shapes_only
from minidl.tensor import Tensor
from minidl.train import callbacks
from minidl.train.callbacks import Callback, LRSchedule
from minidl.train.config import Config, RunError
from minidl.train.evaluation import Loss
from minidl.train.views import named_views

EVALUATION_BATCH = 250


def prepare(config: Config) -> None:
    """Set what the numbers depend on: kernels, threads and the seed."""
    select(config.kernels)
    set_num_threads(config.threads)
    random.manual_seed(config.seed)


def load_data(config: Config, split: str) -> Dataset:
    """The training or the test images."""
    size = {"size": config.image_size} if config.data == "image_folder" else {}
    return get_dataset(config.data)(split=split, root=config.root, **size)


def build(config: Config, dataset: Dataset) -> Module:
    """The model, with new weights, for the images of a dataset."""
    classes, channels = len(dataset.classes), dataset.images.shape[1]
    options = {**config.options, "num_classes": classes, "in_channels": channels}
    return models.create(config.model, **options)


def check_takes(config: Config, dataset: Dataset) -> None:
    """Make sure, before any weight is drawn, that the model classifies images of these sizes.

    Raises:
        RunError: it does not take them, or returns something else than a score for each class.
    """
    height, width = (max(length, config.input_size) for length in dataset.images.shape[2:])
    for size in [(height, width), *((size, size) for size in config.sizes)]:
        images = np.zeros((1, dataset.images.shape[1], *size), np.float32)
        with shapes_only():
            try:
                output = build(config, dataset).eval()(images)
            except (InputError, TypeError) as error:
                raise RunError(
                    f"{config.model} does not take the images of {config.data} at "
                    f"{size[0]} x {size[1]} pixels: {error}"
                ) from error
        if not isinstance(output, Tensor) or output.shape != (1, len(dataset.classes)):
            raise RunError(
                f"{config.model} does not return one score for each class, so `minidl train` "
                "cannot train it; write the loop with its own loss, by `minidl.train.Trainer`"
            )


def transform(config: Config, dataset: Dataset, augment: bool) -> transforms.Compose:
    """What is done to a batch: augmentation if asked for, a border if need be, normalisation."""
    steps: list[transforms.Transform] = []
    height, width = dataset.images.shape[2:]
    if augment and config.rotation:
        steps.append(transforms.RandomRotation(config.rotation))
    if augment and config.crop_padding:
        steps.append(transforms.RandomCrop((height, width), padding=config.crop_padding))
    if augment and config.flip:
        steps.append(transforms.RandomHorizontalFlip())
    if augment and config.cutout:
        steps.append(transforms.Cutout(config.cutout))
    if config.input_size > height:
        steps.append(transforms.Pad((config.input_size - height) // 2))
    steps.append(transforms.Normalize(config.mean, config.std))
    return transforms.Compose(steps)


def train_batches(config: Config, train: Dataset) -> DataLoader:
    """The training images, shuffled and augmented, other ones in every epoch."""
    return DataLoader(
        train,
        config.batch_size,
        shuffle=True,
        transform=transform(config, train, augment=True),
        seed=config.seed,
    )


def test_batches(config: Config, test: Dataset) -> DataLoader:
    """The test images, in order and as they are."""
    return view_batches(config, test, "none")[0]


def view_batches(config: Config, test: Dataset, tta: str) -> list[DataLoader]:
    """The test images, in order, once for each of the views that `tta` names."""
    normalise = transform(config, test, augment=False)
    height, width = test.images.shape[2:]
    return [
        DataLoader(test, EVALUATION_BATCH, transform=transforms.Compose([view, normalise]))
        for view in named_views(tta, (height, width))
    ]


def loss(config: Config) -> Loss:
    """Cross-entropy; of models with auxiliary heads, in training, that of all heads."""
    return partial(auxiliary_loss, label_smoothing=config.label_smoothing)


def optimizer(config: Config, model: Module) -> optim.Optimizer:
    """The rule that moves the weights."""
    decay = config.weight_decay
    params = list(model.parameters())
    groups = params if config.decay_all else optim.decay_groups(params, decay)
    match config.optimizer:
        case "sgd":
            nesterov = config.momentum > 0
            return optim.SGD(groups, config.lr, config.momentum, 0.0, decay, nesterov)
        case "adam":
            return optim.Adam(groups, config.lr, weight_decay=decay)
        case "adamw":
            return optim.AdamW(groups, config.lr, weight_decay=decay)
        case "rmsprop":
            momentum = config.momentum
            return optim.RMSprop(groups, config.lr, weight_decay=decay, momentum=momentum)
        case "adagrad":
            return optim.Adagrad(groups, config.lr, weight_decay=decay)
    raise RunError(
        f"there is no optimizer {config.optimizer!r}; there are sgd, adam, adamw, rmsprop, adagrad"
    )


def schedule(config: Config, optimizer: optim.Optimizer, steps: int) -> LRSchedule:
    """The learning rate over the run; `steps` is the number of steps in an epoch."""
    total = config.epochs * steps
    match config.schedule:
        case "steps":
            milestones = sorted({config.epochs // 2, config.epochs * 3 // 4} - {0})
            return LRSchedule(lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1))
        case "cosine":
            return LRSchedule(lr_scheduler.CosineAnnealingLR(optimizer, total), per="step")
        case "one_cycle":
            cycle = lr_scheduler.OneCycleLR(
                optimizer, config.lr, total, pct_start=config.warmup, cycle_momentum=False
            )
            return LRSchedule(cycle, per="step")
    raise RunError(f"there is no schedule {config.schedule!r}; there are steps, cosine, one_cycle")


def tricks(config: Config) -> list[Callback]:
    """What else is switched on."""
    chosen: list[Callback] = []
    if config.sizes:
        chosen.append(callbacks.ProgressiveResizing(config.sizes))
    if config.mixup:
        chosen.append(callbacks.Mixup(config.mixup, seed=config.seed))
    if config.clip:
        chosen.append(callbacks.ClipGradients(config.clip))
    if config.average:
        chosen.append(callbacks.EMA(config.average))
    if config.patience:
        chosen.append(callbacks.EarlyStopping(config.patience))
    return chosen
