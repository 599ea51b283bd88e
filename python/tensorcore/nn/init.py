"""Filling tensors before training. Every function changes its tensor in place, unrecorded, and returns it.

The last underscore says so, as in PyTorch. Random ones take `generator=`, the package's default stream otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import _core
from ..autograd import no_grad
from ..declare import check_tensors
from ..ops import random
from ..ops.creation import eye, zeros
from ..ops.elementwise import abs as tc_abs
from ..ops.elementwise import clip, log, minimum, sqrt, where
from ..ops.random import Generator
from ..ops.reduce import sum as tc_sum
from ..tensor import Tensor

_GAINS = {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
_LINEAR = ("linear", "sigmoid", *(f"conv{t}{n}d" for t in ("", "_transpose") for n in (1, 2, 3)))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights should be larger before `nonlinearity`, for its outputs to keep the variance.

    1 for linear functions and sigmoid, 5/3 for tanh, √2 for relu, √(2 / (1 + slope²)) for leaky_relu with the slope
    `param` (0.01), 3/4 for selu. ValueError for other names.

    >>> nn.init.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity in _GAINS:
        return _GAINS[nonlinearity]
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else float(param)
        return math.sqrt(2 / (1 + slope * slope))
    raise ValueError(
        f"calculate_gain: nonlinearity must be one of {(*_LINEAR, *_GAINS, 'leaky_relu')}, got {nonlinearity!r}"
    )


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        tensor[...] = values
    return tensor


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers uniform in [a, b). ValueError unless a ≤ b.

    >>> nn.init.uniform_(tc.empty(3), 2.0, 2.0)
    tensor([2., 2., 2.])
    """
    check_tensors("uniform_", tensor=tensor)
    return _fill(
        tensor, random.uniform(tensor.shape, a, b, generator=generator, dtype=tensor.dtype, device=tensor.device)
    )


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal numbers of `mean` and standard deviation `std`. ValueError unless std ≥ 0."""
    check_tensors("normal_", tensor=tensor)
    return _fill(
        tensor, random.normal(tensor.shape, mean, std, generator=generator, dtype=tensor.dtype, device=tensor.device)
    )


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`."""
    check_tensors("constant_", tensor=tensor)
    return _fill(tensor, val)


def ones_(tensor: Tensor) -> Tensor:
    """Every element 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0."""
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """The identity matrix, as far as it fits. ValueError unless 2-d."""
    check_tensors("eye_", tensor=tensor)
    if tensor.ndim != 2:
        raise ValueError(f"eye_: needs a matrix, got shape {tensor.shape}")
    return _fill(tensor, eye(*tensor.shape, dtype=tensor.dtype, device=tensor.device))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """A convolution's weight that hands as many channels through unchanged as it has, in each group.

    ValueError unless 3 to 5 axes, and `groups` divides the first extent.
    """
    check_tensors("dirac_", tensor=tensor)
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"dirac_: needs 3 to 5 axes (out, in, kernel …), got shape {tensor.shape}")
    if groups < 1 or tensor.shape[0] % groups:
        raise ValueError(f"dirac_: groups must divide the first extent {tensor.shape[0]}, got {groups}")
    values = zeros(tensor.shape, dtype=tensor.dtype, device=tensor.device)
    out = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for i in range(min(out, tensor.shape[1])):
            values[(group * out + i, i, *middle)] = 1.0
    return _fill(tensor, values)


def _fans(op: str, tensor: Tensor) -> tuple[int, int]:
    """How many inputs an output has, and how many outputs an input has."""
    check_tensors(op, tensor=tensor)
    if tensor.ndim < 2:
        raise ValueError(f"{op}: needs at least two axes (out, in, …), got shape {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform in ±gain·√(6 / (fan_in + fan_out)). Source: Glorot and Bengio 2010. ValueError with under two axes."""
    bound = gain * math.sqrt(6 / max(sum(_fans("xavier_uniform_", tensor)), 1))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with deviation gain·√(2 / (fan_in + fan_out)). Source: Glorot and Bengio 2010."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / max(sum(_fans("xavier_normal_", tensor)), 1)), generator)


def _kaiming(op: str, tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(op, tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"{op}: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    return calculate_gain(nonlinearity, a) / math.sqrt(max(fans[mode], 1))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform in ±gain·√(3 / fan), with the gain of `nonlinearity` and its slope `a`.

    `mode` is 'fan_in' or 'fan_out'. ValueError on other modes and with under two axes. Source: He et al. 2015.
    """
    bound = math.sqrt(3) * _kaiming("kaiming_uniform_", tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with deviation gain / √fan. Settings, errors and source as for `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming("kaiming_normal_", tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """A matrix with orthonormal rows, or columns if it has more rows, times `gain`; axes after the first are one.

    The Q of a matrix of normal numbers, R's diagonal positive: uniform over such matrices (Mezzadri 2007). Q by
    Gram and Schmidt's method with each vector made orthogonal twice, which is as good as Householder's
    (Giraud, Langou and Rozložník 2005). ValueError with fewer than two axes. Source: Saxe et al. 2013.
    """
    check_tensors("orthogonal_", tensor=tensor)
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: needs at least two axes, got shape {tensor.shape}")
    if not tensor.size:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.size // rows
    long, short = max(rows, columns), min(rows, columns)
    with no_grad():
        q = random.normal((short, long), generator=generator, dtype=_core.float64, device=tensor.device)
        for i in range(short):
            row = q[i]
            for _ in range(2 if i else 0):
                row = row - (q[:i] @ row) @ q[:i]
            q[i] = row / sqrt(tc_sum(row * row))
        flat = q if rows <= columns else q.mT
        return _fill(tensor, (flat * gain).reshape(tensor.shape).astype(tensor.dtype))


# Coefficients of the quotients of Wichura's algorithm AS 241, lowest power first: for the middle, and for the tails.
_MIDDLE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_NEAR = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
_FAR = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip


def _quotient(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: Any) -> Any:
    parts = []
    for row in coefficients:
        total: Any = 0.0
        for c in reversed(row):
            total = total * x + c
        parts.append(total)
    return parts[0] / parts[1]


def _normal_quantile(p: Tensor) -> Tensor:
    """x with Φ(x) = p, for p in (0, 1). Source: Wichura 1988, algorithm AS 241 (PPND16)."""
    q = p - 0.5
    inner = tc_abs(q) <= 0.425
    middle = q * _quotient(_MIDDLE, 0.180625 - where(inner, q * q, 0.0))
    r = sqrt(-log(minimum(p, 1 - p)))
    tail = where(r <= 5, _quotient(_NEAR, r - 1.6), _quotient(_FAR, r - 5.0))
    return where(inner, middle, where(q < 0, -tail, tail))


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Normal numbers of `mean` and `std`, of those within [a, b]: the quantiles of uniform probabilities.

    ValueError unless a < b, std > 0 and [a, b] has a share of the distribution above 1e-300.
    """
    check_tensors("trunc_normal_", tensor=tensor)
    if not a < b or not std > 0:
        raise ValueError(f"trunc_normal_: needs a < b and std > 0, got {a}, {b} and {std}")
    # Probabilities near 1 have no digits to spare: work in the lower tail, and mirror the result.
    mirrored = a > mean
    low, high = (mean - b, mean - a) if mirrored else (a - mean, b - mean)
    least, most = (0.5 * math.erfc(-edge / std / math.sqrt(2)) for edge in (low, high))
    if not most - least > 1e-300:
        raise ValueError(f"trunc_normal_: [{a}, {b}] is too far from the mean {mean} for std {std}")
    with no_grad():
        p = random.uniform(tensor.shape, generator=generator, dtype=_core.float64, device=tensor.device)
        p = clip(least + p * (most - least), max(least, 1e-300), min(most, 1 - 2**-53))
        x = _normal_quantile(p) * std
        x = clip((-x if mirrored else x) + mean, a, b)
    return _fill(tensor, x.astype(tensor.dtype))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Normal numbers of deviation `std`, with the share `sparsity` of each column set to 0.

    ValueError unless 2-d and 0 ≤ sparsity ≤ 1. Source: Martens 2010.
    """
    check_tensors("sparse_", tensor=tensor)
    if tensor.ndim != 2 or not 0 <= sparsity <= 1:
        raise ValueError(f"sparse_: needs a matrix and 0 ≤ sparsity ≤ 1, got shape {tensor.shape} and {sparsity}")
    rows, columns = tensor.shape
    dropped = math.ceil(sparsity * rows)
    normal_(tensor, 0.0, std, generator)
    with no_grad():
        for column in range(columns):
            tensor[random.randperm(rows, generator=generator, device=tensor.device)[:dropped], column] = 0.0
    return tensor


Initializer = Callable[..., Tensor]

__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_", "normal_", "ones_",
    "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_", "xavier_uniform_", "zeros_",
]  # fmt: skip
