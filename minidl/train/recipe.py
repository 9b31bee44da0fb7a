"""What is to be trained, and how: recipes in files, and what is usual where nothing was said.

A recipe is a file of settings in `recipes/`, chosen and proved as a whole. Without one, the tables
below fill in what the user left open: what suits the dataset, and what the model needs.
"""

import difflib
import tomllib
from dataclasses import fields
from importlib import resources
from typing import Any

from minidl_kernels import active, use
from minidl_kernels.threads import num_threads

from minidl import data, models
from minidl.train.config import Config, RunError, with_tuples

FOLDER = resources.files("minidl.train") / "recipes"

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
FOR_DATASET: dict[str, dict[str, Any]] = {
    "digits": DIGITS,
    "mnist": {"model": "lenet5", "epochs": 4, "batch_size": 64, "lr": 0.02},
    "fashion_mnist": {"model": "resnet20", "epochs": 10, "batch_size": 128, "lr": 0.1},
    "cifar10": CIFAR,
    "cifar100": CIFAR,
    "image_folder": CIFAR | {"batch_size": 32, "lr": 0.05},  # photographs, probably not many
}
LARGEST = 32  # pixels, the height and width of the largest images of these datasets
EVERYWHERE: dict[str, Any] = {
    "momentum": 0.9,
    "weight_decay": 1e-4,
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
FOR_MODEL: dict[str, dict[str, Any]] = {
    "lenet5": {"lr": 0.02, "batch_size": 64},  # has no batch norm to bear a large learning rate
    **{model: {"lr": 0.01} for model in WITHOUT_BATCH_NORM},
    "densenet40": {"batch_size": 64},  # Huang et al. 2017, section 4.2
    "densenet_bc40": {"batch_size": 64},
    "densenet_bc100": {"batch_size": 64},
    "densenet_bc250": {"batch_size": 64},
}
INPUT_SIZES = {"lenet5": 32}  # pixels; the other models that are made for small images take any

LONG = 100  # epochs from which the schedule is that of the papers


def recipes() -> list[str]:
    """The names of all recipes."""
    return sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir())


def recipe_text(name: str) -> str:
    """The file of a recipe, to be read.

    Raises:
        RunError: no recipe has this name; the message lists those there are.
    """
    if name not in recipes():
        close = difflib.get_close_matches(name, recipes(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise RunError(f"there is no recipe {name!r}; there are {', '.join(recipes())}.{hint}")
    return (FOLDER / f"{name}.toml").read_text(encoding="utf-8")


def read_recipe(name: str) -> dict[str, Any]:
    """The settings in the file of a recipe.

    Raises:
        RunError: there is no such recipe, or it sets what is no setting.
    """
    settings = with_tuples(tomllib.loads(recipe_text(name)))
    known = {field.name for field in fields(Config)}
    if unknown := settings.keys() - known:
        raise RunError(f"recipe {name} sets {', '.join(sorted(unknown))}, which is no setting")
    return settings


def configure(
    model: str | None, dataset: str | None, chosen: dict[str, Any], recipe: str | None = None
) -> Config:
    """Fill in what the user left open: by a recipe, or by the model, the dataset and what is usual.

    Args:
        model: a model's name; None for the recipe's, or the dataset's usual one.
        dataset: a dataset's name; None for the recipe's, or the digits.
        chosen: further settings by name, which go before all others; None stands for not chosen.
        recipe: the name of a recipe, whose settings are all taken.

    Raises:
        RunError: there is no such model, dataset, recipe or kernel set; the message suggests
            another.
    """
    settings = {} if recipe is None else read_recipe(recipe)
    dataset = dataset or settings.get("data", "digits")
    try:
        data.get_dataset(dataset)
        model = models.entry(model or settings.get("model") or FOR_DATASET[dataset]["model"]).name
        with use(chosen.get("kernels") or active().name):
            kernels = active().name
    except ValueError as error:
        raise RunError(str(error)) from None
    if recipe is None:
        settings = FOR_DATASET[dataset] | FOR_MODEL.get(model, {})
    chosen = {name: value for name, value in chosen.items() if value is not None}
    settings = (
        EVERYWHERE | _configuration(model, chosen.get("image_size", LARGEST)) | settings | chosen
    )
    if dataset == "image_folder":
        settings.setdefault("image_size", settings["input_size"] or LARGEST)
    settings.setdefault("schedule", "steps" if settings["epochs"] >= LONG else "cosine")
    settings.setdefault("threads", num_threads())
    return Config(**(settings | {"model": model, "data": dataset, "kernels": kernels}))


def _configuration(model: str, image_size: int) -> dict[str, Any]:
    """The standard configuration of a model made for such images, the small one of any other."""
    entry = models.entry(model)
    if entry.small is None or entry.input_shape[1] <= image_size:
        return {"input_size": INPUT_SIZES.get(model, 0)}
    return {"options": entry.small.options, "input_size": entry.small.input_shape[1]}
