"""The workloads, family by family. Each framework's version is what its users write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import references
from .case import Builder, Case, Inputs, functional, plain, with_gradients
from .layers import attention, batch_norm, embedding, layer_norm, max_pool, recurrent

# ---- products ------------------------------------------------------------------------------------


def gemm(m: int, k: int, n: int, *, quick: bool = False) -> Case:
    """C = A·B of (m, k) and (k, n)."""
    call = plain(lambda lib: lib.matmul, "a", "b")
    return Case(
        "gemm",
        f"{m}x{n}x{k}",
        {"a": (m, k), "b": (k, n)},
        {"tc": call, "torch": call, "numpy": call},
        lambda x: x["a"] @ x["b"],
        flops=0 if m == 1 else 2.0 * m * n * k,
        bytes=4.0 * (m * k + k * n + m * n),
        traffic="read",
        terms=k,
        quick=quick,
    )


def batched_gemm(batch: int, n: int) -> Case:
    """A stack of square products."""
    call = plain(lambda lib: lib.matmul, "a", "b")
    return Case(
        "gemm",
        f"{batch} x ({n}x{n}x{n})",
        {"a": (batch, n, n), "b": (batch, n, n)},
        {"tc": call, "torch": call, "numpy": call},
        lambda x: x["a"] @ x["b"],
        flops=2.0 * batch * n**3,
        terms=n,
    )


# ---- convolution ---------------------------------------------------------------------------------


def _conv_reference(x: Any, w: Any, stride: int, padding: int, groups: int) -> Any:
    import numpy as np

    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    views = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    n, c, p, q = views.shape[:4]
    views = views.reshape(n, groups, c // groups, p, q, *w.shape[2:])
    kernels = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    if c == groups:  # depthwise: einsum without a product
        return np.einsum("ngcpqij,gkcij->ngkpq", views, kernels).reshape(n, -1, p, q)
    parts = [np.tensordot(views[:, i], kernels[i], axes=((1, 4, 5), (1, 2, 3))) for i in range(groups)]
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, 1)


def conv(
    n: int,
    c: int,
    size: int,
    out: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    backward: bool = False,
    quick: bool = False,
) -> Case:
    """A 2-d convolution with padding kernel // 2, on NCHW."""
    padding = kernel // 2
    extent = (size + 2 * padding - kernel) // stride + 1
    shapes = {"x": (n, c, size, size), "w": (out, c // groups, kernel, kernel)}
    flops = 2.0 * n * out * extent * extent * (c // groups) * kernel * kernel

    def call(lib: Any) -> Any:
        def conv2d(x: Any, w: Any) -> Any:
            return functional(lib).conv2d(x, w, None, stride, padding, 1, groups)

        return conv2d

    def gradients(x: Inputs) -> Any:
        import numpy as np

        g, image, w = x["g"], x["x"], x["w"]
        gx, gw = np.zeros_like(image), np.zeros_like(w)
        padded = np.pad(image, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        gp = np.zeros_like(padded)
        per = out // groups
        span = stride * (extent - 1) + 1
        for i in range(kernel):
            for j in range(kernel):
                part = padded[:, :, i : i + span : stride, j : j + span : stride]
                for k in range(groups):
                    gk = g[:, k * per : (k + 1) * per]
                    cs = slice(k * (c // groups), (k + 1) * (c // groups))
                    gw[k * per : (k + 1) * per, :, i, j] = np.tensordot(gk, part[:, cs], ((0, 2, 3), (0, 2, 3)))
                    back = np.tensordot(gk, w[k * per : (k + 1) * per, :, i, j], ((1,), (0,)))
                    gp[:, cs, i : i + span : stride, j : j + span : stride] += np.moveaxis(back, -1, 1)
        gx = gp[:, :, padding : padding + size, padding : padding + size]
        return [_conv_reference(image, w, stride, padding, groups), gx, gw]

    label = f"({n},{c},{size},{size})->{out} {kernel}x{kernel}"
    label += (f" s{stride}" if stride > 1 else "") + (" depthwise" if groups == c > 1 else "")
    if backward:
        build = with_gradients(call, ("x", "w"), ("x", "w"))
        return Case(
            "conv",
            f"fwd+bwd {label}",
            {**shapes, "g": (n, out, extent, extent)},
            {"tc": build, "torch": build},
            gradients,
            flops=3 * flops,
            terms=n * extent * extent,
            grads=("x", "w"),
            quick=quick,
        )
    build = plain(call, "x", "w")
    return Case(
        "conv",
        f"fwd {label}",
        shapes,
        {"tc": build, "torch": build},
        lambda x: _conv_reference(x["x"], x["w"], stride, padding, groups),
        flops=flops,
        terms=(c // groups) * kernel * kernel,
        quick=quick,
    )


# ---- elementwise and reductions ------------------------------------------------------------------


def _gelu(x: Any) -> Any:
    import math

    import numpy as np

    erf: Any = np.frompyfunc(math.erf, 1, 1)
    if x.size <= 1 << 17:
        return 0.5 * x * (1 + erf(x / math.sqrt(2)).astype(np.float64))
    grid = np.linspace(-1.001, 1.001, 1 << 17)  # fine enough for cubic-free interpolation at float32 accuracy
    return np.interp(x, grid, 0.5 * grid * (1 + erf(grid / math.sqrt(2)).astype(np.float64)))


def elementwise(kind: str, n: int, *, quick: bool = False) -> Case:
    """One pass over n elements."""
    import numpy as np

    def sigmoid(x: Any) -> Any:
        return 1 / (1 + np.exp(-x))

    references: dict[str, Callable[[Inputs], Any]] = {
        "relu": lambda x: np.maximum(x["x"], 0),
        "sigmoid": lambda x: sigmoid(x["x"]),
        "tanh": lambda x: np.tanh(x["x"]),
        "gelu": lambda x: _gelu(x["x"]),
        "exp": lambda x: np.exp(x["x"]),
    }
    size = f"n={n:.0e}".replace("e+0", "e")
    if kind == "add bias":
        rows = n // 1000
        call = plain(lambda lib: lib.add, "x", "b")
        return Case(
            "elementwise",
            f"add bias {size}",
            {"x": (rows, 1000), "b": (1000,)},
            {"tc": call, "torch": call, "numpy": call},
            lambda x: x["x"] + x["b"],
            bytes=8.0 * n,
            quick=quick,
        )
    calls: dict[str, Builder] = {}
    for lib in ("tc", "torch"):
        if kind in ("tanh", "exp"):
            calls[lib] = plain(lambda lib: getattr(lib, kind), "x")
        else:
            calls[lib] = plain(lambda lib: getattr(functional(lib), kind, None) or getattr(lib, kind), "x")
    in_numpy = {
        "relu": lambda x: np.maximum(x, np.float32(0)),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "tanh": np.tanh,
        "exp": np.exp,
    }
    if kind in in_numpy:
        calls["numpy"] = plain(lambda lib: in_numpy[kind], "x")
    return Case("elementwise", f"{kind} {size}", {"x": (n,)}, calls, references[kind], bytes=8.0 * n, quick=quick)


def reduction(kind: str, axis: int, *, quick: bool = False) -> Case:
    """A reduction of (4096, 4096) over one axis."""

    def call(lib: Any) -> Any:
        if lib.__name__ == "torch":
            name = {"max": "amax"}.get(kind, kind)
            return lambda x: getattr(lib, name)(x, dim=axis)
        return lambda x: getattr(lib, kind)(x, axis=axis)

    build = plain(call, "x")
    return Case(
        "reduce",
        f"{kind} (4096,4096) {'last' if axis else 'first'} axis",
        {"x": (4096, 4096)},
        {"tc": build, "torch": build, "numpy": build},
        lambda x: getattr(x["x"], kind)(axis=axis),
        bytes=4.0 * 4096 * 4096,
        traffic="read",
        terms=4096,
        quick=quick,
    )


# ---- softmax, losses -----------------------------------------------------------------------------


def softmax(rows: int, columns: int, *, quick: bool = False) -> Case:
    """Softmax of each row."""

    def call(lib: Any) -> Any:
        if lib.__name__ == "torch":
            return lambda x: functional(lib).softmax(x, dim=-1)
        return lambda x: functional(lib).softmax(x, axis=-1)

    build = plain(call, "x")
    return Case(
        "softmax",
        f"fwd ({rows},{columns})",
        {"x": (rows, columns)},
        {"tc": build, "torch": build},
        lambda x: references.softmax(x["x"]),
        bytes=8.0 * rows * columns,
        terms=columns,
        quick=quick,
    )


def cross_entropy(rows: int, columns: int, *, quick: bool = False) -> Case:
    """Mean softmax cross-entropy of class indices, with the gradient of the logits."""
    import numpy as np

    def reference(x: Inputs) -> Any:
        p = references.softmax(x["x"])
        hit = np.arange(rows), x["t"]
        loss = -np.log(p[hit]).mean()
        p[hit] -= 1
        return [loss, p / rows]

    build = with_gradients(lambda lib: functional(lib).cross_entropy, ("x", "t"), ("x",))
    return Case(
        "loss",
        f"softmax cross-entropy fwd+bwd ({rows},{columns})",
        {"x": (rows, columns)},
        {"tc": build, "torch": build},
        reference,
        bytes=12.0 * rows * columns,
        integers={"t": ((rows,), columns)},
        grads=("x",),
        terms=columns,
        quick=quick,
    )


def all_cases() -> Iterator[Case]:
    """Every workload."""
    for m, n, k in [
        (64, 64, 64),
        (128, 128, 128),
        (256, 256, 256),
        (512, 512, 512),
        (1024, 1024, 1024),
        (2048, 2048, 2048),
        (64, 1024, 784),
        (1, 4096, 4096),
        (4096, 64, 64),
        (128, 10, 256),
    ]:
        yield gemm(m, k, n, quick=(m, n, k) in {(64, 64, 64), (512, 512, 512), (1024, 1024, 1024), (1, 4096, 4096)})
    yield batched_gemm(64, 64)
    for args, options in [
        ((32, 1, 28, 32, 3), {}),
        ((32, 32, 28, 64, 3), {}),
        ((16, 64, 56, 64, 3), {}),
        ((8, 256, 14, 256, 3), {}),
        ((16, 64, 56, 128, 1), {}),
        ((8, 3, 224, 64, 7), {"stride": 2}),
        ((16, 128, 28, 128, 3), {"groups": 128}),
    ]:
        for backward in (False, True):
            yield conv(*args, **options, backward=backward, quick=args == (32, 32, 28, 64, 3))
    for kind in ("relu", "sigmoid", "tanh", "gelu", "exp", "add bias"):
        for n in (10**3, 10**5, 10**7):
            yield elementwise(kind, n, quick=kind in ("relu", "tanh", "add bias") and n > 10**3)
    for kind in ("sum", "mean", "max"):
        for axis in (1, 0):
            yield reduction(kind, axis, quick=kind == "sum")
    yield softmax(4096, 1000, quick=True)
    yield softmax(128, 32000)
    for rows, columns in ((256, 10), (4096, 1000), (512, 32000)):
        yield cross_entropy(rows, columns, quick=rows == 4096)
    yield batch_norm()
    yield layer_norm()
    yield max_pool()
    yield embedding()
    yield recurrent("lstm", 64, 32, 64, 128)
    yield recurrent("lstm", 128, 64, 256, 256)
    yield recurrent("lstm", 32, 1, 128, 256)
    yield recurrent("gru", 64, 32, 64, 128)
    yield attention(quick=True)
    from .training import training_cases

    yield from training_cases()
