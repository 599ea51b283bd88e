"""The workloads, family by family. Each framework's version is what its users write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .case import Builder, Case, Inputs


def _plain(function: Callable[..., Any], *names: str) -> Builder:
    """A builder that calls `function(framework)(*inputs)`."""

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        call = function(lib)
        args = [x[n] for n in names]
        return lambda: call(*args)

    return build


def _with_gradients(function: Callable[..., Any], names: tuple[str, ...], wanted: tuple[str, ...]) -> Builder:
    """A builder for forward and backward: returns the output and the gradients of `wanted`."""

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        call = function(lib)
        args = [x[n] for n in names]
        leaves = [x[n] for n in wanted]

        def run() -> Any:
            for leaf in leaves:
                leaf.grad = None
            y = call(*args)
            y.backward(x["g"]) if "g" in x else y.backward()
            return [y.detach(), *(leaf.grad for leaf in leaves)]

        return run

    return build


def _functional(lib: Any) -> Any:
    return lib.nn.functional


# ---- products ------------------------------------------------------------------------------------


def gemm(m: int, k: int, n: int, *, quick: bool = False) -> Case:
    """C = A·B of (m, k) and (k, n)."""
    call = _plain(lambda lib: lib.matmul, "a", "b")
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
    call = _plain(lambda lib: lib.matmul, "a", "b")
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
            return _functional(lib).conv2d(x, w, None, stride, padding, 1, groups)

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
        build = _with_gradients(call, ("x", "w"), ("x", "w"))
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
    build = _plain(call, "x", "w")
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
        call = _plain(lambda lib: lib.add, "x", "b")
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
            calls[lib] = _plain(lambda lib: getattr(lib, kind), "x")
        else:
            calls[lib] = _plain(lambda lib: getattr(_functional(lib), kind, None) or getattr(lib, kind), "x")
    plain = {
        "relu": lambda x: np.maximum(x, np.float32(0)),
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
        "tanh": np.tanh,
        "exp": np.exp,
    }
    if kind in plain:
        calls["numpy"] = _plain(lambda lib: plain[kind], "x")
    return Case("elementwise", f"{kind} {size}", {"x": (n,)}, calls, references[kind], bytes=8.0 * n, quick=quick)


def reduction(kind: str, axis: int, *, quick: bool = False) -> Case:
    """A reduction of (4096, 4096) over one axis."""

    def call(lib: Any) -> Any:
        if lib.__name__ == "torch":
            name = {"max": "amax"}.get(kind, kind)
            return lambda x: getattr(lib, name)(x, dim=axis)
        return lambda x: getattr(lib, kind)(x, axis=axis)

    build = _plain(call, "x")
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


def _softmax(x: Any) -> Any:
    import numpy as np

    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def softmax(rows: int, columns: int, *, quick: bool = False) -> Case:
    """Softmax of each row."""

    def call(lib: Any) -> Any:
        if lib.__name__ == "torch":
            return lambda x: _functional(lib).softmax(x, dim=-1)
        return lambda x: _functional(lib).softmax(x, axis=-1)

    build = _plain(call, "x")
    return Case(
        "softmax",
        f"fwd ({rows},{columns})",
        {"x": (rows, columns)},
        {"tc": build, "torch": build},
        lambda x: _softmax(x["x"]),
        bytes=8.0 * rows * columns,
        terms=columns,
        quick=quick,
    )


def cross_entropy(rows: int, columns: int, *, quick: bool = False) -> Case:
    """Mean softmax cross-entropy of class indices, with the gradient of the logits."""
    import numpy as np

    def reference(x: Inputs) -> Any:
        p = _softmax(x["x"])
        hit = np.arange(rows), x["t"]
        loss = -np.log(p[hit]).mean()
        p[hit] -= 1
        return [loss, p / rows]

    build = _with_gradients(lambda lib: _functional(lib).cross_entropy, ("x", "t"), ("x",))
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


# ---- layers --------------------------------------------------------------------------------------


def batch_norm() -> Case:
    """Batch normalisation in training, with gradients."""
    import numpy as np

    shape, eps = (32, 64, 28, 28), 1e-5

    def call(lib: Any) -> Any:
        return lambda x, w, b: _functional(lib).batch_norm(x, None, None, w, b, True)

    def reference(x: Inputs) -> Any:
        axes = (0, 2, 3)
        image, w, g = x["x"], x["w"][:, None, None], x["g"]
        scale = 1 / np.sqrt(image.var(axis=axes, keepdims=True) + eps)
        z = (image - image.mean(axis=axes, keepdims=True)) * scale
        gz = g * w
        gx = scale * (gz - gz.mean(axis=axes, keepdims=True) - z * (gz * z).mean(axis=axes, keepdims=True))
        return [z * w + x["b"][:, None, None], gx, (g * z).sum(axis=axes), g.sum(axis=axes)]

    build = _with_gradients(call, ("x", "w", "b"), ("x", "w", "b"))
    count = float(np.prod(shape))
    return Case(
        "norm",
        "batch_norm fwd+bwd (32,64,28,28)",
        {"x": shape, "w": (64,), "b": (64,), "g": shape},
        {"tc": build, "torch": build},
        reference,
        bytes=4 * 5 * count,
        grads=("x", "w", "b"),
        terms=32 * 784,
    )


def layer_norm() -> Case:
    """Layer normalisation with gradients."""
    import numpy as np

    rows, columns, eps = 4096, 768, 1e-5

    def call(lib: Any) -> Any:
        return lambda x, w, b: _functional(lib).layer_norm(x, (columns,), w, b)

    def reference(x: Inputs) -> Any:
        image, w, g = x["x"], x["w"], x["g"]
        scale = 1 / np.sqrt(image.var(axis=-1, keepdims=True) + eps)
        z = (image - image.mean(axis=-1, keepdims=True)) * scale
        gz = g * w
        gx = scale * (gz - gz.mean(axis=-1, keepdims=True) - z * (gz * z).mean(axis=-1, keepdims=True))
        return [z * w + x["b"], gx, (g * z).sum(axis=0), g.sum(axis=0)]

    build = _with_gradients(call, ("x", "w", "b"), ("x", "w", "b"))
    shape = (rows, columns)
    return Case(
        "norm",
        "layer_norm fwd+bwd (4096,768)",
        {"x": shape, "w": (columns,), "b": (columns,), "g": shape},
        {"tc": build, "torch": build},
        reference,
        bytes=4.0 * 5 * rows * columns,
        grads=("x", "w", "b"),
        terms=rows,
    )


def max_pool() -> Case:
    """Maximum pooling 2×2 with gradient."""
    import numpy as np

    n, c, size = 32, 64, 28

    def call(lib: Any) -> Any:
        return lambda x: _functional(lib).max_pool2d(x, 2)

    def reference(x: Inputs) -> Any:
        blocks = x["x"].reshape(n, c, size // 2, 2, size // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        blocks = blocks.reshape(n, c, size // 2, size // 2, 4)
        hot = np.arange(4) == blocks.argmax(axis=-1)[..., None]
        back = (hot * x["g"][..., None]).reshape(n, c, size // 2, size // 2, 2, 2)
        return [blocks.max(axis=-1), back.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, size, size)]

    build = _with_gradients(call, ("x",), ("x",))
    count = float(n * c * size * size)
    return Case(
        "pool",
        "max_pool2d 2x2 fwd+bwd (32,64,28,28)",
        {"x": (n, c, size, size), "g": (n, c, size // 2, size // 2)},
        {"tc": build, "torch": build},
        reference,
        bytes=4 * 2.5 * count,
        grads=("x",),
    )


def embedding() -> Case:
    """Rows of a table by index, with the gradient of the table."""
    import numpy as np

    rows, columns, count = 50000, 256, 4096

    def call(lib: Any) -> Any:
        return lambda i, w: _functional(lib).embedding(i, w)

    def reference(x: Inputs) -> Any:
        g = np.zeros((rows, columns))
        np.add.at(g, x["i"], x["g"])
        return [x["w"][x["i"]], g]

    build = _with_gradients(call, ("i", "w"), ("w",))
    return Case(
        "index",
        "embedding fwd+bwd 50000x256, 4096 rows",
        {"w": (rows, columns), "g": (count, columns)},
        {"tc": build, "torch": build},
        reference,
        bytes=4.0 * columns * (rows + 4 * count),
        integers={"i": ((count,), rows)},
        grads=("w",),
        terms=8,
    )


# ---- sequences -----------------------------------------------------------------------------------


def recurrent(kind: str, steps: int, batch: int, inputs: int, hidden: int) -> Case:
    """A whole sequence through an LSTM or GRU layer, with gradients of input and weights."""
    gates = {"lstm": 4, "gru": 3}[kind]
    shapes = {
        "x": (steps, batch, inputs),
        "w": (gates * hidden, inputs),
        "r": (gates * hidden, hidden),
        "bi": (gates * hidden,),
        "bh": (gates * hidden,),
        "g": (steps, batch, hidden),
    }
    names = ("x", "w", "r", "bi", "bh")

    def scaled(x: Inputs) -> Inputs:
        """Weights within ±1/√H: larger ones make the recurrence chaotic, and rounding errors grow without bound."""
        return {n: v if n in ("x", "g") else v * hidden**-0.5 for n, v in x.items()}

    def leaves(x: Inputs) -> Inputs:
        return {n: v if n == "g" else v.detach().requires_grad_(True) for n, v in scaled(x).items()}

    def build_tc(tc: Any, x: Inputs) -> Callable[[], Any]:
        zero = tc.zeros((1, batch, hidden), dtype=x["x"].dtype)
        state = (zero, zero) if kind == "lstm" else zero

        def call(*args: Any) -> Any:
            return getattr(tc.nn.functional, kind)(args[0], state, args[1:])[0]

        return _with_gradients(lambda lib: call, names, names)(tc, leaves(x))

    def build_torch(torch: Any, x: Inputs) -> Callable[[], Any]:
        zero = torch.zeros(1, batch, hidden, dtype=x["x"].dtype)
        state = (zero, zero) if kind == "lstm" else zero

        def call(*args: Any) -> Any:
            return getattr(torch, kind)(args[0], state, args[1:], True, 1, 0.0, True, False, False)[0]

        return _with_gradients(lambda lib: call, names, names)(torch, leaves(x))

    def reference(x: Inputs) -> Any:
        from . import references

        x = scaled(x)
        return getattr(references, kind)(*(x[n] for n in names), x["g"])

    flops = 3 * 2.0 * steps * batch * gates * hidden * (inputs + hidden)
    return Case(
        "recurrent",
        f"{kind} fwd+bwd T{steps} B{batch} I{inputs} H{hidden}",
        shapes,
        {"tc": build_tc, "torch": build_torch},
        reference,
        flops=flops,
        terms=steps * batch * 4,
    )


def attention(*, quick: bool = False) -> Case:
    """Causal scaled dot-product attention with gradients."""
    import numpy as np

    shape = (4, 8, 256, 64)

    def call(lib: Any) -> Any:
        return lambda q, k, v: _functional(lib).scaled_dot_product_attention(q, k, v, is_causal=True)

    def reference(x: Inputs) -> Any:
        q, k, v, g = x["q"], x["k"], x["v"], x["g"]
        scale = 1 / np.sqrt(shape[-1])
        scores = q @ k.swapaxes(-1, -2) * scale
        scores[..., ~np.tri(shape[2], dtype=bool)] = -np.inf
        p = _softmax(scores)
        gp = g @ v.swapaxes(-1, -2)
        gs = p * (gp - (gp * p).sum(axis=-1, keepdims=True)) * scale
        return [p @ v, gs @ k, gs.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g]

    build = _with_gradients(call, ("q", "k", "v"), ("q", "k", "v"))
    b, h, t, d = shape
    return Case(
        "attention",
        "causal fwd+bwd (4,8,256,64)",
        dict.fromkeys("qkvg", shape),
        {"tc": build, "torch": build},
        reference,
        flops=7 * b * h * t * t * d,
        grads=("q", "k", "v"),
        terms=t,
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
