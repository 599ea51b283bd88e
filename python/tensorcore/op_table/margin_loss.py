"""Losses of margins, several labels and counts."""

import math

import numpy as np

import tensorcore as tc

from .row import WIDE, Op

F = tc.nn.functional


def scores(*rest):
    """Scores (4, 3) and what else a loss takes."""
    return lambda rng: [rng.uniform(-2, 2, (4, 3)), *(make(rng) for make in rest)]


def numbers(low, high):
    return lambda rng: rng.uniform(low, high, (4, 3))


def signs(rng):
    return rng.choice([-1.0, 1.0], (4, 3))


LABELS = np.array([[2, 0, -1], [1, -1, 0], [-1, 0, 1], [0, 1, 2]])


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def multilabel(x, target):
    total = 0.0
    for row, labels in zip(x, target, strict=True):
        hot = [int(c) for c in labels[: list(labels).index(-1) if -1 in labels else None]]
        total += sum(max(0, 1 - row[j] + row[i]) for j in hot for i in range(3) if i not in hot) / 3
    return total


def stirling(t):
    return np.where(t > 1, t * np.log(t) - t + 0.5 * np.log(2 * math.pi * t), 0)


def triplet(a, p, n):
    def distance(x, y):
        return np.sqrt(((x - y + 1e-6) ** 2).sum(-1))

    return np.maximum(distance(a, p) - np.minimum(distance(a, n), distance(p, n)) + 1, 0)


ROWS = [
    Op(
        "margin_ranking_loss",
        lambda a, b, t: F.margin_ranking_loss(a, b, t, 0.5, "none"),
        lambda a, b, t: np.maximum(0.5 - t * (a - b), 0),
        scores(numbers(-2, 2), signs),
        scale=lambda a, b, t: 8.0,
    ),
    Op(
        "soft_margin_loss",
        lambda x, t: F.soft_margin_loss(x, t, "none"),
        lambda x, t: -log_sigmoid(t * x),
        scores(signs),
        scale=lambda x, t: 4.0,
        errors=[
            (
                lambda: F.soft_margin_loss(tc.ones(2), tc.ones(3)),
                ValueError,
                "soft_margin_loss: x and target must have one shape, got (2,) and (3,)",
            )
        ],
    ),
    Op(
        "multilabel_soft_margin_loss",
        F.multilabel_soft_margin_loss,
        lambda x, t: -(t * log_sigmoid(x) + (1 - t) * log_sigmoid(-x)).mean(),
        scores(numbers(0, 1)),
        dtypes=WIDE,
        terms=12,
        scale=lambda x, t: 8.0,
    ),
    Op(
        "multilabel_margin_loss",
        lambda x, t: F.multilabel_margin_loss(x, t, "sum"),
        multilabel,
        scores(lambda rng: LABELS),
        dtypes=WIDE,
        fixed=(1,),
        terms=36,
        scale=lambda x, t: 32.0,
        errors=[
            (
                lambda: F.multilabel_margin_loss(tc.ones((2, 3)), tc.asarray([1, 2])),
                ValueError,
                "multilabel_margin_loss: x and target must share a shape (N, C) or (C,), got (2, 3) and (2,)",
            ),
            (
                lambda: F.multilabel_margin_loss(tc.ones(2), tc.ones(2)),
                TypeError,
                "multilabel_margin_loss: target must be integers, got float32",
            ),
        ],
    ),
    Op(
        "poisson_nll_loss",
        lambda x, t: F.poisson_nll_loss(x, t, full=True, reduction="none"),
        lambda x, t: np.exp(x) - t * x + stirling(t),
        scores(numbers(0.1, 5)),
        dtypes=WIDE,
        scale=lambda x, t: 32.0,
    ),
    Op(
        "poisson_nll_loss[rates]",
        lambda x, t: F.poisson_nll_loss(x, t, log_input=False, reduction="none"),
        lambda x, t: x - t * np.log(x + 1e-8),
        lambda rng: [rng.uniform(0.5, 2, (4, 3)), rng.uniform(0, 5, (4, 3))],
        dtypes=WIDE,
        scale=lambda x, t: 16.0,
    ),
    Op(
        "triplet_margin_with_distance_loss",
        lambda a, p, n: F.triplet_margin_with_distance_loss(a, p, n, swap=True, reduction="none"),
        triplet,
        scores(numbers(-2, 2), numbers(-2, 2)),
        dtypes=WIDE,
        terms=9,
        scale=lambda a, p, n: 16.0,
        layouts=False,
        errors=[
            (
                lambda: F.triplet_margin_with_distance_loss(tc.ones(1), tc.ones(1), tc.ones(1), margin=0),
                ValueError,
                "triplet_margin_with_distance_loss: margin must be positive, got 0",
            )
        ],
    ),
]
