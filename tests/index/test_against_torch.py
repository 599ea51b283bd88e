"""gather, scatter_add and embedding, with gradients, against PyTorch in float64; determinism of scatters."""

import os
import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import testing
from tensorcore.nn import functional as F


def both(torch, *arrays):
    ours = [tc.tensor(a).requires_grad_(a.dtype == np.float64) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=a.dtype == np.float64) for a in arrays]
    return ours, theirs


def check(y, z, ours, theirs, rng):
    np.testing.assert_allclose(np.asarray(y.detach()), z.detach().numpy(), rtol=1e-14, atol=1e-14)
    w = rng.standard_normal(y.shape)
    (y * y * tc.asarray(w)).sum().backward()
    import torch

    (z * z * torch.tensor(w)).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        if b.grad is not None:
            np.testing.assert_allclose(np.asarray(a.grad), b.grad.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gather_and_scatter_add(rng, axis) -> None:
    torch = pytest.importorskip("torch")
    x, src = rng.standard_normal((5, 6, 7)), rng.standard_normal((5, 5, 6))
    index = rng.integers(0, 5, (4, 5, 6))
    (a, i), (b, j) = both(torch, x, index)
    check(tc.gather(a, axis, i), torch.gather(b, axis, j), (a,), (b,), rng)
    (a, i, s), (b, j, t) = both(torch, x, index, src)
    check(tc.scatter_add(a, axis, i, s), torch.scatter_add(b, axis, j, t[:4, :5, :6]), (a, s), (b, t), rng)


@pytest.mark.parametrize("padding", [None, 2, -1])
@pytest.mark.parametrize("dtype", ["int64", "uint8", "int32"])
def test_embedding(rng, padding, dtype) -> None:
    torch = pytest.importorskip("torch")
    index, weight = rng.integers(0, 9, (6, 7)).astype(dtype), rng.standard_normal((9, 5))
    (i, w), (_, v) = both(torch, index, weight)
    y = F.embedding(i, w, padding)
    z = torch.nn.functional.embedding(torch.tensor(index.astype("int64")), v, padding)
    check(y, z, (w,), (v,), rng)
    if padding is None:
        testing.check_grads(lambda w: F.embedding(i, w), [w.detach()])
    else:  # the padding row is used but gets no gradient: only the second order can be checked by differences

        def through(g):
            with tc.enable_grad():
                w = tc.tensor(weight, requires_grad=True)
                out = F.embedding(i, w, padding)
                return tc.autograd.grad(out, w, g, create_graph=True)

        testing.check_grads(through, [tc.asarray(rng.standard_normal((6, 7, 5)))])


SCATTERS = """
import hashlib, sys
import numpy as np
import tensorcore as tc

rng = np.random.default_rng(0)
i, column = rng.integers(0, 100, 20000), rng.integers(0, 33, (20000, 33))
values = rng.standard_normal((20000, 33)) * 9
index, columns = tc.asarray(i), tc.asarray(column)
for dtype in (tc.float16, tc.float32, tc.int32):
    g = tc.asarray(values).astype(dtype)
    stored = tc.zeros((100, 33), dtype=dtype)
    stored[index] = g
    summed = tc._core.embedding_gradient(g, index, 100, None)
    results = [summed, tc.scatter_add(g, 1, columns, g), tc.scatter_add(g, 0, columns * 606, g), stored]
    print(*(hashlib.sha256(np.asarray(v).tobytes()).hexdigest() for v in results))
    wide = np.asarray(g.astype(tc.float64))
    exact, last = np.zeros((100, 33)), np.zeros((100, 33))
    np.add.at(exact, i, wide)
    last[i] = wide
    eps = {"float16": 2.0**-10, "float32": 2.0**-23, "int32": 0}[dtype.name]
    bound = eps * np.abs(exact) + 2.0**-23 * 20 * np.sqrt(400.0) * 9 * (dtype.kind == "float")
    assert (np.abs(np.asarray(summed.astype(tc.float64)) - exact) <= bound).all(), dtype
    assert (np.asarray(stored.astype(tc.float64)) == last).all(), dtype
"""


def test_same_bits_with_any_number_of_threads() -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-c", SCATTERS],
            env={**os.environ, "OMP_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2", "5")
    ]
    assert len(printed[0].split()) == 12
    assert printed[0] == printed[1] == printed[2]
