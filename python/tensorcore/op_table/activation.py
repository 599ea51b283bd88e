"""Activation functions."""

import math

import numpy as np

import tensorcore as tc

from .row import FLOATS, Op

F = tc.nn.functional
S = (3, 4, 5)


def normal(*shapes):
    return lambda rng: [rng.standard_normal(s) * 2 for s in shapes]


def away(*kinks):
    """Normal numbers kept at a distance from the kinks of a function."""

    def sample(rng):
        x = rng.standard_normal(S) * 3
        for kink in kinks:
            x = np.where(np.abs(x - kink) < 0.05, kink + 0.1, x)
        return [x]

    return sample


erf = np.vectorize(math.erf, otypes=[np.float64])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.logaddexp(0, x)


def elu(x, alpha=1.0, rate=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * rate))


def row(name, reference, sample, *args, id=None, **more):
    function = getattr(F, name)
    return Op(id or name, lambda x: function(x, *args), reference, sample, FLOATS, empty=lambda: [(0, 3)], **more)


ROWS = [
    row("relu", lambda x: np.maximum(x, 0), away(0),
        errors=[(lambda: F.relu("text"), TypeError, "relu: the argument must be a Tensor, got str")]),
    row("relu6", lambda x: np.clip(x, 0, 6), away(0, 6)),
    row("leaky_relu", lambda x: np.where(x > 0, x, 0.01 * x), away(0)),
    row("leaky_relu", lambda x: np.where(x > 0, x, 0.2 * x), away(0), 0.2, id="leaky_relu[slope]"),
    Op("prelu", F.prelu, lambda x, w: np.where(x > 0, x, w[:, None] * x),
       lambda rng: [*away(0)(rng), rng.standard_normal(4)], FLOATS,
       errors=[(lambda: F.prelu(tc.ones((2, 3)), tc.ones(2)), ValueError,
                "prelu: weight must have shape (1,) or (3,), the channels of x, got (2,)")]),
    row("step", lambda x: np.where(x > 0, 1.0, 0.0), away(0)),
    row("threshold", lambda x: np.where(x > 0.5, x, -2), away(0.5), 0.5, -2),
    row("hardtanh", lambda x: np.clip(x, -1, 1), away(-1, 1),
        errors=[(lambda: F.hardtanh(tc.ones(2), 2, 1), ValueError,
                 "hardtanh: min_val must not exceed max_val, got 2 and 1")]),
    row("hardsigmoid", lambda x: np.clip(x + 3, 0, 6) / 6, away(-3, 3)),
    row("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, away(-3, 3)),
    row("silu", lambda x: x * sigmoid(x), normal(S)),
    row("gelu", lambda x: x * (1 + erf(x * math.sqrt(0.5))) / 2, normal(S),
        errors=[(lambda: F.gelu(tc.ones(2), "fast"), ValueError,
                 "gelu: approximate must be 'none' or 'tanh', got 'fast'")]),
    row("gelu", lambda x: x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2, normal(S), "tanh",
        id="gelu[tanh]"),
    row("softplus", softplus, normal(S),
        errors=[(lambda: F.softplus(tc.ones(2), 0), ValueError, "softplus: beta must be finite and not 0, got 0")]),
    row("softplus", lambda x: np.where(2 * x > 3, x, softplus(2 * x) / 2), away(1.5), 2.0, 3.0,
        id="softplus[beta, threshold]"),
    row("mish", lambda x: x * np.tanh(softplus(x)), normal(S)),
    row("logsigmoid", lambda x: -softplus(-x), normal(S)),
    row("softsign", lambda x: x / (1 + np.abs(x)), away(0)),
    row("elu", elu, away(0)),
    row("elu", lambda x: elu(x, 0.5), away(0), 0.5, id="elu[alpha]"),
    row("selu", lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), away(0)),
    row("celu", lambda x: elu(x, 2.0, 0.5), away(0), 2.0,
        errors=[(lambda: F.celu(tc.ones(2), 0), ValueError, "celu: alpha must not be 0")]),
    Op("glu", F.glu, lambda x: x[..., :3] * sigmoid(x[..., 3:]), normal((3, 4, 6)), FLOATS,
       empty=lambda: [(0, 6)],
       errors=[(lambda: F.glu(tc.ones((2, 3))), ValueError, "glu: the extent of axis 1 must be even, got 3")]),
    Op("glu[axis]", lambda x: F.glu(x, axis=0), lambda x: x[:2] * sigmoid(x[2:]), normal((4, 5)), FLOATS),
]  # fmt: skip
