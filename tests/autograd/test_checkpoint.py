"""Recomputation: the same gradients, fewer values kept, the same random numbers."""

import numpy as np

import tensorcore as tc
from tensorcore import testing
from tensorcore.autograd import checkpoint
from tensorcore.nn import functional as F


def block(x, w):
    return tc.tanh(tc.exp(x) @ w)


def test_gradients_equal_those_of_the_plain_call(rng):
    x, w = (tc.tensor(rng.standard_normal(s), requires_grad=True) for s in ((3, 4), (4, 4)))
    (block(x, w) * 2.0).sum().backward()
    plain = [np.asarray(x.grad), np.asarray(w.grad)]
    x.grad = w.grad = None
    (checkpoint(block, x, w) * 2.0).sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), plain[0])
    np.testing.assert_array_equal(np.asarray(w.grad), plain[1])


def test_second_order(rng):
    testing.check_grads(
        lambda x, w: checkpoint(block, x, w), [tc.asarray(rng.standard_normal((3, 3))) for _ in range(2)]
    )


def test_random_numbers_repeat():
    x = tc.ones((1000,), dtype=tc.float64).requires_grad_()
    tc.manual_seed(3)
    y = checkpoint(lambda v: F.dropout(v, 0.5, training=True) * v, x)
    y.sum().backward()
    np.testing.assert_allclose(np.asarray(x.grad), 2 * np.asarray(y.detach()))


def test_intermediate_values_are_not_kept():
    x = tc.ones((1 << 16,)).requires_grad_()
    base = tc.memory_stats()["allocated"]
    y = checkpoint(lambda v: tc.exp(tc.exp(tc.exp(v * 0.1) * 0.1)), x)
    assert tc.memory_stats()["allocated"] - base <= y.nbytes + 4096


def test_several_outputs_and_an_unused_one(rng):
    x = tc.tensor(rng.standard_normal(4), requires_grad=True)
    a, _ = checkpoint(lambda v: (v * 3.0, v * v), x)
    a.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad), np.full(4, 3.0))
