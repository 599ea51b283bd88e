"""The workloads of whole layers: normalisation, pooling, embedding, recurrence, attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import references
from .case import Case, Inputs, functional, with_gradients


def batch_norm() -> Case:
    """Batch normalisation in training, with gradients."""
    import numpy as np

    shape, eps = (32, 64, 28, 28), 1e-5

    def call(lib: Any) -> Any:
        return lambda x, w, b: functional(lib).batch_norm(x, None, None, w, b, True)

    def reference(x: Inputs) -> Any:
        axes = (0, 2, 3)
        image, w, g = x["x"], x["w"][:, None, None], x["g"]
        scale = 1 / np.sqrt(image.var(axis=axes, keepdims=True) + eps)
        z = (image - image.mean(axis=axes, keepdims=True)) * scale
        gz = g * w
        gx = scale * (gz - gz.mean(axis=axes, keepdims=True) - z * (gz * z).mean(axis=axes, keepdims=True))
        return [z * w + x["b"][:, None, None], gx, (g * z).sum(axis=axes), g.sum(axis=axes)]

    build = with_gradients(call, ("x", "w", "b"), ("x", "w", "b"))
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
        return lambda x, w, b: functional(lib).layer_norm(x, (columns,), w, b)

    def reference(x: Inputs) -> Any:
        image, w, g = x["x"], x["w"], x["g"]
        scale = 1 / np.sqrt(image.var(axis=-1, keepdims=True) + eps)
        z = (image - image.mean(axis=-1, keepdims=True)) * scale
        gz = g * w
        gx = scale * (gz - gz.mean(axis=-1, keepdims=True) - z * (gz * z).mean(axis=-1, keepdims=True))
        return [z * w + x["b"], gx, (g * z).sum(axis=0), g.sum(axis=0)]

    build = with_gradients(call, ("x", "w", "b"), ("x", "w", "b"))
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
        return lambda x: functional(lib).max_pool2d(x, 2)

    def reference(x: Inputs) -> Any:
        blocks = x["x"].reshape(n, c, size // 2, 2, size // 2, 2).transpose(0, 1, 2, 4, 3, 5)
        blocks = blocks.reshape(n, c, size // 2, size // 2, 4)
        hot = np.arange(4) == blocks.argmax(axis=-1)[..., None]
        back = (hot * x["g"][..., None]).reshape(n, c, size // 2, size // 2, 2, 2)
        return [blocks.max(axis=-1), back.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, size, size)]

    build = with_gradients(call, ("x",), ("x",))
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
        return lambda i, w: functional(lib).embedding(i, w)

    def reference(x: Inputs) -> Any:
        g = np.zeros((rows, columns))
        np.add.at(g, x["i"], x["g"])
        return [x["w"][x["i"]], g]

    build = with_gradients(call, ("i", "w"), ("w",))
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

        return with_gradients(lambda lib: call, names, names)(tc, leaves(x))

    def build_torch(torch: Any, x: Inputs) -> Callable[[], Any]:
        zero = torch.zeros(1, batch, hidden, dtype=x["x"].dtype)
        state = (zero, zero) if kind == "lstm" else zero

        def call(*args: Any) -> Any:
            return getattr(torch, kind)(args[0], state, args[1:], True, 1, 0.0, True, False, False)[0]

        return with_gradients(lambda lib: call, names, names)(torch, leaves(x))

    def reference(x: Inputs) -> Any:
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
        return lambda q, k, v: functional(lib).scaled_dot_product_attention(q, k, v, is_causal=True)

    def reference(x: Inputs) -> Any:
        q, k, v, g = x["q"], x["k"], x["v"], x["g"]
        scale = 1 / np.sqrt(shape[-1])
        scores = q @ k.swapaxes(-1, -2) * scale
        scores[..., ~np.tri(shape[2], dtype=bool)] = -np.inf
        p = references.softmax(scores)
        gp = g @ v.swapaxes(-1, -2)
        gs = p * (gp - (gp * p).sum(axis=-1, keepdims=True)) * scale
        return [p @ v, gs @ k, gs.swapaxes(-1, -2) @ q, p.swapaxes(-1, -2) @ g]

    build = with_gradients(call, ("q", "k", "v"), ("q", "k", "v"))
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
