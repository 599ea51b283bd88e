"""A small convolutional network in the manner of LeNet."""

from __future__ import annotations

from collections.abc import Sequence

from .. import nn
from ..tensor import Tensor


class CNN(nn.Module):
    """Blocks of convolution 3×3, batch normalisation, ReLU and 2×2 max-pooling, then two linear layers.

    Input (N, channels, height, width); output (N, classes) logits. `widths` are the channels of the
    blocks, each of which halves height and width; `convolutions` how many convolutions a block has.
    ValueError where a picture of `size` is too small for so many blocks.
    Source: LeCun et al. 1998, with the batch normalisation of Ioffe & Szegedy 2015.

    >>> tc.models.CNN()(tc.zeros((8, 1, 28, 28))).shape
    (8, 10)
    """

    def __init__(
        self,
        *,
        channels: int = 1,
        size: tuple[int, int] = (28, 28),
        classes: int = 10,
        widths: Sequence[int] = (32, 64),
        convolutions: int = 1,
        hidden: int = 128,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        shrink = 2 ** len(widths)
        height, width = size[0] // shrink, size[1] // shrink
        if height < 1 or width < 1:
            raise ValueError(f"CNN: pictures of {size[0]}×{size[1]} are too small for {len(widths)} blocks")
        layers: list[nn.Module] = []
        for wide in widths:
            for _ in range(convolutions):
                layers += [nn.Conv2d(channels, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()]
                channels = wide
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * height * width, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the classes."""
        return self.classifier(self.features(x))
