"""Normalisation."""

import numpy as np

import tensorcore as tc
import tensorcore.nn.functional as F

from .row import Op


def normal(*shapes):
    return lambda rng: [rng.standard_normal(s) * 2 for s in shapes]


def normalized(x, axes, eps=1e-5):
    mean = x.mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=axes, keepdims=True) + eps)


def per_channel(w, x):
    return w.reshape((1, -1) + (1,) * (x.ndim - 2))


def batch_norm(x, w, b):
    axes = (0, *range(2, x.ndim))
    return normalized(x, axes) * per_channel(w, x) + per_channel(b, x)


def group_norm(x, w, b, groups):
    y = normalized(x.reshape(x.shape[0], groups, -1), (2,)).reshape(x.shape)
    return y * per_channel(w, x) + per_channel(b, x)


def local_response(x, size, alpha, beta, k):
    total = np.zeros_like(x)
    for c in range(x.shape[1]):
        low, high = max(0, c - size // 2), min(x.shape[1], c + (size - 1) // 2 + 1)
        total[:, c] = (x[:, low:high] ** 2).sum(axis=1)
    return x / (k + alpha / size * total) ** beta


MEAN, VAR = np.array([0.5, -1.0, 0.0]), np.array([1.0, 2.0, 0.5])
S = (4, 3, 5)
# Errors are relative to the largest normalised value times the parameters, not to each element; a constant row
# (the broadcast layout) divides rounding errors of its mean by sqrt(eps), so that layout is left out.
COMMON = {"scale": lambda *xs: 30.0, "terms": 30, "layouts": False}


def ones(*shape):
    return tc.ones(shape)


ROWS = [
    Op(
        "batch_norm",
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        batch_norm,
        normal(S, (3,), (3,)),
        **COMMON,
        errors=[
            (
                lambda: F.batch_norm(ones(4), None, None, training=True),
                ValueError,
                "batch_norm: x must have the axes (batch, channels, ...), got shape (4,)",
            ),
            (
                lambda: F.batch_norm(ones(2, 3), None, None),
                ValueError,
                "batch_norm: running_mean and running_var must be given when training is false",
            ),
            (
                lambda: F.batch_norm(ones(1, 3), None, None, training=True),
                ValueError,
                "batch_norm: training needs more than one value per channel, got x of shape (1, 3)",
            ),
            (
                lambda: F.batch_norm(ones(2, 3), None, None, ones(2), training=True),
                ValueError,
                "batch_norm: weight must have one element per channel, shape (3,), got (2,)",
            ),
            (
                lambda: F.batch_norm(tc.asarray([[1], [2]]), None, None, training=True),
                TypeError,
                "batch_norm: x must be of a floating dtype, got int64",
            ),
        ],
    ),
    Op(
        "batch_norm[matrix]",
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True),
        batch_norm,
        normal((7, 70), (70,), (70,)),
        **COMMON,
    ),
    Op(
        "batch_norm[eval]",
        lambda x, w, b: F.batch_norm(x, tc.asarray(MEAN, device=x.device), tc.asarray(VAR, device=x.device), w, b),
        lambda x, w, b: (
            (x - per_channel(MEAN, x)) / np.sqrt(per_channel(VAR, x) + 1e-5) * per_channel(w, x) + per_channel(b, x)
        ),
        normal(S, (3,), (3,)),
        **COMMON,
        empty=lambda: [(0, 3, 5), (3,), (3,)],
    ),
    Op(
        "layer_norm",
        lambda x, w, b: F.layer_norm(x, (3, 5), w, b),
        lambda x, w, b: normalized(x, (1, 2)) * w + b,
        normal(S, (3, 5), (3, 5)),
        **COMMON,
        empty=lambda: [(0, 3, 5), (3, 5), (3, 5)],
        errors=[
            (
                lambda: F.layer_norm(ones(2, 3), 4),
                ValueError,
                "layer_norm: the last axes of x must have the extents normalized_shape=(4,), got x of shape (2, 3)",
            ),
            (lambda: F.layer_norm(ones(2, 3), 3, eps=-1.0), ValueError, "layer_norm: eps must not be negative, got -1"),
        ],
    ),
    Op("layer_norm[plain]", lambda x: F.layer_norm(x, 5), lambda x: normalized(x, (2,)), normal(S), **COMMON),
    Op(
        "rms_norm",
        lambda x, w: F.rms_norm(x, 5, w, 1e-5),
        lambda x, w: x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-5) * w,
        normal(S, (5,)),
        **COMMON,
        empty=lambda: [(0, 5), (5,)],
        errors=[
            (lambda: F.rms_norm(ones(2, 3), 3, ones(2)), ValueError, "rms_norm: weight must have shape (3,), got (2,)")
        ],
    ),
    Op(
        "group_norm",
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda x, w, b: group_norm(x, w, b, 2),
        normal((3, 6, 4), (6,), (6,)),
        **COMMON,
        errors=[
            (
                lambda: F.group_norm(ones(2, 3), 2),
                ValueError,
                "group_norm: num_groups must divide the number of channels 3, got 2",
            )
        ],
    ),
    Op(
        "group_norm[matrix]",
        lambda x, w, b: F.group_norm(x, 2, w, b),
        lambda x, w, b: group_norm(x, w, b, 2),
        normal((3, 12), (12,), (12,)),
        **COMMON,
    ),
    Op(
        "instance_norm",
        lambda x, w, b: F.instance_norm(x, weight=w, bias=b),
        lambda x, w, b: group_norm(x, w, b, 3),
        normal(S, (3,), (3,)),
        **COMMON,
        errors=[
            (
                lambda: F.instance_norm(ones(2, 3, 1)),
                ValueError,
                "instance_norm: needs more than one value per sample and channel, got x of shape (2, 3, 1)",
            )
        ],
    ),
    Op(
        "normalize",
        F.normalize,
        lambda x: x / np.sqrt((x * x).sum(axis=1, keepdims=True)),
        normal(S),
        terms=8,
        errors=[(lambda: F.normalize(ones(2, 3), p=0), ValueError, "normalize: p must be positive and finite, got 0")],
    ),
    Op(
        "normalize[p=3]",
        lambda x: F.normalize(x, p=3.0, axis=-1),
        lambda x: x / (np.abs(x) ** 3).sum(axis=-1, keepdims=True) ** (1 / 3),
        normal(S),
        terms=64,
        layouts=False,
    ),
    Op(
        "local_response_norm",
        lambda x: F.local_response_norm(x, 3, 0.5, 0.75, 2.0),
        lambda x: local_response(x, 3, 0.5, 0.75, 2.0),
        normal(S),
        terms=64,
        layouts=False,
        tolerance_factor=4.0,
        reason="half types round after each of its composed steps",
        errors=[
            (
                lambda: F.local_response_norm(ones(2, 3), 3),
                ValueError,
                "local_response_norm: x must have the axes (batch, channels, space, ...), got shape (2, 3)",
            )
        ],
    ),
    Op(
        "local_response_norm[even]",
        lambda x: F.local_response_norm(x, 2, 0.5, 0.75, 2.0),
        lambda x: local_response(x, 2, 0.5, 0.75, 2.0),
        normal(S),
        terms=64,
        layouts=False,
        tolerance_factor=4.0,
        reason="half types round after each of its composed steps",
    ),
]
