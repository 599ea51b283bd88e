"""Random settings and inputs to every layer: a result or a clear exception, never a crash or an error of ours."""

import random

import pytest

import tensorcore as tc
from tensorcore import nn

# What a caller may get for wrong arguments; anything else (AttributeError, AssertionError, …) is our fault.
CLEAR = (ValueError, TypeError, IndexError, KeyError, RuntimeError, OverflowError, MemoryError)
# The transformer as a whole is large, and refuses as its layers do.
NO_LAYERS = {"Module", "Transformer", "Parameter", "Buffer", "UninitializedBuffer", "UninitializedParameter"}
LAYERS = sorted(n for n in nn.__all__ if n[0].isupper() and n not in NO_LAYERS)


def setting(rng):
    return rng.choice(
        [0, 1, 2, 3, 4, -1, 2.5, 0.5, None, True, "same", "mean", "relu", (2, 3), (1,), [2], object(), float("nan")]
    )


def value(rng):
    if rng.random() < 0.3:
        return setting(rng)
    shape = tuple(rng.choice([0, 1, 2, 3, 4]) for _ in range(rng.randint(0, 5)))
    return tc.ones(shape, dtype=rng.choice([tc.float32, tc.float64, tc.float16, tc.int64, tc.bool]))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_refuse_clearly(name):
    rng = random.Random(name)
    for _ in range(60):
        try:
            layer = getattr(nn, name)(*(setting(rng) for _ in range(rng.randint(0, 4))))
            assert repr(layer).startswith(name)
            layer(*(value(rng) for _ in range(rng.randint(1, 3))))
        except CLEAR as error:
            assert not isinstance(error, NotImplementedError | RecursionError)
