"""How tensors look: `repr` in NumPy's layout, and a small table with a heat map for notebooks.

Only the elements that are shown are read, so that printing a huge tensor costs as little as a small one.
"""

from __future__ import annotations

import math
from typing import Any

from . import _core
from .tensor import Tensor, methods

PRECISION = 4  # digits after the point, at most
THRESHOLD = 1000  # elements beyond which a tensor is summarised
EDGE = 3  # elements shown at either end of a summarised axis
WIDTH = 88  # columns of a line


def _shown(extent: int, edge: int | None) -> list[int | None]:
    """Indices shown along an axis; None stands for those left out."""
    if edge is None or extent <= 2 * edge:
        return list(range(extent))
    return [*range(edge), None, *range(extent - edge, extent)]


def _corners(x: Tensor, edge: int | None) -> Any:
    """The shown elements as nested lists, with None where elements are left out."""
    if edge is None:
        return _core.tolist(x)

    def pick(axis: int, offset: int) -> Any:
        if axis == x.ndim - 1:  # a row: at most three reads
            extent, stride = x.shape[-1], x.strides[-1]
            if extent <= 2 * edge:
                return _core.tolist(_core.strided_view(x, (extent,), (stride,), offset))
            head = _core.strided_view(x, (edge,), (stride,), offset)
            tail = _core.strided_view(x, (edge,), (stride,), offset + (extent - edge) * stride)
            return [*_core.tolist(head), None, *_core.tolist(tail)]
        return [
            None if i is None else pick(axis + 1, offset + i * x.strides[axis]) for i in _shown(x.shape[axis], edge)
        ]

    return pick(0, 0)


def _flat(values: Any) -> list[Any]:
    if not isinstance(values, list):
        return [values]
    out: list[Any] = []
    for v in values:
        if v is not None:
            out += _flat(v)
    return out


def _trimmed(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def _formatter(kind: str, values: list[Any]) -> Any:
    """A function from an element to its text, all texts equally wide."""
    if kind != "float":
        texts = [str(v) for v in values]
        width = max(map(len, texts), default=0)
        return lambda v: str(v).rjust(width)
    finite = [abs(v) for v in values if math.isfinite(v) and v != 0]
    low, high = min(finite, default=1.0), max(finite, default=1.0)
    whole = all(v == math.floor(v) for v in finite)
    if high >= 1e8 or (not whole and (low < 1e-4 or high / low > 1e5)):
        mantissas = [f"{v:.{PRECISION}e}".split("e")[0] for v in values if math.isfinite(v)]
        digits = max((len(_trimmed(m).partition(".")[2]) for m in mantissas), default=0)

        def write(v: float) -> str:
            text = f"{v:.{digits}e}"
            return text if digits or not math.isfinite(v) else text.replace("e", ".e")

    else:
        fixed = [_trimmed(f"{v:.{PRECISION}f}") for v in values if math.isfinite(v)]
        digits = max((len(t.partition(".")[2]) for t in fixed), default=0)

        def write(v: float) -> str:
            text = f"{v:.{digits}f}"
            if not math.isfinite(v):
                return text
            text = text if digits else text + "."
            short = _trimmed(text)
            return short.ljust(len(text))

    width = max((len(write(v)) for v in values), default=0)
    return lambda v: write(v).rjust(width)


def _layout(values: Any, write: Any, indent: int, depth: int) -> str:
    """Nested brackets: rows wrap at WIDTH, deeper axes are set apart by blank lines."""
    if not isinstance(values, list):
        return "..." if values is None else str(write(values))
    items = ["..." if v is None else None for v in values]
    if depth == 1:
        lines, line = [], ""
        for i, v in enumerate(values):
            text = items[i] or write(v)
            text += "," if i < len(values) - 1 else ""
            if line and indent + 1 + len(line) + 1 + len(text) > WIDTH:
                lines.append(line)
                line = text
            else:
                line = f"{line} {text}" if line else text
        lines.append(line)
        return "[" + ("\n" + " " * (indent + 1)).join(part.rstrip() for part in lines) + "]"
    between = "," + "\n" * (depth - 1) + " " * (indent + 1)
    return "[" + between.join(items[i] or _layout(v, write, indent + 1, depth - 1) for i, v in enumerate(values)) + "]"


_UNMARKED = ("bool", "int64", "float32")  # dtypes that the elements' text tells


def __repr__(self: Tensor) -> str:  # noqa: N807
    prefix = "tensor("
    notes = []
    if self.size == 0:
        body = "[]"
        if self.shape != (0,):
            notes.append(f"shape={self.shape}")
    else:
        edge = EDGE if self.size > THRESHOLD else None
        x = self.detach()
        if edge is None:  # in one piece to the host
            x = _core.to_device(x, _core.Device("cpu"), False)
        values = _corners(x, edge)
        write = _formatter(self.dtype.kind, _flat(values))
        body = _layout(values, write, len(prefix), self.ndim)
    dtype = self.dtype.name
    if dtype not in _UNMARKED or (self.size == 0 and dtype != "float32"):
        notes.append(f"dtype={dtype}")
    if self.device.type != "cpu":
        notes.append(f"device='{self.device}'")
    if self.requires_grad:
        notes.append("requires_grad=True")
    return prefix + ", ".join([body, *notes]) + ")"


_HTML_ROWS = 12  # rows and columns of the table at most


def _repr_html_(self: Tensor) -> str:
    """A caption with shape and dtype, and a table whose cells are shaded by value."""
    from html import escape

    caption = f"tensor of shape {self.shape}, {self.dtype.name}"
    if self.device.type != "cpu":
        caption += f", {self.device}"
    if self.requires_grad:
        caption += ", requires grad"
    head = f"<div><small>{escape(caption)}</small>"
    if self.size == 0:
        return head + "</div>"
    x = self.detach()
    if x.size <= THRESHOLD:
        x = _core.to_device(x, _core.Device("cpu"), False)
    if x.ndim > 2:  # the first matrix stands for the others
        head += f"<br><small>matrix {(0,) * (x.ndim - 2)} of {x.size // (x.shape[-1] * x.shape[-2])}</small>"
    shape, strides = ((1, 1, *x.shape))[-2:], ((0, 0, *x.strides))[-2:]
    rows = _corners(
        _core.strided_view(x, shape, strides, 0),
        _HTML_ROWS // 2 if max(shape) > _HTML_ROWS else None,
    )
    numbers = [float(v) for v in _flat(rows) if math.isfinite(v)]
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    write = _formatter(self.dtype.kind, _flat(rows))

    def cell(v: Any) -> str:
        if v is None:
            return "<td>…</td>"
        style = ""
        if math.isfinite(v) and high > low:
            share = float(v) / (high - low) - low / (high - low)
            style = f' style="background:rgba(66,133,244,{0.6 * share:.2f})"'
        return f"<td{style}>{escape(write(v).strip())}</td>"

    body = "".join("<tr><td>…</td></tr>" if row is None else f"<tr>{''.join(map(cell, row))}</tr>" for row in rows)
    return f"{head}<table>{body}</table></div>"


methods(__repr__, _repr_html_)
