"""The workloads for GPUs: sizes that fill the chip, in several dtypes, checked on a part that NumPy can afford."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import references
from .case import Builder, Case, Inputs, functional, plain, with_gradients

_WIDTH = {"float32": 4, "float16": 2, "bfloat16": 2}
_ROWS = 64  # of a result that are compared with NumPy
_SHORT = {"float32": "f32", "float16": "f16", "bfloat16": "bf16"}


def _rows(outputs: Sequence[Any]) -> list[Any]:
    return [y[:_ROWS] if y.ndim else y for y in outputs]


@dataclass(frozen=True)
class GpuCase(Case):
    """A workload in one dtype; `bytes` are of that dtype."""

    dtype: str = "float32"
    result: str = ""  # dtype of the result, if another
    precision: str = "ieee"  # of float32 products: "ieee", "3xtf32", "tf32"
    parts: Callable[[Sequence[Any]], list[Any]] = _rows  # what of the outputs is compared with the reference's
    error: Callable[[Inputs, list[Any]], float] | None = None  # instead of a reference, for random results

    @property
    def key(self) -> str:
        """Family, name and dtype, unique."""
        kind = _SHORT[self.dtype]
        if self.family == "gemm" and self.dtype == "float32":
            kind += f" {self.precision}"
        return f"{self.family} {self.name} {kind}"


def both(build: Builder) -> dict[str, Builder]:
    """The same code for tensorcore and PyTorch."""
    return {"tc": build, "torch": build}


def is_torch(lib: Any) -> bool:
    """Whether the framework is PyTorch."""
    return lib.__name__ == "torch"


# ---- products ----------------------------------------------------------------------------------------------------


def gemm(m: int, n: int, k: int, dtype: str, precision: str = "ieee", layout: str = "nn") -> GpuCase:
    """C = A·B of (m, k) and (k, n); `layout` says which operands are given transposed (t)."""
    a_transposed, b_transposed = layout[0] == "t", layout[1] == "t"
    shapes = {"a": (k, m) if a_transposed else (m, k), "b": (n, k) if b_transposed else (k, n)}

    def call(lib: Any) -> Any:
        def product(a: Any, b: Any) -> Any:
            return lib.matmul(a.mT if a_transposed else a, b.mT if b_transposed else b)

        return product

    def reference(x: Inputs) -> Any:
        a = (x["a"].T if a_transposed else x["a"])[:_ROWS]
        return a @ (x["b"].T if b_transposed else x["b"])

    size = f"{m}x{n}x{k}" + (f" {layout}" if layout != "nn" else "")
    return GpuCase(
        "gemm",
        size,
        shapes,
        both(plain(call, "a", "b")),
        reference,
        flops=2.0 * m * n * k,
        bytes=float(_WIDTH[dtype] * (m * k + k * n + m * n)),
        terms=k,
        dtype=dtype,
        precision=precision,
    )


# ---- elementwise, copies -----------------------------------------------------------------------------------------


def elementwise(kind: str, n: int, dtype: str) -> GpuCase:
    """One pass over n elements of one input (two for add)."""
    import numpy as np

    from .cases import _gelu

    functions: dict[str, Callable[[Any], Any]] = {
        "relu": lambda x: np.maximum(x, 0),
        "gelu": _gelu,
        "tanh": np.tanh,
        "exp": np.exp,
        "sin": np.sin,
    }
    shapes: dict[str, tuple[int, ...]]
    if kind == "add":
        call = plain(lambda lib: lib.add, "x", "y")
        shapes = {"x": (n,), "y": (n,)}
        reference = lambda x: x["x"][:_ROWS] + x["y"][:_ROWS]  # noqa: E731
    elif kind == "add bias":
        call = plain(lambda lib: lib.add, "x", "y")
        shapes = {"x": (n // 1024, 1024), "y": (1024,)}
        reference = lambda x: x["x"][:_ROWS] + x["y"]  # noqa: E731
    else:
        call = plain(lambda lib: getattr(functional(lib) if kind in ("relu", "gelu") else lib, kind), "x")
        shapes = {"x": (n,)}
        reference = lambda x: functions[kind](x["x"][:_ROWS])  # noqa: E731
    passes = 3 if kind == "add" else 2
    return GpuCase(
        "elementwise",
        f"{kind} n={n}",
        shapes,
        both(call),
        reference,
        bytes=float(passes * n * _WIDTH[dtype]),
        dtype=dtype,
    )


def copy(kind: str, rows: int, columns: int, dtype: str) -> GpuCase:
    """A copy of a matrix: contiguous, transposed, or to bfloat16."""

    def call(lib: Any) -> Any:
        if kind == "cast to bf16":
            return lambda x: x.to(lib.bfloat16) if is_torch(lib) else x.astype(lib.bfloat16)
        if is_torch(lib):
            return lambda x: (x.mT if kind == "transposed" else x).clone(memory_format=lib.contiguous_format)
        return lambda x: lib.asarray(x.mT if kind == "transposed" else x, copy=True)

    def reference(x: Inputs) -> Any:
        return (x["x"].T if kind == "transposed" else x["x"])[:_ROWS]

    width = _WIDTH[dtype]
    written = 2 if kind == "cast to bf16" else width
    name = f"{kind} ({rows},{columns})"
    moved = float(rows * columns * (width + written))
    return GpuCase(
        *("copy", name, {"x": (rows, columns)}, both(plain(call, "x")), reference),
        bytes=moved,
        dtype=dtype,
        result="bfloat16" if kind == "cast to bf16" else "",
    )


def dropout(n: int, dtype: str, p: float = 0.25) -> GpuCase:
    """Dropout in training: which elements are kept is random, what they become is not."""
    import numpy as np

    def error(x: Inputs, got: list[Any]) -> float:
        y, first = got[0], x["x"][: got[0].size]
        kept = y != 0
        wrong = float(np.abs(y - first / (1 - p))[kept].max(initial=0)) / 2
        share = float(kept[first != 0].mean())
        return wrong if abs(share - (1 - p)) < 5 * (p * (1 - p) / y.size) ** 0.5 else float("inf")

    call = plain(lambda lib: lambda x: functional(lib).dropout(x, p, True), "x")
    moved = float(2 * n * _WIDTH[dtype])
    return GpuCase(
        *("dropout", f"n={n}", {"x": (n,)}, both(call), lambda x: None),
        bytes=moved,
        dtype=dtype,
        parts=lambda outputs: [outputs[0][: 1 << 16]],
        error=error,
    )


# ---- rows --------------------------------------------------------------------------------------------------------


def reduction(kind: str, axis: int | None, rows: int, columns: int, dtype: str) -> GpuCase:
    """A reduction of a matrix over one axis, or over both."""

    def call(lib: Any) -> Any:
        if is_torch(lib):
            name = {"max": "amax"}.get(kind, kind)
            return lambda x: getattr(lib, name)(x, dim=(0, 1) if axis is None else axis)
        return lambda x: getattr(lib, kind)(x, axis=axis)

    def reference(x: Inputs) -> Any:
        part = x["x"] if axis is None else x["x"][:_ROWS] if axis == 1 else x["x"][:, :_ROWS]
        return getattr(part, kind)(axis=axis)

    terms = {None: rows * columns, 0: rows, 1: columns}[axis]
    where = {None: "all", 0: "first axis", 1: "last axis"}[axis]
    return GpuCase(
        *("reduce", f"{kind} ({rows},{columns}) {where}", {"x": (rows, columns)}, both(plain(call, "x")), reference),
        bytes=float(rows * columns * _WIDTH[dtype]),
        terms=terms,
        dtype=dtype,
    )


def softmax(rows: int, columns: int, dtype: str) -> GpuCase:
    """Softmax of each row."""

    def call(lib: Any) -> Any:
        if is_torch(lib):
            return lambda x: functional(lib).softmax(x, dim=-1)
        return lambda x: functional(lib).softmax(x, axis=-1)

    return GpuCase(
        *("softmax", f"({rows},{columns})", {"x": (rows, columns)}, both(plain(call, "x"))),
        lambda x: references.softmax(x["x"][:_ROWS]),
        bytes=float(2 * rows * columns * _WIDTH[dtype]),
        terms=columns,
        dtype=dtype,
    )


def cross_entropy(rows: int, columns: int, dtype: str) -> GpuCase:
    """Mean softmax cross-entropy of class indices, with the gradient of the logits."""
    import numpy as np

    def reference(x: Inputs) -> Any:
        total = 0.0
        for i in range(0, rows, 1024):
            part, t = x["x"][i : i + 1024], x["t"][i : i + 1024]
            total += float((np.log(np.exp(part).sum(axis=1)) - part[np.arange(len(t)), t]).sum())
        p = references.softmax(x["x"][:_ROWS])
        p[np.arange(len(p)), x["t"][: len(p)]] -= 1
        return [np.asarray(total / rows), p / rows]

    return GpuCase(
        *("loss", f"cross-entropy fwd+bwd ({rows},{columns})", {"x": (rows, columns)}),
        both(with_gradients(lambda lib: functional(lib).cross_entropy, ("x", "t"), ("x",))),
        reference,
        bytes=float(3 * rows * columns * _WIDTH[dtype]),
        integers={"t": ((rows,), columns)},
        grads=("x",),
        terms=columns,
        dtype=dtype,
    )


def layer_norm(rows: int, columns: int, dtype: str, *, backward: bool) -> GpuCase:
    """Layer normalisation, with gradients if `backward`."""
    import numpy as np

    eps = 1e-5

    def call(lib: Any) -> Any:
        return lambda x, w, b: functional(lib).layer_norm(x, (columns,), w, b, eps)

    def reference(x: Inputs) -> Any:
        part, gw, gb = x["x"][:_ROWS], 0.0, 0.0

        def normal(image: Any) -> tuple[Any, Any]:
            scale = 1 / np.sqrt(image.var(axis=-1, keepdims=True) + eps)
            return (image - image.mean(axis=-1, keepdims=True)) * scale, scale

        z, scale = normal(part)
        y = z * x["w"] + x["b"]
        if not backward:
            return y
        gz = x["g"][:_ROWS] * x["w"]
        gx = scale * (gz - gz.mean(axis=-1, keepdims=True) - z * (gz * z).mean(axis=-1, keepdims=True))
        for i in range(0, rows, 4096):
            g = x["g"][i : i + 4096]
            gw, gb = gw + (g * normal(x["x"][i : i + 4096])[0]).sum(axis=0), gb + g.sum(axis=0)
        return [y, gx, gw, gb]

    shapes: dict[str, tuple[int, ...]] = {"x": (rows, columns), "w": (columns,), "b": (columns,)}
    if not backward:
        return GpuCase(
            *("norm", f"layer_norm fwd ({rows},{columns})", shapes, both(plain(call, "x", "w", "b")), reference),
            bytes=float(2 * rows * columns * _WIDTH[dtype]),
            terms=columns,
            dtype=dtype,
        )
    shapes["g"] = (rows, columns)
    return GpuCase(
        *("norm", f"layer_norm fwd+bwd ({rows},{columns})", shapes),
        both(with_gradients(call, ("x", "w", "b"), ("x", "w", "b"))),
        reference,
        bytes=float(5 * rows * columns * _WIDTH[dtype]),
        grads=("x", "w", "b"),
        terms=rows,
        dtype=dtype,
        parts=lambda y: [y[0][:_ROWS], y[1][:_ROWS], y[2], y[3]],
    )


# ---- optimisers --------------------------------------------------------------------------------------------------


def adam(count: int, size: int) -> GpuCase:
    """A step of Adam on `count` parameters of `size` elements; PyTorch's fused one."""
    import numpy as np

    names = tuple(f"p{i}" for i in range(count))
    lr, betas, eps = 1e-3, (0.9, 0.999), 1e-8

    def build(lib: Any, x: Inputs) -> Callable[[], Any]:
        params = [x[n].requires_grad_(True) for n in names]
        for p, n in zip(params, names, strict=True):
            p.grad = x[f"g{n}"]
        fused = {"fused": params[0].is_cuda} if is_torch(lib) else {}
        optimiser = lib.optim.Adam(params, lr=lr, betas=betas, eps=eps, **fused)

        def step() -> Any:
            optimiser.step()
            return [params[0].detach()]

        return step

    # With the same gradient in every step the mean and the square keep their ratio: each step moves by lr·sign(g).
    def error(x: Inputs, got: list[Any]) -> float:
        moved = (x["p0"][: got[0].size] - got[0]) * np.sign(x["gp0"][: got[0].size])
        steps = np.round(np.median(moved) / lr)
        usual = np.abs(x["gp0"][: got[0].size]) > 1e-3
        bad = steps < 1 or not np.isfinite(got[0]).all()
        return float("inf") if bad else float(np.abs(moved[usual] / steps - lr).max(initial=0))

    shapes = dict.fromkeys(names, (size,)) | {f"g{n}": (size,) for n in names}
    return GpuCase(
        *("optim", f"Adam {count} x {size}", shapes, both(build), lambda x: None),
        bytes=float(7 * 4 * count * size),
        parts=lambda outputs: [outputs[0][:4096]],
        error=error,
    )


# ---- all ---------------------------------------------------------------------------------------------------------

PRODUCTS = (("float32", "ieee"), ("float32", "3xtf32"), ("float32", "tf32"), ("bfloat16", "ieee"), ("float16", "ieee"))


def gpu_cases(divide: int = 1) -> Iterator[GpuCase]:
    """Every workload for a GPU, with extents divided by `divide` (for tests)."""

    def d(extent: int) -> int:
        return max(extent // divide, min(extent, 8))

    for dtype, precision in PRODUCTS:
        for size in (1024, 4096, 8192):
            yield gemm(d(size), d(size), d(size), dtype, precision)
        yield gemm(d(8192), 16, d(8192), dtype, precision)
        yield gemm(64, d(1024), d(784), dtype, precision)
        yield gemm(d(4097), d(4095) + 1, d(4099) + 2, dtype, precision)
        yield gemm(d(4096), d(4096), d(4096), dtype, precision, "nt")
        yield gemm(d(4096), d(4096), d(4096), dtype, precision, "tn")
    n = d(64 * 1024) * 1024
    for kind in ("add", "add bias", "relu", "tanh", "exp", "gelu", "sin"):
        yield elementwise(kind, n, "float32")
    for kind in ("add", "gelu"):
        yield elementwise(kind, n, "bfloat16")
    for dtype in ("float32", "bfloat16"):
        yield copy("contiguous", d(16384), d(8192), dtype)
        yield copy("transposed", d(16384), d(8192), dtype)
    yield copy("cast to bf16", d(16384), d(8192), "float32")
    for dtype in ("float32", "bfloat16"):
        yield softmax(d(65536), d(1024), dtype)
        yield softmax(d(4096), d(32000), dtype)
    yield softmax(16, d(1 << 20), "float32")
    for dtype in ("float32", "bfloat16"):
        yield cross_entropy(d(8192), d(32000), dtype)
    yield cross_entropy(d(65536), d(1000), "float32")
    for dtype in ("float32", "bfloat16"):
        yield layer_norm(d(65536), d(1024), dtype, backward=False)
        yield layer_norm(d(65536), d(1024), dtype, backward=True)
    yield layer_norm(d(8192), d(8192), "float32", backward=True)
    for kind in ("sum", "max"):
        for axis in (1, 0, None):
            yield reduction(kind, axis, d(16384), d(8192), "float32")
    yield reduction("sum", 1, d(16384), d(8192), "bfloat16")
    yield reduction("sum", 0, d(16384), d(8192), "bfloat16")
    for dtype in ("float32", "bfloat16"):
        yield dropout(n, dtype)
    yield adam(1, n)
    yield adam(max(200 // divide, 2), d(256 * 1024))


def ceilings(divide: int = 1) -> dict[str, GpuCase]:
    """What the chip's limits are measured with: a copy of 2 GiB, and a product in bfloat16."""
    side = max(8192 // divide, 8)
    limit = replace(copy("contiguous", 4 * side, side, "float32"), family="limit")
    product = replace(gemm(side, side, side, "bfloat16"), family="limit")
    return {"copy": limit, "bf16": product}
