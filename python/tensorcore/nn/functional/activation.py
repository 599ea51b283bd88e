"""Activation functions: PyTorch's names, arguments and defaults (`axis` for `dim`).

Each runs as one kernel forward and one backward; while a gradient is itself being recorded, the backward is composed
of tensor ops, so higher derivatives exist wherever the function is smooth. All take tensors of any shape in
float16, bfloat16, float32 and float64 (integers give float32, but `relu` keeps them) and return the same shape and
dtype; TypeError for anything but tensors, or for settings that are not numbers.
"""

from __future__ import annotations

import math
from typing import Any

from ... import _core
from ...declare import binary, unary
from ...ops.creation import zeros_like
from ...ops.elementwise import abs as tc_abs
from ...ops.elementwise import erf, exp, fused, log1p, logical_and, sigmoid, tanh, where
from ...tensor import Tensor

# ---- piecewise linear -----------------------------------------------------------------------------------------------

relu = unary(
    _core.relu,
    x=fused(_core.relu_backward, lambda g, y: where(y > 0, g, 0)),
    doc="max(x, 0), NaN where x is; the gradient at 0 is 0.",
)
_leaky_relu = unary(
    _core.leaky_relu,
    x=fused(_core.leaky_relu_backward, lambda g, x, negative_slope: where(x > 0, g, g * negative_slope)),
    params=["negative_slope"],
    doc="x above 0, a multiple of it below.",
)
_prelu = binary(
    _core.prelu,
    x1=lambda g, x1, x2: where(x1 > 0, g, g * x2),
    x2=lambda g, x1: where(x1 > 0, 0, g * x1),
    doc="x1 above 0, x1 · x2 below.",
)
_hardtanh = unary(
    _core.hardtanh,
    x=fused(
        _core.hardtanh_backward,
        lambda g, x, min_val, max_val: where(logical_and(x > min_val, x < max_val), g, 0),
    ),
    params=["min_val", "max_val"],
    doc="Elements within two numbers.",
)
step = unary(
    _core.step,
    x=lambda g: zeros_like(g),
    doc="The step function of the perceptron: 1 where x > 0, else 0 (NaN too). Its gradient is 0 everywhere.",
)
hardsigmoid = unary(
    _core.hardsigmoid,
    x=fused(_core.hardsigmoid_backward, lambda g, x: where(tc_abs(x) < 3, g * (1 / 6), 0)),
    doc="The piecewise linear sigmoid min(max(x + 3, 0), 6) / 6.",
)
hardswish = unary(
    _core.hardswish,
    x=fused(
        _core.hardswish_backward,
        lambda g, x: where(x <= -3, 0, where(x >= 3, g, g * (x * (1 / 3) + 0.5))),
    ),
    doc="x · hardsigmoid(x), of Howard et al., Searching for MobileNetV3 (2019).",
)


_threshold = unary(
    _core.threshold,
    x=fused(_core.threshold_backward, lambda g, x, threshold: where(x <= threshold, 0, g)),
    params=["threshold", "value"],
    doc="x above a threshold, else a value.",
)

# ---- smooth ---------------------------------------------------------------------------------------------------------


def _normal_cdf(x: Any) -> Any:
    return (erf(x * math.sqrt(0.5)) + 1) * 0.5


def _gelu_tanh_composed(g: Any, x: Any) -> Any:
    c = 2 * math.sqrt(2 / math.pi)
    s = sigmoid(x * (x * x * 0.044715 + 1) * c)
    return g * (s + x * s * (1 - s) * (x * x * (3 * 0.044715) + 1) * c)


def _mish_composed(g: Any, x: Any) -> Any:
    t = tanh(log1p(exp(-tc_abs(x))) + where(x > 0, x, 0))
    return g * (t + x * (1 - t * t) * sigmoid(x))


def _silu_composed(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s + x * s * (1 - s))


def _softsign_composed(g: Any, x: Any) -> Any:
    d = tc_abs(x) + 1
    return g / (d * d)


_gelu = unary(
    _core.gelu,
    x=fused(
        _core.gelu_backward,
        lambda g, x: g * (_normal_cdf(x) + x * exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi))),
    ),
    doc="x Φ(x).",
)
_gelu_tanh = unary(
    _core.gelu_tanh,
    x=fused(_core.gelu_tanh_backward, _gelu_tanh_composed),
    doc="x Φ(x) with Φ approximated by a hyperbolic tangent.",
)
silu = unary(
    _core.silu,
    x=fused(_core.silu_backward, _silu_composed),
    doc="x · sigmoid(x), of Elfwing et al., Sigmoid-weighted linear units (2018).",
)
mish = unary(
    _core.mish,
    x=fused(_core.mish_backward, _mish_composed),
    doc="x · tanh(softplus(x)), of Misra, Mish (2019).",
)
logsigmoid = unary(
    _core.logsigmoid,
    x=fused(_core.logsigmoid_backward, lambda g, x: g * sigmoid(-x)),
    doc="log(sigmoid(x)), without overflow or loss of digits.",
)
softsign = unary(
    _core.softsign,
    x=fused(_core.softsign_backward, _softsign_composed),
    doc="x / (1 + |x|).",
)
_softplus = unary(
    _core.softplus,
    x=fused(
        _core.softplus_backward,
        lambda g, x, beta, threshold: where(x * beta > threshold, g, g * sigmoid(x * beta)),
    ),
    params=["beta", "threshold"],
    doc="log(1 + exp(beta x)) / beta.",
)
_elu = unary(
    _core.elu,
    x=fused(
        _core.elu_backward,
        lambda g, x, alpha, scale, rate: (
            g * where(x > 0, scale, exp(where(x > 0, 0, x) * rate) * (scale * alpha * rate))
        ),
    ),
    params=["alpha", "scale", "rate"],
    doc="scale · x above 0, scale · alpha · (exp(rate · x) - 1) below.",
)
_glu = binary(
    _core.glu,
    x1=lambda g, x2: g * sigmoid(x2),
    x2=lambda g, x1, x2: g * x1 * sigmoid(x2) * sigmoid(-x2),
    doc="x1 · sigmoid(x2).",
)

# ---- functions with settings ----------------------------------------------------------------------------------------


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope · x; the gradient at 0 is `negative_slope`.

    Example:
        >>> tc.nn.functional.leaky_relu(tc.asarray([-1.0, 2.0]))
        tensor([-0.01,  2.])
    """
    return _leaky_relu(x, negative_slope)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x where x > 0, else weight · x, with one learned weight or one per channel (axis 1 of `x`).

    `weight` has shape (1,) or (C,), or () for one; ValueError for other shapes. Of He et al., Delving
    deep into rectifiers (2015).

    Example:
        >>> tc.nn.functional.prelu(tc.asarray([-1.0, 2.0]), tc.asarray([0.25]))
        tensor([-0.25, 2.])
    """
    for name, value in (("x", x), ("weight", weight)):
        if not isinstance(value, Tensor):
            raise TypeError(f"prelu: {name} must be a Tensor, got {type(value).__name__}")
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ValueError(f"prelu: weight must have shape (1,) or ({channels},), the channels of x, got {weight.shape}")
    shape = (weight.size,) + (1,) * (x.ndim - 2) if x.ndim > 1 else (1,) * x.ndim
    return _prelu(x, weight.reshape(shape))


def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    """x where x > threshold, else `value`.

    Example:
        >>> tc.nn.functional.threshold(tc.asarray([0.5, 2.0]), 1, -1)
        tensor([-1., 2.])
    """
    return _threshold(x, threshold, value)


def hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x brought into [min_val, max_val]; the gradient is 1 strictly between them, else 0.

    ValueError unless min_val <= max_val.

    Example:
        >>> tc.nn.functional.hardtanh(tc.asarray([-3.0, 0.5]))
        tensor([-1. ,  0.5])
    """
    if not min_val <= max_val:
        raise ValueError(f"hardtanh: min_val must not exceed max_val, got {min_val} and {max_val}")
    return _hardtanh(x, min_val, max_val)


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6).

    Example:
        >>> tc.nn.functional.relu6(tc.asarray([-1.0, 8.0]))
        tensor([0., 6.])
    """
    return _hardtanh(x, 0.0, 6.0)


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x Φ(x) with the normal distribution function Φ(x) = (1 + erf(x / √2)) / 2.

    approximate="tanh" takes Φ(x) = (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 instead. ValueError for other
    values. Of Hendrycks and Gimpel, Gaussian error linear units (2016).

    Example:
        >>> tc.nn.functional.gelu(tc.asarray([1.0]))
        tensor([0.8413])
    """
    if approximate == "none":
        return _gelu(x)
    if approximate == "tanh":
        return _gelu_tanh(x)
    raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta · x)) / beta, and x itself where beta · x > threshold.

    ValueError unless beta is a finite number other than 0.

    Example:
        >>> tc.nn.functional.softplus(tc.asarray([0.0]))
        tensor([0.6931])
    """
    if beta == 0 or not math.isfinite(beta):
        raise ValueError(f"softplus: beta must be finite and not 0, got {beta}")
    return _softplus(x, beta, threshold)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha · (eˣ - 1), of Clevert et al., ELUs (2016).

    Example:
        >>> tc.nn.functional.elu(tc.asarray([-1.0, 2.0]))
        tensor([-0.6321,  2.])
    """
    return _elu(x, alpha, 1.0, 1.0)


def selu(x: Tensor) -> Tensor:
    """1.0507… · elu(x, 1.6732…), of Klambauer et al., Self-normalizing neural networks (2017).

    Example:
        >>> tc.nn.functional.selu(tc.asarray([1.0]))
        tensor([1.0507])
    """
    return _elu(x, 1.6732632423543772, 1.0507009873554805, 1.0)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where x > 0, else alpha · (exp(x / alpha) - 1), of Barron, Continuously differentiable ELUs (2017).

    ValueError if alpha is 0.

    Example:
        >>> tc.nn.functional.celu(tc.asarray([1.0]), 2.0)
        tensor([1.])
    """
    if alpha == 0:
        raise ValueError("celu: alpha must not be 0")
    return _elu(x, alpha, 1.0, 1 / alpha)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """a · sigmoid(b), with a and b the two halves of `x` along `axis`.

    ValueError if the extent of `axis` is odd, IndexError if there is no such axis. Of Dauphin et al.,
    Language modeling with gated convolutional networks (2017).

    Example:
        >>> tc.nn.functional.glu(tc.asarray([3.0, 0.0]))
        tensor([1.5])
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"glu: x must be a Tensor, got {type(x).__name__}")
    if not -x.ndim <= axis < x.ndim:
        raise IndexError(f"glu: axis must be in [-{x.ndim}, {x.ndim}), got {axis}")
    axis %= x.ndim
    extent = x.shape[axis]
    if extent % 2:
        raise ValueError(f"glu: the extent of axis {axis} must be even, got {extent}")
    before = (slice(None),) * axis
    half = extent // 2
    a, b = x[(*before, slice(0, half))], x[(*before, slice(half, extent))]
    return _glu(a, b)


__all__ = [
    "celu", "elu", "gelu", "glu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish", "prelu",
    "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softsign", "step", "tanh", "threshold",
]  # fmt: skip

# By the place they are found at, so that modules which hold one can be pickled.
for _op in (relu, step, hardsigmoid, hardswish, silu, mish, logsigmoid, softsign):
    _op.__module__ = __name__
