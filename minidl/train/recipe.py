"""What `minidl train` does when it is told little: the settings for each dataset, as a table."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from minidl_kernels import active, use
from minidl_kernels.threads import num_threads

from minidl import data, models
from minidl.weights import replacing

# The images of CIFAR may be mirrored and shifted by 4 pixels (He et al. 2016, section 4.2).
CIFAR = {
    "model": "resnet20",
    "epochs": 30,
    "batch_size": 128,
    "lr": 0.1,
    "crop_padding": 4,
    "flip": True,
}
# The digits are few: shifts by a pixel and a strong weight decay raised the accuracy by half a
# percent on a quarter of the training images that was held out to choose them (4 seeds each). On
# the test images the gain does not stand out from the spread between seeds.
DIGITS = {
    "model": "resnet8",
    "epochs": 20,
    "batch_size": 32,
    "lr": 0.05,
    "weight_decay": 2e-3,
    "crop_padding": 1,
}
RECIPES: dict[str, dict[str, Any]] = {
    "digits": DIGITS,
    "mnist": {"model": "lenet5", "epochs": 4, "batch_size": 64, "lr": 0.02},
    "fashion_mnist": {"model": "resnet20", "epochs": 10, "batch_size": 128, "lr": 0.1},
    "cifar10": CIFAR,
    "cifar100": CIFAR,
}
LARGEST = 32  # pixels, the height and width of the largest images of these datasets
EVERYWHERE: dict[str, Any] = {
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "crop_padding": 0,
    "flip": False,
    "seed": 0,
}
# These do not bear a large learning rate.
WITHOUT_BATCH_NORM = (
    *("alexnet", "alexnet_owt", "zfnet", "googlenet", "highway19", "highway32"),
    *("vgg11", "vgg11_lrn", "vgg13", "vgg16", "vgg16_c", "vgg19"),
    *(f"convnext_{size}" for size in ("tiny", "small", "base", "large")),
    *(f"vit_{size}" for size in ("tiny", "small", "base")),
)
# What a model needs other than its dataset's recipe says.
MODELS: dict[str, dict[str, Any]] = {
    "lenet5": {"lr": 0.02, "batch_size": 64},  # has no batch norm to bear a large learning rate
    **{model: {"lr": 0.01} for model in WITHOUT_BATCH_NORM},
    "densenet40": {"batch_size": 64},  # Huang et al. 2017, section 4.2
    "densenet_bc40": {"batch_size": 64},
    "densenet_bc100": {"batch_size": 64},
    "densenet_bc250": {"batch_size": 64},
}
INPUT_SIZES = {"lenet5": 32}  # pixels; the other models that are made for small images take any

LONG = 100  # epochs from which the schedule is that of the papers


class RunError(ValueError):
    """A run cannot start, or cannot go on, with this folder or these settings."""


@dataclass(frozen=True)
class Config:
    """All settings of a run. With the same settings a run gives the same numbers.

    Attributes:
        model, data: names in `models.list_models()` and `data.DATASETS`.
        epochs, batch_size, lr, momentum, weight_decay: of training with SGD (Nesterov's momentum).
        schedule: "cosine" (lr falls to 0 along half a cosine, step by step) or "steps" (a tenth
            after 1/2 and again after 3/4 of the epochs; He et al. 2016, Huang et al. 2017).
        crop_padding: pixels by which images are shifted at random; 0 for none.
        flip: mirror half of the images.
        seed: of the initial weights, dropout, and the loader's order and augmentation.
        kernels: "naive", "numpy" or "numba".
        threads: how many; the bits of the result depend on it.
        mean, std: of the training images, per channel, with pixels between 0 and 1.
        options: arguments for the model's constructor: those of its small configuration, where its
            standard images are larger than the dataset's; else none.
        input_size: smaller images get a border of zeros up to this height and width.
        root: folder with the dataset's files; None for the usual places.
    """

    model: str
    data: str
    epochs: int
    batch_size: int
    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    crop_padding: int
    flip: bool
    seed: int
    kernels: str
    threads: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    input_size: int = 0
    root: str | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the settings as JSON."""
        with replacing(Path(path)) as temporary:
            temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Config":
        """Read what `save` wrote.

        Raises:
            RunError: the file is not such a JSON file.
        """
        try:
            settings = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(**_with_tuples(settings))
        except (ValueError, TypeError) as error:
            names = ", ".join(field.name for field in fields(cls))
            raise RunError(
                f"{path} does not hold the settings of a run ({error!r}); it must be JSON with "
                f"exactly: {names}"
            ) from error


def configure(model: str | None, dataset: str, chosen: dict[str, Any]) -> Config:
    """Fill in what the user left open: the user's choice goes before the model's, the dataset's.

    Args:
        model: a model's name; None for the dataset's usual one.
        dataset: a dataset's name.
        chosen: further settings by name; None stands for not chosen.

    Raises:
        RunError: there is no such model, dataset or kernel set; the message suggests another.
    """
    try:
        data.get_dataset(dataset)
        model = models.entry(model or RECIPES[dataset]["model"]).name
        with use(chosen.get("kernels") or active().name):
            kernels = active().name
    except ValueError as error:
        raise RunError(str(error)) from None
    chosen = {name: value for name, value in chosen.items() if value is not None}
    settings = EVERYWHERE | RECIPES[dataset] | MODELS.get(model, {}) | chosen | {"model": model}
    settings |= _configuration(model)
    settings.setdefault("schedule", "steps" if settings["epochs"] >= LONG else "cosine")
    settings.setdefault("threads", num_threads())
    return Config(data=dataset, **(settings | {"kernels": kernels}))


def _configuration(model: str) -> dict[str, Any]:
    """The standard configuration of a model for small images, the small one of any other."""
    entry = models.entry(model)
    if entry.small is None or entry.input_shape[1] <= LARGEST:
        return {"input_size": INPUT_SIZES.get(model, 0)}
    return {"options": entry.small.options, "input_size": entry.small.input_shape[1]}


def _with_tuples(value: Any) -> Any:
    """What JSON has read, with tuples in place of lists, as they were before."""
    if isinstance(value, dict):
        return {key: _with_tuples(inner) for key, inner in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value
