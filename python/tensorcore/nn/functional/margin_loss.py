"""More losses: margins, several labels, counts. Composed of recorded ops; reductions as in `loss`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ... import _core
from ...declare import check_tensors
from ...ops.creation import arange
from ...ops.elementwise import exp, log, maximum, minimum, where
from ...ops.index import gather
from ...ops.reduce import any as tc_any
from ...ops.reduce import sum as tc_sum
from ...ops.scan import cumulative_sum
from ...ops.shape import reshape
from ...tensor import Tensor
from .activation import logsigmoid
from .distance import pairwise_distance
from .loss import _check_floats, _check_same_shape, _reduce


def margin_ranking_loss(x1: Tensor, x2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean") -> Tensor:
    """max(0, margin - target · (x1 - x2)), reduced: `target` is 1 where x1 should rank higher, -1 where x2 should."""
    _check_floats("margin_ranking_loss", x1=x1, x2=x2, target=target)
    return _reduce("margin_ranking_loss", maximum(margin - target * (x1 - x2), 0.0), reduction)


def soft_margin_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """log(1 + exp(-target · x)) for targets 1 and -1, reduced; `x` and `target` share a shape."""
    _check_same_shape("soft_margin_loss", x, target)
    return _reduce("soft_margin_loss", -logsigmoid(target * x), reduction)


def multilabel_soft_margin_loss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Binary cross-entropy of the logits `x` (…, C) with labels `target` in [0, 1], mean over classes, reduced.

    `weight` (C,) scales each class.
    """
    _check_same_shape("multilabel_soft_margin_loss", x, target)
    if x.ndim == 0:
        raise ValueError("multilabel_soft_margin_loss: x must have an axis of classes, got shape ()")
    loss = -(target * logsigmoid(x) + (1 - target) * logsigmoid(-x))
    if weight is not None:
        check_tensors("multilabel_soft_margin_loss", weight=weight)
        loss = loss * weight
    return _reduce("multilabel_soft_margin_loss", tc_sum(loss, axis=-1) / max(x.shape[-1], 1), reduction)


def multilabel_margin_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Σ_j Σ_i max(0, 1 - x[t_j] + x[i]) / C over targets t_j and the classes i that are none, reduced.

    `x` is (N, C) or (C,), `target` integers of its shape: classes, ended by the first -1. ValueError on shapes,
    TypeError on dtypes, IndexError for a class beyond the last.
    """
    op = "multilabel_margin_loss"
    _check_floats(op, x=x)
    check_tensors(op, target=target)
    if target.dtype.kind not in ("int", "uint"):
        raise TypeError(f"{op}: target must be integers, got {target.dtype.name}")
    if x.ndim not in (1, 2) or x.shape != target.shape:
        raise ValueError(f"{op}: x and target must share a shape (N, C) or (C,), got {x.shape} and {target.shape}")
    classes = x.shape[-1]
    target = target.astype(_core.int64)
    counts = cumulative_sum((target < 0).astype(_core.int64), axis=-1) == 0
    hot = (reshape(target, (*target.shape, 1)) == arange(classes, device=x.device)) & reshape(counts, (*x.shape, 1))
    others = ~tc_any(hot, axis=-2, keepdims=True)
    scores = gather(x, x.ndim - 1, where(counts, target, 0))
    margins = maximum(1 - reshape(scores, (*x.shape, 1)) + reshape(x, (*x.shape[:-1], 1, classes)), 0.0)
    kept = where(others & reshape(counts, (*x.shape, 1)), margins, 0.0)
    return _reduce(op, tc_sum(kept, axis=(-2, -1)) / max(classes, 1), reduction)


def poisson_nll_loss(
    x: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Tensor:
    """Negative log-likelihood of counts `target` under Poisson rates, reduced: rate - target · log(rate).

    The rate is exp(x) with `log_input`, else x (kept from 0 by `eps`). `full` adds Stirling's approximation
    t·log t - t + log(2πt) / 2 of log t! where t > 1. `x` and `target` share a shape.
    """
    _check_same_shape("poisson_nll_loss", x, target)
    loss = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        t = where(target > 1, target, 1.0)
        loss = loss + where(target > 1, t * log(t) - t + 0.5 * log(2 * math.pi * t), 0.0)
    return _reduce("poisson_nll_loss", loss, reduction)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), reduced; d defaults to `pairwise_distance`.

    With `swap` the smaller of d(anchor, negative) and d(positive, negative) counts. ValueError unless margin > 0 and
    the three share a shape.
    """
    op = "triplet_margin_with_distance_loss"
    _check_floats(op, anchor=anchor, positive=positive, negative=negative)
    if not anchor.shape == positive.shape == negative.shape:
        raise ValueError(
            f"{op}: anchor, positive and negative must share a shape, "
            f"got {anchor.shape}, {positive.shape} and {negative.shape}"
        )
    if not margin > 0:
        raise ValueError(f"{op}: margin must be positive, got {margin}")
    d: Callable[..., Any] = pairwise_distance if distance_function is None else distance_function
    near, far = d(anchor, positive), d(anchor, negative)
    if swap:
        far = minimum(far, d(positive, negative))
    return _reduce(op, maximum(near - far + margin, 0.0), reduction)


__all__ = [
    "margin_ranking_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "poisson_nll_loss",
    "soft_margin_loss",
    "triplet_margin_with_distance_loss",
]
