"""Changes to a whole batch of images at once: augmentation, resizing, colour, normalisation.

    augment = Compose([RandomCrop(32, padding=4), RandomHorizontalFlip(), Normalize(mean, std)])

A transform is called as `transform(batch, rng)`. `batch` is (N, C, H, W), uint8 until `Normalize`
makes it float32; `rng` is the generator that the loader made for this batch, so that what is drawn
depends on the seed and on nothing else. Each image draws its own values, and its result depends on
no other image's pixels. A transform returns a new array, and leaves its input as it was.

Names, arguments and defaults are those of torchvision.transforms.v2 where it has them; a docstring
says what differs. Wherever pixels are read between pixels, the reading is bilinear, and a pixel is
a square whose centre lies half a pixel inside its edges (PyTorch's align_corners=False).
"""

from minidl.data.transforms.affine import RandomAffine, RandomRotation
from minidl.data.transforms.blur import GaussianBlur, MedianBlur
from minidl.data.transforms.colour import RGB, ColorJitter, Gamma, Grayscale
from minidl.data.transforms.compose import Compose, RandomApply
from minidl.data.transforms.crop import CenterCrop, Pad, RandomCrop
from minidl.data.transforms.erase import Cutout
from minidl.data.transforms.mirror import RandomHorizontalFlip, RandomVerticalFlip
from minidl.data.transforms.normalize import Normalize
from minidl.data.transforms.resize import RandomResizedCrop, Resize
from minidl.data.transforms.transform import Transform

__all__ = [
    "RGB",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "Cutout",
    "Gamma",
    "GaussianBlur",
    "Grayscale",
    "MedianBlur",
    "Normalize",
    "Pad",
    "RandomAffine",
    "RandomApply",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "Transform",
]
