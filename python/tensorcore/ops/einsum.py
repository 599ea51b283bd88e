"""Einstein summation, by pairwise products: each step is one batched matrix product."""

from __future__ import annotations

from typing import Any

from .. import _core
from ..declare import differentiable
from ..tensor import Tensor
from .creation import eye
from .elementwise import where
from .linalg import matmul
from .reduce import sum as tc_sum
from .shape import broadcast_to, permute_dims, reshape


def _diagonal_rule(g: Any, x_shape: tuple[int, ...], i: int, j: int) -> Any:
    """Back onto the diagonal of axes i < j, zero elsewhere."""
    n = x_shape[i]
    extents = tuple(n if a in (i, j) else 1 for a in range(len(x_shape)))
    hot = reshape(eye(n, dtype=_core.bool, device=g.device), extents)
    return where(hot, reshape(g, (*x_shape[:j], 1, *x_shape[j + 1 :])), 0)


@differentiable(x=_diagonal_rule)
def _diagonal(x: Tensor, i: int, j: int) -> Tensor:
    """A view of the elements whose indices on axes i < j are equal, at axis i."""
    shape, strides = list(x.shape), list(x.strides)
    strides[i] += strides[j]
    del shape[j], strides[j]
    return _core.strided_view(x, tuple(shape), tuple(strides), 0)


def _parse(subscripts: str, operands: tuple[Any, ...]) -> tuple[list[str], str]:
    """One label per axis of each operand, and those of the result; '...' becomes labels no user can write."""
    text = subscripts.replace(" ", "")
    if text.count("->") > 1 or text.replace("->", "").count(">") or text.replace("->", "").count("-"):
        raise ValueError(f"einsum: subscripts must be labels, commas and at most one '->', got {subscripts!r}")
    left, arrow, output = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(operands)}")
    for term in [*terms, output]:
        bad = [c for c in term.replace("...", "", 1) if not (c.isascii() and c.isalpha())]
        if bad:
            raise ValueError(f"einsum: labels must be letters or one '...' per operand, got {term!r}")
    widths = [x.ndim - len(t.replace("...", "")) for t, x in zip(terms, operands, strict=True)]
    for t, x, width in zip(terms, operands, widths, strict=True):
        if width < 0 or (width > 0 and "..." not in t):
            raise ValueError(f"einsum: {t!r} does not name the {x.ndim} axes of an operand of shape {x.shape}")
    dots = max([w for t, w in zip(terms, widths, strict=True) if "..." in t], default=0)
    extra = "".join(chr(0x100 + i) for i in range(dots))
    terms = [t.replace("...", extra[dots - w :]) for t, w in zip(terms, widths, strict=True)]
    if arrow:
        output = output.replace("...", extra)
    else:
        joined = "".join(terms)
        output = extra + "".join(sorted(c for c in set(joined) - set(extra) if joined.count(c) == 1))
    if len(set(output)) != len(output):
        raise ValueError(f"einsum: the result may name each label once, got {subscripts!r}")
    missing = set(output) - set("".join(terms))
    if missing:
        raise ValueError(f"einsum: the result names {sorted(missing)}, which no operand has, in {subscripts!r}")
    return terms, output


def _sum_out(x: Any, labels: str, keep: set[str]) -> tuple[Any, str]:
    """Diagonals of repeated labels, then sums over labels nobody else needs."""
    i = 0
    while i < len(labels):
        j = labels.find(labels[i], i + 1)
        if j < 0:
            i += 1
            continue
        if x.shape[i] != x.shape[j]:
            raise ValueError(f"einsum: label {labels[i]!r} has extents {x.shape[i]} and {x.shape[j]}")
        x, labels = _diagonal(x, i, j), labels[:j] + labels[j + 1 :]
    axes = tuple(i for i, c in enumerate(labels) if c not in keep)
    if axes:
        x = tc_sum(x, axis=axes, dtype=x.dtype)
        labels = "".join(c for c in labels if c in keep)
    return x, labels


def _pair(a: Any, la: str, b: Any, lb: str, keep: set[str], extents: dict[str, int]) -> tuple[Any, str]:
    """The product of two operands, summed over shared labels that are not in `keep`."""
    batch = [c for c in la if c in lb and c in keep]
    shared = [c for c in la if c in lb and c not in keep]
    rows, cols = [c for c in la if c not in lb], [c for c in lb if c not in la]

    def extent(labels: list[str]) -> int:
        n = 1
        for c in labels:
            n *= extents[c]
        return n

    def spread(x: Any, labels: str) -> Any:  # extents of one become whole where another operand has more
        shape = tuple(extents[c] for c in labels)
        return x if x.shape == shape else broadcast_to(x, shape)

    left = permute_dims(spread(a, la), tuple(la.index(c) for c in [*batch, *rows, *shared]))
    right = permute_dims(spread(b, lb), tuple(lb.index(c) for c in [*batch, *shared, *cols]))
    shape = tuple(extents[c] for c in batch)
    left = reshape(left, (*shape, extent(rows), extent(shared)))
    right = reshape(right, (*shape, extent(shared), extent(cols)))
    labels = "".join([*batch, *rows, *cols])
    return reshape(matmul(left, right), tuple(extents[c] for c in labels)), labels


def einsum(subscripts: str, /, *operands: Tensor) -> Tensor:
    """Sums of products by labelled axes, as in einsum('ij,jk->ik', a, b) for a matrix product.

    Labels are letters, '...' stands for axes that broadcast; a label repeated in one operand takes
    its diagonal; without '->' the result has the labels that occur once, in alphabetical order.
    Dtypes are promoted. Pairs are contracted in the order that keeps intermediate results
    smallest first. ValueError on malformed subscripts or extents that differ, TypeError on
    operands that are not Tensors.

    Example:
        >>> tc.einsum("bij,bjk->bik", tc.ones((2, 3, 4)), tc.ones((2, 4, 5))).shape
        (2, 3, 5)
    """
    if not isinstance(subscripts, str):
        raise TypeError(f"einsum: subscripts must be a str, got {type(subscripts).__name__}")
    if not operands:
        raise ValueError("einsum: needs at least one operand")
    for x in operands:
        if not isinstance(x, Tensor):
            raise TypeError(f"einsum: operands must be Tensors, got {type(x).__name__}")
        if x.dtype is _core.bool:
            raise TypeError("einsum: dtype bool is not supported")
    terms, output = _parse(subscripts, operands)
    extents: dict[str, int] = {}
    for labels, x in zip(terms, operands, strict=True):
        for c, n in zip(labels, x.shape, strict=True):
            known = extents.setdefault(c, n)
            if known != n and 1 not in (known, n):
                raise ValueError(f"einsum: label {c!r} has extents {known} and {n} in {subscripts!r}")
            if known == 1:
                extents[c] = n
    work: list[tuple[Any, str]] = list(zip(operands, terms, strict=True))
    while True:
        for i, (x, labels) in enumerate(work):
            others = set(output).union(*(set(lb) for j, (_, lb) in enumerate(work) if j != i))
            work[i] = _sum_out(x, labels, others)
        if len(work) == 1:
            break
        i, j = min(
            ((i, j) for i in range(len(work)) for j in range(i + 1, len(work))),
            key=lambda pair: _result_size(work, pair, output, extents),
        )
        keep = set(output).union(*(set(lb) for k, (_, lb) in enumerate(work) if k not in (i, j)))
        (a, la), (b, lb) = work[i], work[j]
        work = [w for k, w in enumerate(work) if k not in (i, j)] + [_pair(a, la, b, lb, keep, extents)]
    x, labels = work[0]
    shape = tuple(extents[c] for c in output)
    x = permute_dims(x, tuple(labels.index(c) for c in output))
    if x.shape != shape:
        x = broadcast_to(x, shape)
    return x


def _result_size(work: list[tuple[Any, str]], pair: tuple[int, int], output: str, extents: dict[str, int]) -> int:
    """Elements of the product of a pair."""
    i, j = pair
    keep = set(output).union(*(set(lb) for k, (_, lb) in enumerate(work) if k not in pair))
    n = 1
    for c in (set(work[i][1]) | set(work[j][1])) & keep:
        n *= extents[c]
    return n


__all__ = ["einsum"]
