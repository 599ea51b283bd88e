"""Every row of the op table: forward against NumPy in float64 in all dtypes and layouts, gradients, errors."""

import re

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import testing
from tensorcore.op_table import all_rows, families
from tensorcore.op_table.inputs import LAYOUTS, make_inputs, to_tensor
from tensorcore.op_table.row import FLOATS, Op

ROWS = all_rows()
# Families whose CUDA kernels are still to be written: they run on the CPU only.
CPU_ONLY = {"attention", "conv", "pool", "recurrent", "search", "set", "sort", "unpool"}
NEEDS_POOLING = {"local_response_norm", "local_response_norm[even]"}
FAMILY = {op.id: name for name, rows in families().items() for op in rows}


def devices(op: Op) -> tuple[str, ...]:
    return ("cpu",) if FAMILY[op.id] in CPU_ONLY or op.id in NEEDS_POOLING else ("cpu", "cuda")


def each(rows: list[Op]) -> pytest.MarkDecorator:
    """Every row on each of its devices."""
    return pytest.mark.parametrize(
        ("op", "device"), [pytest.param(op, d, id=f"{op.id}-{d}") for op in rows for d in devices(op)]
    )


def as_tuple(x):
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


@pytest.mark.parametrize(
    ("op", "dtype", "device"),
    [pytest.param(op, t, d, id=f"{op.id}-{t}-{d}") for op in ROWS for t in op.dtypes for d in devices(op)],
)
def test_forward(op: Op, dtype: str, device: str) -> None:
    for layout in LAYOUTS if op.layouts else LAYOUTS[:1]:
        inputs = make_inputs(op, dtype, layout, device)
        exact = [testing.to_float64(x) for x in inputs]
        kept = [testing.to_float64(x) for x in inputs]
        with np.errstate(all="ignore"):
            expected = as_tuple(op.reference(*exact))
            scale = None if op.scale is None else op.scale(*exact)
        got = as_tuple(op.call(*inputs))
        assert len(got) == len(expected)
        assert {g.device.type for g in got} <= {device}
        for g, e in zip(got, expected, strict=True):
            factor = op.tolerance_factor
            size = np.maximum(1.0, np.abs(e)) if scale is None else scale
            if g.dtype.name in FLOATS:
                # Half types hold less than the float64 reference: overflow there is infinity here.
                testing.assert_close(g, e, terms=op.terms, scale=size * factor)
            else:
                testing.assert_close(g, e)
        for before, x in zip(kept, inputs, strict=True):
            np.testing.assert_array_equal(before, testing.to_float64(x), err_msg=f"{layout}: input changed")


@each([op for op in ROWS if op.order > 0])
def test_gradient(op: Op, device: str) -> None:
    inputs = make_inputs(op, "float64", "contiguous", device)
    variable = [i for i, x in enumerate(inputs) if i not in op.fixed]

    def function(*xs: tc.Tensor):
        full = list(inputs)
        for i, x in zip(variable, xs, strict=True):
            full[i] = x
        return op.call(*full)

    testing.check_grads(function, [inputs[i] for i in variable], order=op.order)


@each([op for op in ROWS if op.order > 0])
def test_float32_gradient_agrees_with_float64(op: Op, device: str) -> None:
    results = []
    for dtype in ("float32", "float64"):
        inputs = [
            x if i in op.fixed else x.astype(getattr(tc, dtype)).requires_grad_()
            for i, x in enumerate(make_inputs(op, "float32", "contiguous", device))
        ]
        total = None
        for k, out in enumerate(as_tuple(op.call(*inputs))):
            if out.dtype.kind == "float" and out.requires_grad:
                weights = np.random.default_rng(k).uniform(0.5, 1.5, out.shape)
                part = (out * tc.asarray(weights, dtype=out.dtype).to(device)).sum()
                total = part if total is None else total + part
        total.backward()
        results.append([None if i in op.fixed or x.grad is None else x.grad for i, x in enumerate(inputs)])
        for x, g in zip(inputs, results[-1], strict=True):
            assert g is None or (g.dtype is x.dtype and g.shape == x.shape)
    for g32, g64 in zip(*results, strict=True):
        if g32 is not None:
            exact = testing.to_float64(g64)
            scale = np.maximum(1.0, np.abs(exact).max(initial=1.0))
            testing.assert_close(g32, exact, terms=max(op.terms, 16), scale=scale * 4)


@each([op for op in ROWS if op.empty is not None])
def test_size_zero(op: Op, device: str) -> None:
    arrays = [np.zeros(shape) for shape in op.empty()]
    inputs = [to_tensor(a, op.dtypes[-1], device=device) for a in arrays]
    expected = as_tuple(op.reference(*[testing.to_float64(x) for x in inputs]))
    for g, e in zip(as_tuple(op.call(*inputs)), expected, strict=True):
        testing.assert_close(g, e)


@pytest.mark.parametrize(
    ("call", "exception", "text"),
    [pytest.param(*e, id=f"{op.id}-{i}") for op in ROWS for i, e in enumerate(op.errors)],
)
def test_error_text(call, exception, text) -> None:
    with pytest.raises(exception, match=f"^{re.escape(text)}$"):
        call()


@pytest.mark.skipif(tc._core.cuda_backend() not in ("simt", "simt-check"), reason="needs the executor")
@pytest.mark.parametrize("op", [pytest.param(op, id=f"{op.id}-cuda") for op in ROWS if "cuda" in devices(op)])
def test_same_bits_in_any_order(op: Op) -> None:
    """Whatever CUDA leaves open, the order of threads and the moment of asynchronous copies, changes nothing."""
    for dtype in {op.dtypes[0], op.dtypes[-1]}:
        for layout in ("contiguous", "transposed") if op.layouts else ("contiguous",):
            seen = set()
            for order, copies in (("forward", "eager"), ("reverse", "late"), ("random", "random")):
                with tc.cuda.simt_settings(order=order, async_copies=copies, seed=3):
                    outputs = as_tuple(op.call(*make_inputs(op, dtype, layout, "cuda")))
                    seen.add(tuple(bytes(tc._core.as_bytes(g.detach())) for g in outputs))
            assert len(seen) == 1
