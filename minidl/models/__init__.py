"""The architectures, one file a paper: `create("resnet20", num_classes=10)`, `list_models()`."""

from minidl.models import (  # noqa: F401 - importing registers them
    alexnet,
    capsnet,
    cmpe_se,
    conv_autoencoder,
    convnext,
    densenet,
    efficientnet,
    fractalnet,
    googlenet,
    highway,
    hrnet,
    inception_resnet_v2,
    inception_v3,
    inception_v4,
    lenet,
    mobilenet_v1,
    mobilenet_v2,
    nasnet,
    nin,
    preact_resnet,
    residual_attention,
    resnet,
    resnet_cifar,
    resnext,
    se_resnet,
    siamese,
    unet,
    vgg,
    vit,
    wide_resnet,
    xception,
    zfnet,
)
from minidl.models.registry import Entry, Small, create, create_small, entry, list_models

__all__ = ["Entry", "Small", "create", "create_small", "entry", "list_models"]
