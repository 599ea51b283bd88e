"""Elementwise ops."""

import math

import numpy as np

import tensorcore as tc

from .row import ALL, FLOATS, INTS, REALS, WIDE, Op

S = (3, 4, 5)


def uniform(low, high, *shapes):
    return lambda rng: [rng.uniform(low, high, s) for s in shapes]


def normal(*shapes):
    return lambda rng: [rng.standard_normal(s) * 2 for s in shapes]


def positive(*shapes):
    return uniform(0.1, 4, *shapes)


def whole(low, high, *shapes):
    """Whole numbers, the same in every dtype, no zeros."""
    return lambda rng: [np.where((v := rng.integers(low, high, s)) == 0, 1, v).astype(np.float64) for s in shapes]


def booleans(*shapes):
    return lambda rng: [(rng.random(s) < 0.5).astype(np.float64) for s in shapes]


def bits(*shapes):
    return lambda rng: [rng.integers(0, 7, s).astype(np.float64) for s in shapes]


def apart(rng):
    """Two samples without near ties, so that a difference quotient stays on one side."""
    a = rng.standard_normal(S) * 2
    return [a, a + rng.choice([-1, 1], S) * rng.uniform(0.2, 1, S)]


def masked(rng):
    return [rng.random(S) < 0.5, rng.standard_normal(S), rng.standard_normal((4, 1))]


erf = np.vectorize(math.erf, otypes=[np.float64])


def unary(name, reference, sample, dtypes=FLOATS, order=2, **more):
    return Op(name, getattr(tc, name), reference, sample, dtypes, order=order, empty=lambda: [(0, 3)], **more)


def text_type(name):
    """The error for an argument that is no tensor."""
    return [(lambda: getattr(tc, name)("text"), TypeError, f"{name}: the argument must be a Tensor, got str")]


def rounded_inputs(reference, step):
    """For references that jump: on inputs away from the jumps."""
    return lambda rng: [np.floor(rng.uniform(-5, 5, S)) + step]


ROWS = [
    unary("exp", np.exp, normal(S), errors=text_type("exp")),
    unary("exp2", np.exp2, normal(S)),
    unary("expm1", np.expm1, normal(S)),
    unary("log", np.log, positive(S), errors=text_type("log")),
    unary("log2", np.log2, positive(S)),
    unary("log10", np.log10, positive(S)),
    unary("log1p", np.log1p, positive(S)),
    unary("sqrt", np.sqrt, positive(S)),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), positive(S)),
    unary("reciprocal", lambda x: 1 / x, positive(S)),
    unary("square", lambda x: x * x, whole(-9, 10, S), REALS),
    unary("sin", np.sin, normal(S)),
    unary("cos", np.cos, normal(S)),
    unary("tan", np.tan, uniform(-1.2, 1.2, S)),
    unary("asin", np.arcsin, uniform(-0.9, 0.9, S)),
    unary("acos", np.arccos, uniform(-0.9, 0.9, S)),
    unary("atan", np.arctan, normal(S)),
    unary("sinh", np.sinh, normal(S)),
    unary("cosh", np.cosh, normal(S)),
    unary("tanh", np.tanh, normal(S)),
    unary("asinh", np.arcsinh, normal(S)),
    unary("acosh", np.arccosh, uniform(1.2, 5, S)),
    unary("atanh", np.arctanh, uniform(-0.9, 0.9, S)),
    unary("erf", erf, normal(S)),
    unary("sigmoid", lambda x: 1 / (1 + np.exp(-x)), normal(S)),
    unary("abs", np.abs, whole(-9, 10, S), REALS),
    unary("negative", lambda x: -x, whole(-9, 10, S), (*INTS[1:], *FLOATS),
          errors=[(lambda: tc.negative(tc.asarray([True])), TypeError, "negative: dtype bool is not supported")]),
    unary("positive", lambda x: x, whole(-9, 10, S), REALS),
    unary("sign", np.sign, whole(-9, 10, S), REALS),
    unary("floor", np.floor, rounded_inputs(np.floor, 0.25), REALS),
    unary("ceil", np.ceil, rounded_inputs(np.ceil, 0.25), REALS),
    unary("trunc", np.trunc, rounded_inputs(np.trunc, 0.25), REALS),
    unary("round", np.round, rounded_inputs(np.round, 0.25), REALS),
    Op("round[halves]", tc.round, np.round, lambda rng: [np.arange(-8, 9) / 2], FLOATS, order=0),
    unary("isnan", np.isnan, normal(S), ALL, 0),
    unary("isinf", np.isinf, normal(S), ALL, 0),
    unary("isfinite", np.isfinite, normal(S), ALL, 0),
    unary("signbit", np.signbit, normal(S), FLOATS, 0),
    unary("logical_not", np.logical_not, booleans(S), ALL, 0),
    unary("bitwise_invert", np.bitwise_not, bits(S), ("bool", *INTS), 0,
          errors=[(lambda: tc.bitwise_invert(tc.ones(2)), TypeError,
                   "bitwise_invert: dtype float32 is not supported")]),
    Op("add", tc.add, np.add, normal(S, (5,)), empty=lambda: [(0, 3), (3,)],
       errors=[(lambda: tc.add(tc.ones((2, 3)), tc.ones(4)), ValueError,
                "add: shapes must broadcast, got (2, 3) and (4,)"),
               (lambda: tc.add(tc.ones(2), "text"), TypeError,
                "add: arguments must be Tensors or Python scalars, at least one a Tensor, got "
                "tensorcore.tensor.Tensor, str")][:1]),
    Op("add[integers]", tc.add, np.add, whole(-9, 10, S, (5,)), ("int8", "int16", "int32", "int64"), order=0),
    Op("subtract", tc.subtract, np.subtract, normal(S, (4, 1)), empty=lambda: [(0, 3), (1,)],
       errors=[(lambda: tc.subtract(tc.asarray([True]), tc.asarray([True])), TypeError,
                "subtract: dtype bool is not supported")]),
    Op("multiply", tc.multiply, np.multiply, normal(S, (4, 1))),
    Op("multiply[integers]", tc.multiply, np.multiply, whole(0, 10, S, S), INTS, order=0),
    Op("divide", tc.divide, np.divide, positive(S, (4, 1))),
    Op("floor_divide", tc.floor_divide, np.floor_divide, whole(-19, 20, S, S), (*INTS[1:], *FLOATS), order=0),
    Op("remainder", tc.remainder, np.remainder, whole(-19, 20, S, S), (*INTS[1:], *FLOATS), order=0),
    Op("remainder[gradient]", tc.remainder, np.remainder,
       lambda rng: [rng.integers(-9, 9, S) * 0.5 + 0.2, np.full(S, 1.5)], WIDE, order=2),
    Op("pow", tc.pow, np.power, lambda rng: [rng.uniform(0.3, 2, S), rng.uniform(-2, 2, S)]),
    Op("pow[square]", lambda x: tc.pow(x, 2), lambda x: x**2, normal(S)),
    Op("pow[scalar]", lambda x: tc.pow(x, 2.5), lambda x: x**2.5, positive(S)),
    Op("pow[base]", lambda x: tc.pow(2, x), lambda x: 2.0**x, normal(S), FLOATS),
    Op("pow[integers]", tc.pow, np.power, lambda rng: [rng.integers(-3, 4, S) * 1.0, rng.integers(0, 4, S) * 1.0],
       INTS[1:], order=0),
    Op("maximum", tc.maximum, np.maximum, apart),
    Op("minimum", tc.minimum, np.minimum, apart),
    Op("maximum[integers]", tc.maximum, np.maximum, whole(0, 90, S, S), INTS, order=0),
    Op("minimum[integers]", tc.minimum, np.minimum, whole(0, 90, S, S), INTS, order=0),
    Op("hypot", tc.hypot, np.hypot, normal(S, (5,))),
    Op("atan2", tc.atan2, np.arctan2, normal(S, (5,))),
    Op("logaddexp", tc.logaddexp, np.logaddexp, normal(S, (5,))),
    Op("copysign", tc.copysign, np.copysign, normal(S, (5,))),
    Op("nextafter", tc.nextafter, lambda a, b: a, normal(S, S), WIDE, order=0,
       errors=[(lambda: tc.nextafter(tc.ones(2, dtype=tc.float16), tc.ones(2, dtype=tc.float16)), TypeError,
                "nextafter: dtype float16 is not supported")]),
    *(Op(name, getattr(tc, name), getattr(np, name), whole(1, 4, S, S), ALL[1:], order=0)
      for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")),
    Op("equal[bool]", tc.equal, np.equal, booleans(S, S), ("bool",), order=0),
    Op("greater[shapes]", tc.greater, np.greater, normal(S, (4, 1)), WIDE, order=0,
       errors=[(lambda: tc.greater(tc.ones((2, 3)), tc.ones(4)), ValueError,
                "greater: shapes must broadcast, got (2, 3) and (4,)")]),
    *(Op(name, getattr(tc, name), getattr(np, name), booleans(S, (5,)), ALL, order=0)
      for name in ("logical_and", "logical_or", "logical_xor")),
    *(Op(name, getattr(tc, name), getattr(np, name), bits(S, (5,)), INTS, order=0)
      for name in ("bitwise_and", "bitwise_or", "bitwise_xor")),
    Op("bitwise_left_shift", tc.bitwise_left_shift, np.left_shift, lambda rng: [rng.integers(0, 4, S) * 1.0,
       rng.integers(0, 5, S) * 1.0], INTS, order=0),
    Op("bitwise_right_shift", tc.bitwise_right_shift, np.right_shift, lambda rng: [rng.integers(0, 100, S) * 1.0,
       rng.integers(0, 7, S) * 1.0], INTS, order=0),
    Op("where", tc.where, np.where, masked, fixed=[0],
       errors=[(lambda: tc.where(tc.ones(2), tc.ones(2), tc.ones(2)), TypeError,
                "where: condition must be bool, got float32")]),
    Op("clip", lambda x: tc.clip(x, -1, 1.25), lambda x: np.clip(x, -1, 1.25), normal(S),
       errors=[(lambda: tc.clip(3, 1, 2), TypeError, "clip: x must be a Tensor, got int")]),
    Op("clip[below]", lambda x: tc.clip(x, max=3), lambda x: np.clip(x, None, 3), whole(0, 9, S), REALS, order=0),
    Op("clip[tensors]", tc.clip, np.clip, lambda rng: [
        rng.standard_normal(S), rng.uniform(-2, -0.5, (4, 1)), rng.uniform(0.5, 2, (5,))]),
    Op("masked_fill", lambda x, m: tc.masked_fill(x, m, -2), lambda x, m: np.where(m, -2, x),
       lambda rng: [rng.standard_normal(S), rng.random((4, 1)) < 0.5], fixed=[1],
       errors=[(lambda: tc.masked_fill(tc.ones(2), tc.ones(2), 0), TypeError,
                "masked_fill: mask must be bool, got float32"),
               (lambda: tc.masked_fill(tc.ones(2, dtype=tc.int32), tc.asarray([True, False]), 0.5), TypeError,
                "masked_fill: a value of float32 does not fit in int32")]),
]  # fmt: skip
