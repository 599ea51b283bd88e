"""Activations composed of others."""

import numpy as np

import tensorcore as tc

from .row import Op

F = tc.nn.functional


def away(rng):
    """Numbers that keep a distance from ±0.5 and 0, where derivatives jump."""
    return [rng.choice([-2.0, -1.0, -0.25, 0.25, 1.0, 2.0], (4, 5)) + rng.uniform(-0.1, 0.1, (4, 5))]


def softmin(x):
    e = np.exp(-(x - x.min(1, keepdims=True)))
    return e / e.sum(1, keepdims=True)


ROWS = [
    Op("hardshrink", F.hardshrink, lambda x: np.where(np.abs(x) <= 0.5, 0, x), away, empty=lambda: [(0, 3)]),
    Op(
        "softshrink",
        F.softshrink,
        lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0),
        away,
        errors=[(lambda: F.softshrink(tc.ones(1), -1), ValueError, "softshrink: lambd must not be negative, got -1")],
    ),
    Op("tanhshrink", F.tanhshrink, lambda x: x - np.tanh(x), away, scale=lambda x: 4.0),
    Op(
        "rrelu",
        F.rrelu,
        lambda x: np.where(x >= 0, x, x * (1 / 8 + 1 / 3) / 2),
        away,
        errors=[(lambda: F.rrelu(tc.ones(1), 2, 1), ValueError, "rrelu: lower must not exceed upper, got 2 and 1")],
    ),
    Op("softmin", lambda x: F.softmin(x, 1), softmin, away, terms=5),
]
