"""The architectures, one file a paper: `create("resnet20", num_classes=10)`, `list_models()`."""

from minidl.models import densenet, lenet, resnet_cifar  # noqa: F401 - importing registers them
from minidl.models.registry import Entry, Small, create, create_small, entry, list_models

__all__ = ["Entry", "Small", "create", "create_small", "entry", "list_models"]
