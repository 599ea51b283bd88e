"""Softmax and cross-entropy."""

import numpy as np

import tensorcore as tc

from .row import Op

F = tc.nn.functional


def softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x, axis):
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def normal(*shapes):
    return lambda rng: [rng.standard_normal(shape) * 2 for shape in shapes]


def logits_and_classes(shape, classes_shape):
    return lambda rng: [
        rng.standard_normal(shape) * 2,
        rng.integers(0, shape[1] if len(shape) > 1 else shape[0], classes_shape),
    ]


def cross_entropy(x, t, weight=None, ignore=-100, reduction="mean", smoothing=0.0):
    """Row by row from the definition; x (N, C, …)."""
    x = np.moveaxis(x, 1, -1)
    logp = log_softmax(x, -1)
    classes = x.shape[-1]
    weight = np.ones(classes) if weight is None else weight
    kept = t != ignore
    hot = np.eye(classes)[np.where(kept, t, 0)]
    goal = ((1 - smoothing) * hot + smoothing / classes) * weight
    loss = -(goal * logp).sum(axis=-1) * kept
    if reduction == "none":
        return loss
    return loss.sum() / (weight[np.where(kept, t, 0)] * kept).sum() if reduction == "mean" else loss.sum()


WEIGHT = np.array([0.5, 1.0, 2.0, 0.25, 1.5])


def weights(x):
    return tc.asarray(WEIGHT, dtype=x.dtype, device=x.device)


ROWS = [
    Op(
        "softmax[last]",
        lambda x: F.softmax(x, -1),
        lambda x: softmax(x, -1),
        normal((3, 4, 37)),
        terms=37,
        empty=lambda: [(0, 4)],
        errors=[
            (lambda: F.softmax(tc.ones((2, 3)), 2), IndexError, "softmax: axis must lie in [-2, 2), got 2"),
            (
                lambda: F.softmax(tc.ones(3, dtype=tc.int32), 0),
                TypeError,
                "softmax: x must be floating-point, got int32",
            ),
        ],
    ),
    Op("softmax[first]", lambda x: F.softmax(x, 0), lambda x: softmax(x, 0), normal((5, 4, 3)), terms=5),
    Op(
        "softmax[large values]",
        lambda x: F.softmax(x * 30, 1),
        lambda x: softmax(x * 30, 1),
        normal((3, 6)),
        dtypes=("float32", "float64"),
        order=0,
        terms=64,
    ),
    Op(
        "log_softmax[last]",
        lambda x: F.log_softmax(x, -1),
        lambda x: log_softmax(x, -1),
        normal((3, 4, 37)),
        terms=37,
        errors=[(lambda: F.log_softmax(tc.ones(3), 1), IndexError, "log_softmax: axis must lie in [-1, 1), got 1")],
    ),
    Op("log_softmax[middle]", lambda x: F.log_softmax(x, 1), lambda x: log_softmax(x, 1), normal((3, 4, 5)), terms=4),
    Op(
        "cross_entropy",
        F.cross_entropy,
        cross_entropy,
        logits_and_classes((7, 5), (7,)),
        fixed=(1,),
        terms=16,
        errors=[
            (
                lambda: F.cross_entropy(tc.ones((2, 3)), tc.asarray([0, 3])),
                IndexError,
                "cross_entropy: target must lie in [0, 3), got 3 at row 1",
            ),
            (
                lambda: F.cross_entropy(tc.ones((2, 3)), tc.asarray([0, 1, 2])),
                ValueError,
                "cross_entropy: target of class indices must have the shape of x without its class axis, "
                "got x (2, 3) and target (3,)",
            ),
            (
                lambda: F.cross_entropy(tc.ones((2, 3)), tc.asarray([0, 1]), reduction="avg"),
                ValueError,
                "cross_entropy: reduction must be one of ('mean', 'sum', 'none'), got 'avg'",
            ),
        ],
    ),
    Op(
        "cross_entropy[all settings]",
        lambda x, t: F.cross_entropy(x, t, weights(x), 1, "mean", 0.2),
        lambda x, t: cross_entropy(x, t, WEIGHT, 1, "mean", 0.2),
        logits_and_classes((9, 5), (9,)),
        fixed=(1,),
        terms=32,
    ),
    Op(
        "cross_entropy[pixels]",
        lambda x, t: F.cross_entropy(x, t, reduction="none", label_smoothing=0.1),
        lambda x, t: cross_entropy(x, t, reduction="none", smoothing=0.1),
        logits_and_classes((2, 5, 3, 2), (2, 3, 2)),
        fixed=(1,),
        terms=16,
    ),
    Op(
        "cross_entropy[probabilities]",
        lambda x, q: F.cross_entropy(x, F.softmax(q, 1), weights(x), label_smoothing=0.1, reduction="sum"),
        lambda x, q: -((softmax(q, 1) * 0.9 + 0.02) * WEIGHT * log_softmax(x, 1)).sum(),
        normal((4, 5), (4, 5)),
        terms=64,
        dtypes=("float32", "float64"),
    ),
    Op(
        "nll_loss",
        lambda x, t: F.nll_loss(x, t, weights(x), 2, "sum"),
        lambda x, t: -(x[np.arange(7), t] * WEIGHT[t] * (t != 2)).sum(),
        logits_and_classes((7, 5), (7,)),
        fixed=(1,),
        terms=16,
        scale=lambda x, t: 10.0,
    ),
]
