"""What tests of numerical code need: tolerances that follow from dtype and operation, and gradient checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from . import _core, autograd
from .tensor import Tensor

# Distance from 1 to the next number of each dtype.
EPSILON = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}
# Half types compute and sum in float32 and round once at the end.
_SUM_EPSILON = {**EPSILON, "float16": 2.0**-23, "bfloat16": 2.0**-23}


def tolerance(dtype: Any, terms: int = 1) -> float:
    """Bound on the error of a result relative to its scale.

    `4·eps(dtype)` for the operation itself, and `eps·√terms` of the dtype sums are kept in for the
    rounding errors of `terms` additions, which grow like a random walk. 0 for integers and bool.
    """
    name = dtype if isinstance(dtype, str) else dtype.name
    if name not in EPSILON:
        return 0.0
    return 4 * EPSILON[name] + (4 * _SUM_EPSILON[name] * math.sqrt(terms) if terms > 1 else 0.0)


def to_float64(x: Any) -> Any:
    """The elements of a tensor (or tuple of them) as a NumPy array: float64 for floats, integers as they are."""
    import numpy as np

    if isinstance(x, (tuple, list)):
        return tuple(to_float64(v) for v in x)
    if not isinstance(x, Tensor):
        return np.asarray(x)
    x = _core.to_device(x.detach(), _core.Device("cpu"), False)
    if x.dtype.kind == "float":
        x = _core.astype(x, _core.float64, False)
    return np.array(x)


def assert_close(actual: Any, expected: Any, *, dtype: Any = None, terms: int = 1, scale: Any = None) -> None:
    """Raise AssertionError unless |actual - expected| ≤ tolerance(dtype, terms) · scale everywhere.

    `scale` defaults to max(1, |expected|) element by element; infinities and NaN must match exactly.
    """
    import numpy as np

    if dtype is None:
        dtype = actual.dtype
    a, e = to_float64(actual), to_float64(expected)
    if a.shape != e.shape:
        raise AssertionError(f"shapes differ: got {a.shape}, expected {e.shape}")
    bound = tolerance(dtype, terms)
    if bound == 0:
        wrong = a != e
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.maximum(1.0, np.abs(e)) if scale is None else scale
            wrong = ~((np.abs(a - e) <= bound * size) | (a == e) | (np.isnan(a) & np.isnan(e)))
    if wrong.any():
        where = np.unravel_index(int(np.argmax(wrong)), wrong.shape) if wrong.ndim else ()
        raise AssertionError(
            f"{int(wrong.sum())} of {wrong.size} elements are off by more than {bound:.3g} of scale; "
            f"at {tuple(int(i) for i in where)} got {a[where]!r}, expected {e[where]!r}"
        )


def check_grads(
    function: Callable[..., Any],
    inputs: Sequence[Tensor],
    *,
    order: int = 2,
    eps: float = 1e-5,
    rtol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Compare gradients of `function` with central differences along a random direction.

    `inputs` must be float64. The outputs are weighed by random numbers into one scalar s(x); then
    ⟨∇s(x), d⟩ must equal (s(x + eps·d) − s(x − eps·d)) / 2eps for a random direction d, within `rtol`
    of the terms' size. With `order=2` the gradient, as a function, is checked the same way.
    Method: one directional derivative instead of the whole Jacobian, as in HIPS autograd.
    Raises AssertionError on a mismatch, TypeError on inputs that are not float64.
    """
    import numpy as np

    for x in inputs:
        if not isinstance(x, Tensor) or x.dtype is not _core.float64:
            raise TypeError(f"check_grads: inputs must be float64 Tensors, got {getattr(x, 'dtype', type(x))}")
    rng = np.random.default_rng(seed)
    device = inputs[0].device if inputs else _core.Device("cpu")
    values = [np.array(to_float64(x)) for x in inputs]

    def tensor(a: Any) -> Tensor:
        return _core.to_device(_core.copy(_core.from_buffer(np.ascontiguousarray(a))).reshape(a.shape), device, False)

    weights: list[Any] = []

    def scalar(arrays: Sequence[Any], grad_inputs: bool) -> tuple[Any, list[Tensor]]:
        xs = [tensor(a) for a in arrays]
        for x in xs:
            x.requires_grad = grad_inputs
        outputs = function(*xs)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        outputs = [o for o in outputs if o.dtype.kind == "float"]
        if not weights:
            weights.extend(rng.standard_normal(o.shape) for o in outputs)
        total = None
        for o, w in zip(outputs, weights, strict=True):
            part = (o * tensor(w)).sum()
            total = part if total is None else total + part
        return total, xs

    with autograd.grad_mode(True):
        total, xs = scalar(values, True)
        # A total that does not depend on the inputs (the gradient of a linear function) has gradient 0.
        grads = autograd.grad(total, xs, allow_unused=True) if total.requires_grad else (None,) * len(xs)
    directions = [rng.standard_normal(v.shape) for v in values]
    exact = sum(float((to_float64(g) * d).sum()) for g, d in zip(grads, directions, strict=True) if g is not None)
    with autograd.grad_mode(False):
        above, _ = scalar([v + eps * d for v, d in zip(values, directions, strict=True)], False)
        below, _ = scalar([v - eps * d for v, d in zip(values, directions, strict=True)], False)
    numeric = (float(above) - float(below)) / (2 * eps)
    size = max(1.0, abs(exact), abs(numeric), 1e-3 * abs(float(above)))
    if not abs(exact - numeric) <= rtol * size:
        raise AssertionError(
            f"gradient along a random direction is {exact!r}, central difference gives {numeric!r} "
            f"(order {3 - order if order < 3 else 1} check)"
        )
    if order > 1:

        def gradient(*args: Tensor) -> Any:
            with autograd.grad_mode(True):
                args = tuple(a if a.requires_grad else a.detach().requires_grad_() for a in args)
                outputs = function(*args)
                outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
                outputs = [o for o in outputs if o.requires_grad]
                seeds = [tensor(w) for w in weights[: len(outputs)]]
                if not outputs:
                    return tuple(a * 0 for a in args)
                got = autograd.grad(outputs, list(args), seeds, create_graph=True, allow_unused=True)
            return tuple(a * 0 if g is None else g for g, a in zip(got, args, strict=True))

        check_grads(gradient, inputs, order=order - 1, eps=eps, rtol=rtol * 10, seed=seed + 1)
