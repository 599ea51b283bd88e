"""Transforms of pictures: on one of shape (C, H, W), or on a batch (N, C, H, W) of which each gets its own randomness.

Random transforms take their numbers from their `generator` or, without one, from the current generator, which in a
loader is that of the batch: leave `generator` out there, and pictures are the same for any number of workers.

    augment = transforms.Compose([
        transforms.ToFloat(), transforms.RandomCrop(28, padding=2), transforms.Normalize([0.1307], [0.3081]),
    ])
    loader = DataLoader(data, 64, shuffle=True, seed=0, batch_transform=transforms.OnItem(augment))
"""

from .basic import Compose, Lambda, Normalize, OneHot, OnItem, Scale, ToFloat
from .crop import CenterCrop, RandomCrop, RandomErasing, RandomHorizontalFlip, RandomVerticalFlip
from .warp import RandomAffine, RandomRotation, Resize

__all__ = [
    "CenterCrop",
    "Compose",
    "Lambda",
    "Normalize",
    "OnItem",
    "OneHot",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "Scale",
    "ToFloat",
]
