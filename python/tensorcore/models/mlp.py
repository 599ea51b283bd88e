"""The multi-layer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from .. import nn
from ..tensor import Tensor

_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "silu": nn.SiLU}


class MLP(nn.Module):
    """Linear layers with an activation between them: sizes (784, 256, 10) is one hidden layer of 256.

    Input (N, sizes[0]), or (N, …) with as many elements per sample, which are flattened; output
    (N, sizes[-1]), without an activation. `dropout` acts on every hidden layer. `activation` is relu,
    gelu, tanh, sigmoid or silu. ValueError with fewer than two sizes or an unknown activation.
    Source: Rumelhart, Hinton & Williams 1986.

    >>> tc.models.MLP((784, 256, 10))(tc.zeros((32, 1, 28, 28))).shape
    (32, 10)
    """

    def __init__(self, sizes: Sequence[int], *, activation: str = "relu", dropout: float = 0.0) -> None:
        super().__init__()
        if len(sizes) < 2 or any(size < 1 for size in sizes):
            raise ValueError(f"MLP: sizes must be two positive numbers or more, got {tuple(sizes)}")
        if activation not in _ACTIVATIONS:
            raise ValueError(f"MLP: activation must be one of {', '.join(_ACTIVATIONS)}, got {activation!r}")
        self.sizes = tuple(sizes)
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(sizes):
            if layers:
                layers.append(_ACTIVATIONS[activation]())
                if dropout:
                    layers.append(nn.Dropout(dropout))
            layers.append(nn.Linear(fan_in, fan_out))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The last layer's outputs."""
        return self.layers(x.reshape((x.shape[0], -1)))
