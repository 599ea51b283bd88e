"""Elementwise functions, each declared with its gradient."""

from __future__ import annotations

from .. import _core
from ..declare import binary, ternary, unary
from ..tensor import methods

negative = unary(_core.negative, x=lambda g: -g, doc="Elements with the opposite sign.")
exp = unary(_core.exp, x=lambda g, y: g * y, doc="Exponentials, e to the power of each element.")
log = unary(_core.log, x=lambda g, x: g / x, doc="Natural logarithms.")
sqrt = unary(_core.sqrt, x=lambda g, y: g / (y * 2), doc="Square roots; NaN below zero.")
tanh = unary(_core.tanh, x=lambda g, y: g * (1 - y * y), doc="Hyperbolic tangents.")
abs = unary(_core.abs, x=lambda g, x: g * sign(x), doc="Absolute values.")  # noqa: A001

add = binary(_core.add, x1=lambda g: g, x2=lambda g: g, doc="Sums x1 + x2.")
subtract = binary(_core.subtract, x1=lambda g: g, x2=lambda g: -g, doc="Differences x1 - x2.")
multiply = binary(
    _core.multiply, x1=lambda g, x2: g * x2, x2=lambda g, x1: g * x1, doc="Products x1 · x2."
)
divide = binary(
    _core.divide,
    x1=lambda g, x2: g / x2,
    x2=lambda g, y, x2: -g * y / x2,
    doc="Quotients x1 / x2; integers give the default floating-point dtype.",
)
equal = binary(_core.equal, x1=None, x2=None, doc="Whether x1 = x2, a bool tensor.")
less = binary(_core.less, x1=None, x2=None, doc="Whether x1 < x2, a bool tensor.")

where = ternary(
    _core.where,
    inputs=["condition", "x1", "x2"],
    rules={
        "x1": lambda g, condition: where(condition, g, 0),
        "x2": lambda g, condition: where(condition, 0, g),
    },
    doc="Elements of x1 where `condition` (bool) holds, of x2 elsewhere.",
)

__all__ = ["abs", "add", "divide", "equal", "exp", "less", "log", "multiply", "negative", "sqrt", "subtract", "tanh", "where"]

methods(abs, exp, log, sqrt, tanh)
