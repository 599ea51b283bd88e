"""Training on the data sets that ship with the package."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .. import _core, autograd, random
from ..data import load_digits
from ..nn import functional as F
from ..ops.creation import zeros
from ..tensor import Tensor


@dataclass
class TrainResult:
    """What a training run reached."""

    sizes: list[int]
    train_count: int
    test_count: int
    losses: list[float] = field(default_factory=list)  # mean training loss of each epoch
    accuracy: float = 0.0  # share of the held-out digits classified right
    seconds: float = 0.0
    test_images: Tensor | None = None  # (test_count, 64); with keep=True
    test_labels: Tensor | None = None  # (test_count,)
    predictions: Tensor | None = None  # (test_count,)


def _init_layers(
    sizes: Sequence[int], generator: random.Generator, device: _core.Device
) -> list[tuple[Tensor, Tensor]]:
    """Weights (out, in) uniform in ±1/√in, as PyTorch's Linear, and zero biases."""
    layers = []
    for fan_in, fan_out in pairwise(sizes):
        bound = fan_in**-0.5
        weight = random.uniform((fan_out, fan_in), low=-bound, high=bound, generator=generator, device=device)
        layers.append((weight.requires_grad_(), zeros(fan_out, device=device).requires_grad_()))
    return layers


def _logits(layers: Sequence[tuple[Tensor, Tensor]], x: Tensor) -> Tensor:
    for weight, bias in layers[:-1]:
        x = F.linear(x, weight, bias, activation="relu")
    weight, bias = layers[-1]
    return F.linear(x, weight, bias)


def train_digits(
    *,
    hidden: Sequence[int] = (128, 64),
    epochs: int = 40,
    batch_size: int = 32,
    lr: float = 0.05,
    momentum: float = 0.9,
    seed: int = 0,
    device: str = "cpu",
    keep: bool = False,
    on_epoch: Callable[[int, float, float], None] | None = None,
) -> TrainResult:
    """Train a multi-layer perceptron on four fifths of the UCI digits and test it on the rest.

    Stochastic gradient descent with momentum on the softmax cross-entropy; the learning rate falls
    to zero along a half cosine. With `keep` the result holds the held-out digits and what the network
    says of them. `on_epoch(epoch, loss, accuracy)` is called after each epoch. The
    same seed gives the same bits on any number of threads; another device rounds sums in another order.
    """
    import math

    place = _core.Device(device)  # raises for a device this build or machine lacks
    start = time.perf_counter()
    generator = random.Generator(seed)
    digits = load_digits()
    count = digits.labels.shape[0]
    order = random.randperm(count, generator=generator, device=place)
    images, labels = digits.images.reshape((count, 64)).to(place)[order], digits.labels.to(place)[order]
    held_out = count // 5
    test_x, test_y = images[:held_out], labels[:held_out]
    train_x, train_y = images[held_out:], labels[held_out:]
    sizes = [64, *hidden, 10]
    layers = _init_layers(sizes, generator, place)
    parameters = [p for layer in layers for p in layer]
    velocities = [zeros(p.shape, device=place) for p in parameters]
    result = TrainResult(sizes, count - held_out, held_out)
    steps = epochs * math.ceil((count - held_out) / batch_size)
    step = 0
    for epoch in range(1, epochs + 1):
        shuffled = random.randperm(count - held_out, generator=generator, device=place)
        total = 0.0
        for begin in range(0, count - held_out, batch_size):
            batch = shuffled[begin : begin + batch_size]
            loss = F.cross_entropy(_logits(layers, train_x[batch]), train_y[batch])
            loss.backward()
            rate = lr * 0.5 * (1 + math.cos(math.pi * step / steps))
            with autograd.no_grad():
                for p, v in zip(parameters, velocities, strict=True):
                    v *= momentum
                    v += p.grad
                    p -= rate * v
                    p.grad = None
            total += loss.item() * batch.shape[0]
            step += 1
        with autograd.no_grad():
            predictions = _logits(layers, test_x).argmax(axis=-1)
        result.accuracy = float((predictions == test_y).astype(_core.float64).mean())
        result.losses.append(total / (count - held_out))
        if on_epoch:
            on_epoch(epoch, result.losses[-1], result.accuracy)
    if keep:
        result.test_images, result.test_labels, result.predictions = test_x, test_y, predictions
    result.seconds = time.perf_counter() - start
    return result
