"""All settings of a run, and the file that keeps them."""

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from minidl.weights import replacing


class RunError(ValueError):
    """A run cannot start, or cannot go on, with this folder or these settings."""


@dataclass(frozen=True)
class Config:
    """All settings of a run. With the same settings a run gives the same numbers.

    Attributes:
        model, data: names in `models.list_models()` and `data.LOADERS`.
        epochs, batch_size: how long, and how many images a step.
        lr: the learning rate at the start; with one_cycle, at its peak.
        momentum: of SGD (Nesterov's) and RMSprop.
        weight_decay: pull of the weights to 0.
        schedule: "cosine" (lr falls to 0 along half a cosine, step by step), "steps" (a tenth
            after 1/2 and again after 3/4 of the epochs; He et al. 2016, Huang et al. 2017),
            "one_cycle" (up for `warmup` of the steps, then down to nothing; Smith 2018).
        seed: of the initial weights, dropout, and the loader's order and augmentation.
        kernels: "naive", "numpy" or "numba".
        threads: how many; the bits of the result do not depend on it.
        optimizer: "sgd", "adam", "adamw", "rmsprop" or "adagrad".
        warmup: of the one_cycle schedule, the share of the steps that goes up.
        decay_all: whether norms and biases are pulled to 0 too.
        clip: largest norm of all gradients together; 0 for any.
        label_smoothing: the share of each label that is spread over all classes.
        average: decay of the moving average of the weights that is tested and kept; 0 for none.
        mixup: α of mixup (Zhang et al. 2018); 0 for none.
        crop_padding: pixels by which images are shifted at random; 0 for none.
        flip: mirror half of the images.
        rotation: degrees by which images are turned at random, either way.
        cutout: side, in pixels, of a square that is blotted out at random; 0 for none.
        sizes: heights and widths that training images are brought to, each for an equal part of the
            run ("progressive resizing"); none leaves them as they are.
        patience: epochs without a better validation loss after which the run stops; 0 for never.
        tta: the views of each image whose answers are averaged in the final test: "none", "flip"
            (it and its mirror image), "five" or "ten" crops.
        mean, std: of the training images, per channel, with pixels between 0 and 1.
        options: arguments for the model's constructor: the recipe's, or those of its small
            configuration, where its standard images are larger than the dataset's; else none.
        input_size: smaller images get a border of zeros up to this height and width.
        image_size: height and width that photographs (image_folder) are brought to.
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
    seed: int
    kernels: str
    threads: int
    optimizer: str = "sgd"
    warmup: float = 0.3
    decay_all: bool = True
    clip: float = 0.0
    label_smoothing: float = 0.0
    average: float = 0.0
    mixup: float = 0.0
    crop_padding: int = 0
    flip: bool = False
    rotation: float = 0.0
    cutout: int = 0
    sizes: tuple[int, ...] = ()
    patience: int = 0
    tta: str = "none"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    input_size: int = 0
    image_size: int = 0
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
            return cls(**with_tuples(settings))
        except (ValueError, TypeError) as error:
            names = ", ".join(field.name for field in fields(cls))
            raise RunError(
                f"{path} does not hold the settings of a run ({error!r}); it must be JSON with "
                f"the names: {names}"
            ) from error


def with_tuples(value: Any) -> Any:
    """What JSON or TOML has read, with tuples in place of lists."""
    if isinstance(value, dict):
        return {key: with_tuples(inner) for key, inner in value.items()}
    return tuple(map(with_tuples, value)) if isinstance(value, list) else value
