"""Losses composed of elementwise ops."""

import numpy as np

import tensorcore as tc

from .row import Op

F = tc.nn.functional


def pair(low=-2.0, high=2.0, shape=(4, 3)):
    return lambda rng: [rng.uniform(low, high, shape), rng.uniform(low, high, shape)]


def signs(rng):
    return [rng.uniform(-2, 2, (4, 3)), np.array([1.0, -1.0, 1.0]) * np.ones((4, 3))]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def huber(x, t, delta):
    d = np.abs(x - t)
    return np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def log_probabilities(rng):
    x = rng.standard_normal((4, 3))
    return [x - np.log(np.exp(x).sum(1, keepdims=True)), rng.uniform(0.1, 1, (4, 3))]


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt(((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12))


def distance(a, b):
    return np.sqrt(((a - b + 1e-6) ** 2).sum(-1))


def triplet(a, p, n):
    return np.maximum(distance(a, p) - distance(a, n) + 1, 0).mean()


ROWS = [
    Op(
        "mse_loss",
        F.mse_loss,
        lambda x, t: ((x - t) ** 2).mean(),
        pair(),
        terms=12,
        scale=lambda x, t: 16.0,
        errors=[
            (
                lambda: F.mse_loss(tc.ones(3), tc.ones(4)),
                ValueError,
                "mse_loss: x and target must have one shape, got (3,) and (4,)",
            )
        ],
    ),
    Op(
        "l1_loss",
        lambda x, t: F.l1_loss(x, t, "sum"),
        lambda x, t: np.abs(x - t).sum(),
        pair(),
        terms=12,
        scale=lambda x, t: 48.0,
    ),
    Op(
        "smooth_l1_loss",
        lambda x, t: F.smooth_l1_loss(x, t, "none", 0.7),
        lambda x, t: huber(x, t, 0.7) / 0.7,
        pair(),
        scale=lambda x, t: 8.0,
    ),
    Op(
        "huber_loss",
        lambda x, t: F.huber_loss(x, t, "none", 0.6),
        lambda x, t: huber(x, t, 0.6),
        pair(),
        scale=lambda x, t: 8.0,
        errors=[
            (
                lambda: F.huber_loss(tc.ones(3), tc.ones(3), delta=-1),
                ValueError,
                "huber_loss: delta must be positive, got -1",
            )
        ],
    ),
    Op(
        "binary_cross_entropy",
        lambda x, t: F.binary_cross_entropy(x, t, reduction="none"),
        lambda x, t: -(t * np.log(x) + (1 - t) * np.log(1 - x)),
        pair(0.1, 0.9),
        scale=lambda x, t: 8.0,
    ),
    Op(
        "binary_cross_entropy_with_logits",
        F.binary_cross_entropy_with_logits,
        lambda x, t: -(t * np.log(sigmoid(x)) + (1 - t) * np.log(sigmoid(-x))).mean(),
        pair(),
        terms=12,
        scale=lambda x, t: 8.0,
    ),
    Op(
        "kl_div",
        lambda x, t: F.kl_div(x, t, "batchmean"),
        lambda x, t: (t * (np.log(t) - x)).sum() / 4,
        log_probabilities,
        terms=12,
        scale=lambda x, t: 8.0,
    ),
    Op(
        "gaussian_nll_loss",
        lambda x, t, v: F.gaussian_nll_loss(x, t, v, True, reduction="none"),
        lambda x, t, v: 0.5 * (np.log(v) + (x - t) ** 2 / v + np.log(2 * np.pi)),
        lambda rng: [rng.uniform(-1, 1, (4, 3)), rng.uniform(-1, 1, (4, 3)), rng.uniform(0.5, 2, (4, 3))],
        scale=lambda x, t, v: 16.0,
    ),
    Op(
        "hinge_embedding_loss",
        lambda x, t: F.hinge_embedding_loss(x, t, 0.8, "none"),
        lambda x, t: np.where(t == 1, x, np.maximum(0, 0.8 - x)),
        signs,
        fixed=(1,),
        dtypes=("float64",),
        order=2,
    ),
    Op(
        "multi_margin_loss",
        lambda x: F.multi_margin_loss(x, tc.asarray([0, 2, 1, 1], device=x.device)),
        lambda x: (
            (
                np.maximum(1 - x[np.arange(4), [0, 2, 1, 1]][:, None] + x, 0)
                * (np.arange(3) != np.array([[0], [2], [1], [1]]))
            ).sum()
            / 12
        ),
        lambda rng: [rng.uniform(-2, 2, (4, 3))],
        terms=12,
        scale=lambda x: 8.0,
    ),
    Op(
        "cosine_embedding_loss",
        lambda a, b: F.cosine_embedding_loss(
            a, b, tc.asarray([1.0, -1.0, 1.0, -1.0], dtype=a.dtype, device=a.device), -0.9, "none"
        ),
        lambda a, b: np.where([True, False, True, False], 1 - cosine(a, b), np.maximum(cosine(a, b) + 0.9, 0)),
        lambda rng: [rng.uniform(0.5, 2, (4, 3)), rng.uniform(-2, 2, (4, 3))],
        terms=12,
        scale=lambda a, b: 4.0,
    ),
    Op(
        "triplet_margin_loss",
        F.triplet_margin_loss,
        triplet,
        lambda rng: [rng.uniform(-2, 2, (4, 3)) for _ in range(3)],
        terms=12,
        scale=lambda a, p, n: 16.0,
    ),
]
