"""Random arguments, valid and invalid, to every public function: a result or a clear exception, never a crash."""

import inspect
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tensorcore as tc

# What a caller may get for wrong arguments. Anything else (AttributeError, KeyError, AssertionError, …) is our fault.
CLEAR = (ValueError, TypeError, IndexError, RuntimeError, OverflowError, MemoryError, BufferError)
UNCLEAR = (NotImplementedError, RecursionError, UnboundLocalError)

# Mostly the CPU, so that calls succeed; with TENSORCORE_FUZZ_DEVICE=cuda mostly `cuda`. Some calls mix the two.
MAIN = os.environ.get("TENSORCORE_FUZZ_DEVICE", "cpu")
PLACES = [MAIN] * 9 + ["cuda" if MAIN == "cpu" else "cpu"]
DTYPES = [tc.bool, tc.uint8, tc.int8, tc.int16, tc.int32, tc.int64, tc.float16, tc.bfloat16, tc.float32, tc.float64]
SKIPPED = {
    "value_and_grad", "grad", "enable_grad", "no_grad",  # take functions: tests/autograd
    "set_num_threads", "set_cache_limit", "manual_seed",  # change the process
    "save", "load", "load_metadata",  # write and read files: tests/train
    "Tensor", "DType", "Device",
}  # fmt: skip


def public_functions():
    for namespace, module in (("tc", tc), ("F", tc.nn.functional)):
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_") or name in SKIPPED or inspect.ismodule(value) or isinstance(value, type):
                continue
            if callable(value):
                yield pytest.param(value, id=f"{namespace}.{name}")


@st.composite
def tensors(draw):
    """Tensors of any dtype and layout, size 0 and 0-d included."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    dtype = draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 100)))
    values = rng.integers(-3, 4, shape).astype(np.float64)
    special = draw(st.sampled_from([None, np.nan, np.inf, -np.inf, 0.0]))
    if special is not None and values.size and dtype.kind == "float":
        values.flat[0] = special
    x = tc.asarray(values).astype(dtype).to(draw(st.sampled_from(PLACES)))
    layout = draw(st.sampled_from(["plain", "plain", "transposed", "flipped", "broadcast"]))
    if layout == "transposed":
        x = x.permute_dims(tuple(reversed(range(x.ndim))))
    elif layout == "flipped" and x.ndim:
        x = x[::-1]
    elif layout == "broadcast" and x.ndim and x.shape[0] > 0:
        x = tc.broadcast_to(x[:1], x.shape)
    if dtype.kind == "float" and draw(st.booleans()):
        x = x.detach().requires_grad_()
    return x


small = st.integers(-5, 6)
scalars = st.one_of(
    small, st.booleans(), st.floats(-3, 3), st.sampled_from([float("nan"), float("inf"), 2**62, -(2**63), 2**70])
)
anything = st.one_of(
    tensors(),
    scalars,
    st.none(),
    st.sampled_from(["mean", "sum", "none", "same", "reflect", "left", "ij,jk->ik", "", "\N{BOMB}"]),
    st.lists(small, max_size=4).map(tuple),
    st.lists(small, max_size=3),
    st.lists(tensors(), max_size=3),
    st.sampled_from(DTYPES),
    st.sampled_from(["cpu", "cuda", "tpu"]),
    st.just(object()),
    st.just(b"bytes"),
    st.just({}),
    st.just(1j),
)
likely_tensor = st.one_of(tensors(), tensors(), tensors(), anything)


@st.composite
def arguments(draw, function):
    """Arguments that fit the signature in number and name, more or less likely to be right."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = [inspect.Parameter("x", inspect.Parameter.POSITIONAL_ONLY)]
    args, kwargs = [], {}
    for i, p in enumerate(parameters):
        if p.kind is p.VAR_POSITIONAL:
            args += draw(st.lists(likely_tensor, max_size=3))
        elif p.kind is p.KEYWORD_ONLY:
            if p.default is p.empty or draw(st.booleans()):
                kwargs[p.name] = draw(anything)
        elif p.kind is not p.VAR_KEYWORD:
            if p.default is not p.empty and draw(st.integers(0, 2)) == 0:
                break
            first = i == 0 or p.name in ("x1", "x2", "x", "target", "weight", "condition", "key", "query", "value")
            args.append(draw(likely_tensor if first else anything))
    if draw(st.integers(0, 9)) == 0:
        args.append(draw(anything))
    return args, kwargs


def touch(value):
    """Read every element of a result: an over-read shows under the sanitizers, garbage shapes here."""
    if isinstance(value, tc.Tensor):
        assert all(n >= 0 for n in value.shape)
        assert value.size == int(np.prod(value.shape))
        tc.testing.to_float64(value)
        if value.requires_grad and value.size and value.size < 10_000:
            try:
                value.sum().backward()
            except CLEAR as error:
                assert not isinstance(error, UNCLEAR), error
    elif isinstance(value, (tuple, list)):
        for item in value:
            touch(item)


@pytest.mark.parametrize("function", list(public_functions()))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
def test_any_arguments(function, data):
    args, kwargs = data.draw(arguments(function))
    try:
        result = function(*args, **kwargs)
    except CLEAR as error:
        assert not isinstance(error, UNCLEAR), f"{type(error).__name__}: {error}"
        assert str(error), "an exception must say something"
        return
    touch(result)


METHODS = [n for n in dir(tc.Tensor) if callable(getattr(tc.Tensor, n)) and not n.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
def test_any_arguments_to_methods(name, data):
    x = data.draw(tensors())
    args = data.draw(st.lists(anything, max_size=3))
    try:
        touch(getattr(x, name)(*args))
    except CLEAR as error:
        assert not isinstance(error, UNCLEAR), f"{type(error).__name__}: {error}"


OPERATORS = [
    f"__{n}__"
    for n in [
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and",
        "or",
        "xor",
        "lshift",
        "rshift",
    ]
]
OPERATORS += [f"__r{n[2:]}" for n in OPERATORS] + [f"__i{n[2:]}" for n in OPERATORS]
OPERATORS += ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"]


@pytest.mark.parametrize("name", OPERATORS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
@given(data=st.data())
def test_operators(name, data):
    x, y = data.draw(tensors()), data.draw(st.one_of(tensors(), anything))
    try:
        result = getattr(x, name)(y)
    except CLEAR as error:
        assert not isinstance(error, UNCLEAR), f"{type(error).__name__}: {error}"
        return
    if result is not NotImplemented:
        touch(result)
