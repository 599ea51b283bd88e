"""Elementwise functions of the array API standard and a few more, each declared with its gradient.

All broadcast, take float16, bfloat16, float32 and float64 unless they say otherwise, and raise TypeError for
anything but tensors (binary ones take Python scalars too, one operand being a tensor) and for dtypes they are not
defined on. Special values (infinities, NaN, signed zeros) are those of the standard. A gradient where a function has
a kink is the middle of its two slopes (abs, maximum), and zero for functions that are constant almost everywhere.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

from .. import _core
from ..declare import binary, ternary, unary
from ..tensor import Tensor, methods
from .creation import zeros_like

_FLOAT = "Integers and bool give float32; floating dtypes are kept."
_KEPT = "The dtype is kept; bool raises TypeError."
_ROUNDING = "The dtype is kept, and integers are returned as they are."
_BOOL = "A bool tensor."


def fused(kernel: Any, composed: Callable[..., Any]) -> Callable[..., Any]:
    """A gradient rule that is one `kernel`, and the same in tensor ops while the gradient itself is recorded."""

    def rule(*args: Any) -> Any:
        return composed(*args) if _core.is_grad_enabled() else kernel(*args)

    rule.__signature__ = inspect.signature(composed)  # type: ignore[attr-defined]
    return rule


def _flat(g: Any) -> Any:
    """The gradient of what is constant almost everywhere."""
    return zeros_like(g)


# ---- exponentials, logarithms, roots --------------------------------------------------------------------------------

exp = unary(_core.exp, x=lambda g, y: g * y, doc=f"Exponentials eˣ. {_FLOAT}")
exp2 = unary(_core.exp2, x=lambda g, y: g * y * math.log(2), doc=f"Powers 2ˣ. {_FLOAT}")
expm1 = unary(_core.expm1, x=lambda g, y: g * (y + 1), doc=f"eˣ - 1, exact to the last digits near zero. {_FLOAT}")
log = unary(_core.log, x=lambda g, x: g / x, doc=f"Natural logarithms; -inf at zero, NaN below. {_FLOAT}")
log2 = unary(
    _core.log2,
    x=lambda g, x: g / (x * math.log(2)),
    doc=f"Logarithms to base 2; -inf at zero, NaN below. {_FLOAT}",
)
log10 = unary(
    _core.log10,
    x=lambda g, x: g / (x * math.log(10)),
    doc=f"Logarithms to base 10; -inf at zero, NaN below. {_FLOAT}",
)
log1p = unary(
    _core.log1p,
    x=lambda g, x: g / (x + 1),
    doc=f"log(1 + x), exact to the last digits near zero; -inf at -1, NaN below. {_FLOAT}",
)
sqrt = unary(_core.sqrt, x=lambda g, y: g / (y * 2), doc=f"Square roots; NaN below zero. {_FLOAT}")
rsqrt = unary(_core.rsqrt, x=lambda g, y: g * -0.5 * y * y * y, doc=f"Reciprocal square roots 1/√x. {_FLOAT}")
reciprocal = unary(_core.reciprocal, x=lambda g, y: -g * y * y, doc=f"Reciprocals 1/x. {_FLOAT}")
square = unary(_core.square, x=lambda g, x: g * 2 * x, doc=f"Squares x². Integers wrap around. {_KEPT}")

# ---- trigonometric and hyperbolic functions, erf --------------------------------------------------------------------

sin = unary(_core.sin, x=lambda g, x: g * cos(x), doc=f"Sines of angles in radians. {_FLOAT}")
cos = unary(_core.cos, x=lambda g, x: -g * sin(x), doc=f"Cosines of angles in radians. {_FLOAT}")
tan = unary(_core.tan, x=lambda g, y: g * (1 + y * y), doc=f"Tangents of angles in radians. {_FLOAT}")
asin = unary(
    _core.asin,
    x=lambda g, x: g * rsqrt(1 - x * x),
    doc=f"Inverse sines, in [-π/2, π/2]; NaN outside [-1, 1]. {_FLOAT}",
)
acos = unary(
    _core.acos,
    x=lambda g, x: -g * rsqrt(1 - x * x),
    doc=f"Inverse cosines, in [0, π]; NaN outside [-1, 1]. {_FLOAT}",
)
atan = unary(
    _core.atan,
    x=lambda g, x: g / (1 + x * x),
    doc=f"Inverse tangents, in [-π/2, π/2]. {_FLOAT}",
)
sinh = unary(_core.sinh, x=lambda g, x: g * cosh(x), doc=f"Hyperbolic sines. {_FLOAT}")
cosh = unary(_core.cosh, x=lambda g, x: g * sinh(x), doc=f"Hyperbolic cosines. {_FLOAT}")
tanh = unary(
    _core.tanh,
    x=fused(_core.tanh_backward, lambda g, y: g * (1 - y * y)),
    doc=f"Hyperbolic tangents. {_FLOAT}",
)
asinh = unary(_core.asinh, x=lambda g, x: g * rsqrt(x * x + 1), doc=f"Inverse hyperbolic sines. {_FLOAT}")
acosh = unary(
    _core.acosh,
    x=lambda g, x: g / (sqrt(x - 1) * sqrt(x + 1)),
    doc=f"Inverse hyperbolic cosines; NaN below 1. {_FLOAT}",
)
atanh = unary(
    _core.atanh,
    x=lambda g, x: g / (1 - x * x),
    doc=f"Inverse hyperbolic tangents; NaN outside [-1, 1]. {_FLOAT}",
)
erf = unary(
    _core.erf,
    x=lambda g, x: g * (2 / math.sqrt(math.pi)) * exp(-x * x),
    doc=f"The error function 2/√π ∫₀ˣ exp(-t²) dt. {_FLOAT}",
)
sigmoid = unary(
    _core.sigmoid,
    x=fused(_core.sigmoid_backward, lambda g, y: g * y * (1 - y)),
    doc=f"The logistic function 1 / (1 + e⁻ˣ). {_FLOAT}",
)

# ---- signs and rounding ---------------------------------------------------------------------------------------------

abs = unary(_core.abs, x=lambda g, x: g * sign(x), doc=f"Absolute values. {_KEPT}")
negative = unary(
    _core.negative,
    x=lambda g: -g,
    doc=f"Elements with the opposite sign; unsigned integers wrap around. {_KEPT}",
)
positive = unary(_core.positive, x=lambda g: g, doc=f"The elements themselves, in a new tensor. {_ROUNDING}")
sign = unary(_core.sign, x=_flat, doc=f"-1, 0 or 1 by the sign of each element; NaN stays NaN. {_KEPT}")
floor = unary(_core.floor, x=_flat, doc=f"Elements rounded down. {_ROUNDING}")
ceil = unary(_core.ceil, x=_flat, doc=f"Elements rounded up. {_ROUNDING}")
trunc = unary(_core.trunc, x=_flat, doc=f"Elements rounded toward zero. {_ROUNDING}")
round = unary(_core.round, x=_flat, doc=f"Nearest whole numbers, halves to the even one. {_ROUNDING}")

# ---- arithmetic -----------------------------------------------------------------------------------------------------

add = binary(_core.add, x1=lambda g: g, x2=lambda g: g, doc="Sums x1 + x2; integers wrap around.")
subtract = binary(
    _core.subtract,
    x1=lambda g: g,
    x2=lambda g: -g,
    doc="Differences x1 - x2; integers wrap around, bool raises TypeError.",
)
multiply = binary(
    _core.multiply,
    x1=lambda g, x2: g * x2,
    x2=lambda g, x1: g * x1,
    doc="Products x1 · x2; integers wrap around.",
)
divide = binary(
    _core.divide,
    x1=lambda g, x2: g / x2,
    x2=lambda g, y, x2: -g * y / x2,
    doc=f"Quotients x1 / x2. {_FLOAT}",
)
floor_divide = binary(
    _core.floor_divide,
    x1=_flat,
    x2=_flat,
    doc="Quotients x1 / x2 rounded down, as Python's `//`; integers give 0 where x2 is 0.",
)
remainder = binary(
    _core.remainder,
    x1=lambda g: g,
    x2=lambda g, x1, x2: -g * floor_divide(x1, x2),
    doc="Remainders of floor_divide with the sign of x2, as Python's `%`; integers give 0 where x2 is 0.",
)


def _pow_base(g: Any, x1: Any, x2: Any) -> Any:
    if isinstance(x2, Tensor):
        return where(x2 == 0, 0, g * x2 * pow(x1, x2 - 1))
    if x2 == 0:
        return zeros_like(g)
    return g * (x1 * 2) if x2 == 2 else g * (pow(x1, x2 - 1) * x2)


def _pow_exponent(g: Any, y: Any, x1: Any, x2: Any) -> Any:
    if isinstance(x1, Tensor):
        return where(logical_and(x1 == 0, x2 >= 0), 0, g * y * log(x1))
    if x1 == 0:
        return where(x2 >= 0, 0, g * y * -math.inf)
    return g * y * (math.log(x1) if x1 > 0 else math.nan)


pow = binary(
    _core.pow,
    x1=_pow_base,
    x2=_pow_exponent,
    doc="Powers x1 to the x2. Integers wrap around; their negative powers are 1 / x1**-x2 rounded toward "
    "zero, 0 for x1 = 0.",
)


def _winner(g: Any, ahead: Any, level: Any) -> Any:
    """The gradient of what was chosen: all of it, half in a tie, else none."""
    return where(ahead, g, where(level, g * 0.5, 0))


maximum = binary(
    _core.maximum,
    x1=lambda g, x1, x2: _winner(g, x1 > x2, x1 == x2),
    x2=lambda g, x1, x2: _winner(g, x2 > x1, x1 == x2),
    doc="The larger of x1 and x2, NaN if either is; a tie shares the gradient equally.",
)
minimum = binary(
    _core.minimum,
    x1=lambda g, x1, x2: _winner(g, x1 < x2, x1 == x2),
    x2=lambda g, x1, x2: _winner(g, x2 < x1, x1 == x2),
    doc="The smaller of x1 and x2, NaN if either is; a tie shares the gradient equally.",
)
hypot = binary(
    _core.hypot,
    x1=lambda g, y, x1: g * where(y == 0, 0, x1 / y),
    x2=lambda g, y, x2: g * where(y == 0, 0, x2 / y),
    doc=f"Lengths √(x1² + x2²), without overflow on the way. {_FLOAT}",
)
atan2 = binary(
    _core.atan2,
    x1=lambda g, x1, x2: g * (x2 / (x1 * x1 + x2 * x2)),
    x2=lambda g, x1, x2: g * (-x1 / (x1 * x1 + x2 * x2)),
    doc=f"Angles of the points (x2, x1), in [-π, π]. {_FLOAT}",
)
logaddexp = binary(
    _core.logaddexp,
    x1=lambda g, x1, x2: g * sigmoid(x1 - x2),
    x2=lambda g, x1, x2: g * sigmoid(x2 - x1),
    doc=f"log(exp(x1) + exp(x2)), without overflow on the way. {_FLOAT}",
)
copysign = binary(
    _core.copysign,
    x1=lambda g, x1, x2: g * sign(x1) * copysign(sign(x1), x2),
    x2=_flat,
    doc=f"The size of x1 with the sign of x2. {_FLOAT}",
)
nextafter = binary(
    _core.nextafter,
    x1=None,
    x2=None,
    doc="The next number of the dtype after x1 in the direction of x2 (no gradient); float32 and float64 only.",
)

# ---- comparisons, tests, logic, bits: no gradients ------------------------------------------------------------------

equal = binary(_core.equal, x1=None, x2=None, doc=f"Whether x1 = x2. {_BOOL}")
not_equal = binary(_core.not_equal, x1=None, x2=None, doc=f"Whether x1 ≠ x2. {_BOOL}")
less = binary(_core.less, x1=None, x2=None, doc=f"Whether x1 < x2. {_BOOL}")
less_equal = binary(_core.less_equal, x1=None, x2=None, doc=f"Whether x1 ≤ x2. {_BOOL}")
greater = binary(_core.greater, x1=None, x2=None, doc=f"Whether x1 > x2. {_BOOL}")
greater_equal = binary(_core.greater_equal, x1=None, x2=None, doc=f"Whether x1 ≥ x2. {_BOOL}")

isnan = unary(_core.isnan, x=None, doc=f"Whether elements are NaN. {_BOOL}")
isinf = unary(_core.isinf, x=None, doc=f"Whether elements are infinite. {_BOOL}")
isfinite = unary(_core.isfinite, x=None, doc=f"Whether elements are neither infinite nor NaN. {_BOOL}")
signbit = unary(_core.signbit, x=None, doc=f"Whether the sign is set, that of -0 and NaN too. {_BOOL}")

_TRUTH = f"Numbers count as true unless zero. {_BOOL}"
logical_not = unary(_core.logical_not, x=None, doc=f"Whether elements are false. {_TRUTH}")
logical_and = binary(_core.logical_and, x1=None, x2=None, doc=f"Whether both are true. {_TRUTH}")
logical_or = binary(_core.logical_or, x1=None, x2=None, doc=f"Whether one is true. {_TRUTH}")
logical_xor = binary(_core.logical_xor, x1=None, x2=None, doc=f"Whether exactly one is true. {_TRUTH}")

_BITS = "Integers and bool only."
_SHIFT = "A count that is negative, or not below the width of the dtype, moves every bit out. Integers only."
bitwise_invert = unary(_core.bitwise_invert, x=None, doc=f"Elements with every bit flipped. {_BITS}")
bitwise_and = binary(_core.bitwise_and, x1=None, x2=None, doc=f"Bits set in both. {_BITS}")
bitwise_or = binary(_core.bitwise_or, x1=None, x2=None, doc=f"Bits set in either. {_BITS}")
bitwise_xor = binary(_core.bitwise_xor, x1=None, x2=None, doc=f"Bits set in exactly one. {_BITS}")
bitwise_left_shift = binary(_core.bitwise_left_shift, x1=None, x2=None, doc=f"Bits of x1 moved up by x2. {_SHIFT}")
bitwise_right_shift = binary(
    _core.bitwise_right_shift, x1=None, x2=None, doc=f"Bits of x1 moved down by x2, the sign kept. {_SHIFT}"
)

# ---- choices --------------------------------------------------------------------------------------------------------

where = ternary(
    _core.where,
    inputs=["condition", "x1", "x2"],
    rules={
        "x1": lambda g, condition: where(condition, g, 0),
        "x2": lambda g, condition: where(condition, 0, g),
    },
    doc="Elements of x1 where `condition` (bool) holds, of x2 elsewhere.",
)

_clip = unary(
    _core.clip,
    x=fused(
        _core.clip_backward,
        lambda g, x, low, high: where(logical_and(x >= low, x <= high), g, 0),
    ),
    params=["low", "high"],
    doc="Elements within two numbers.",
)


def clip(x: Tensor, /, min: Any = None, max: Any = None) -> Tensor:
    """Elements brought into [min, max]: minimum(maximum(x, min), max).

    The bounds are Python scalars or tensors that broadcast with `x`, None for no bound; where min > max
    the result is max, and NaN anywhere gives NaN. The gradient passes where min ≤ x ≤ max; a tie with a
    tensor's bound shares it equally. Dtypes: integers and floats; TypeError for bool.

    Example:
        >>> tc.clip(tc.asarray([-2.0, 0.5, 3.0]), 0, 1)
        tensor([0., 0.5, 1.])
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"clip: x must be a Tensor, got {type(x).__name__}")
    if isinstance(min, Tensor) or isinstance(max, Tensor) or x.dtype.kind != "float":
        if min is not None:
            x = maximum(x, min)
        if max is not None:
            return minimum(x, max)
        return positive(x) if min is None else x
    return _clip(x, -math.inf if min is None else min, math.inf if max is None else max)


def masked_fill(x: Tensor, mask: Tensor, value: Any, /) -> Tensor:
    """`x` with `value` where `mask` holds: where(mask, value, x).

    `mask` is bool and broadcasts with `x`; `value` is a Python scalar or a 0-d tensor. The dtype is that
    of `x`; TypeError if `value` does not fit it.

    Example:
        >>> tc.masked_fill(tc.asarray([1.0, 2.0]), tc.asarray([True, False]), 0)
        tensor([0., 2.])
    """
    if not isinstance(x, Tensor) or not isinstance(mask, Tensor):
        raise TypeError(f"masked_fill: x and mask must be Tensors, got {type(x).__name__} and {type(mask).__name__}")
    if isinstance(value, Tensor) and value.ndim:
        raise ValueError(f"masked_fill: value must be a scalar, got shape {value.shape}")
    if mask.dtype is not _core.bool:
        raise TypeError(f"masked_fill: mask must be bool, got {mask.dtype.name}")
    y = where(mask, value, x)
    if y.dtype is not x.dtype:
        raise TypeError(f"masked_fill: a value of {y.dtype.name} does not fit in {x.dtype.name}")
    return y


__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "ceil",
    "clip",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "erf",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "greater",
    "greater_equal",
    "hypot",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "masked_fill",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "reciprocal",
    "remainder",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "trunc",
    "where",
]  # fmt: skip

methods(
    abs, acos, acosh, asin, asinh, atan, atanh, ceil, clip, cos, cosh, erf, exp, exp2, expm1, floor, isfinite, isinf,
    isnan, log, log10, log1p, log2, masked_fill, maximum, minimum, pow, reciprocal, round, rsqrt, sigmoid, sign, sin,
    sinh, sqrt, square, tan, tanh, trunc,
)  # fmt: skip
