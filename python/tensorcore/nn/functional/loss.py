"""Losses, with PyTorch's names, arguments and reductions."""

from __future__ import annotations

import math
from typing import Any

from ... import _core
from ...autograd import record
from ...declare import check_tensors, differentiable
from ...ops.creation import arange, zeros_like
from ...ops.elementwise import (
    abs as tc_abs,
)
from ...ops.elementwise import (
    clip,
    equal,
    exp,
    log,
    log1p,
    maximum,
    sqrt,
    where,
)
from ...ops.elementwise import (
    pow as tc_pow,
)
from ...ops.reduce import max as tc_max
from ...ops.reduce import mean
from ...ops.reduce import min as tc_min
from ...ops.reduce import sum as tc_sum
from ...ops.shape import permute_dims, reshape
from ...tensor import Tensor
from .softmax import log_softmax

_REDUCTIONS = ("mean", "sum", "none")


def _reduce(op: str, loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return mean(loss)
    if reduction == "sum":
        return tc_sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{op}: reduction must be one of {_REDUCTIONS}, got {reduction!r}")


def _check_floats(op: str, **tensors: Any) -> None:
    check_tensors(op, **tensors)
    for name, x in tensors.items():
        if x.dtype.kind != "float":
            raise TypeError(f"{op}: {name} must be floating-point, got {x.dtype.name}")


def _check_same_shape(op: str, x: Tensor, target: Tensor) -> None:
    _check_floats(op, x=x, target=target)
    if x.shape != target.shape:
        raise ValueError(f"{op}: x and target must have one shape, got {x.shape} and {target.shape}")


# ---- class indices -------------------------------------------------------------------------------


def _class_rows(op: str, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """x (N, C, d…) or (C,) and its target (N, d…) or () as rows: (M, C) and (M,)."""
    _check_floats(op, x=x)
    check_tensors(op, target=target)
    expected = x.shape[:1] + x.shape[2:] if x.ndim > 1 else ()
    if x.ndim == 0 or target.shape != expected:
        raise ValueError(
            f"{op}: target of class indices must have the shape of x without its class axis, "
            f"got x {x.shape} and target {target.shape}"
        )
    if x.ndim == 1:
        return reshape(x, (1, x.shape[0])), reshape(target, (1,))
    if x.ndim == 2:
        return x, target
    rows = permute_dims(x, (0, *range(2, x.ndim), 1))
    return reshape(rows, (target.size, x.shape[1])), reshape(target, (target.size,))


def _row_losses(
    x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float, log_input: bool
) -> tuple[Tensor, Tensor]:
    """Loss of each row, recorded, and the weight of its class."""
    loss, lse, row_weight = _core.cross_entropy(x, target, weight, ignore_index, smoothing, log_input)

    def rule(g: Tensor, needs: Any, x: Tensor, lse: Tensor) -> tuple[Tensor]:
        if _core.is_grad_enabled():  # being differentiated again: in ops that record
            return (_composed_gradient(g, x, target, weight, ignore_index, smoothing, log_input),)
        return (_core.cross_entropy_backward(x, target, weight, ignore_index, smoothing, log_input, g, lse),)

    if loss.dtype is not x.dtype:
        loss = _core.astype(loss, x.dtype, False)
    return record(loss, "cross_entropy", rule, (x,), (x, lse)), row_weight


def _composed_gradient(
    g: Tensor, x: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, smoothing: float, log_input: bool
) -> Tensor:
    classes = x.shape[1]
    kept = target != ignore_index
    hot = equal(reshape(where(kept, target, 0), (-1, 1)), arange(classes, device=x.device)).astype(x.dtype)
    goal = hot * (1 - smoothing) + smoothing / classes
    if weight is not None:
        goal = goal * weight.astype(x.dtype)
    goal = goal * reshape(kept.astype(x.dtype), (-1, 1))
    g = reshape(g, (-1, 1))
    if log_input:
        return -g * goal
    return g * (exp(log_softmax(x, 1)) * tc_sum(goal, axis=1, keepdims=True) - goal)


def _reduce_rows(op: str, loss: Tensor, row_weight: Tensor, reduction: str, shape: tuple[int, ...]) -> Tensor:
    if reduction == "mean" and loss.size:  # of the rows' losses, weighted
        total = tc_sum(row_weight)
        # A float for half types, whose own dtype would not hold it; else nothing waits for the device.
        return tc_sum(loss) / (total if total.dtype is loss.dtype else float(total))
    if reduction == "mean":
        return mean(loss)
    if reduction == "none":
        return reshape(loss, shape)
    return _reduce(op, loss, reduction)


def cross_entropy(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross-entropy of logits `x` with classes, softmax included: −Σ q log softmax(x), reduced.

    `x` is (C,), (N, C) or (N, C, d1, …), floating-point. `target` holds class indices, of x's shape
    without the class axis, or probabilities, of x's shape and floating-point. `weight` (C,) scales
    each class; indices equal to `ignore_index` count nothing; `label_smoothing` in [0, 1] mixes
    the target with the uniform distribution. `reduction` is 'mean' (weighted for indices, plain for
    probabilities), 'sum' or 'none'. Raises ValueError on shapes, TypeError on dtypes,
    IndexError on a class out of range. Source of smoothing: Szegedy et al. 2016.
    """
    _check_floats("cross_entropy", x=x)
    if isinstance(target, Tensor) and target.dtype.kind == "float":
        return _soft_cross_entropy(x, target, weight, reduction, label_smoothing)
    if reduction not in _REDUCTIONS:
        raise ValueError(f"cross_entropy: reduction must be one of {_REDUCTIONS}, got {reduction!r}")
    rows, classes = _class_rows("cross_entropy", x, target)
    loss, row_weight = _row_losses(rows, classes, weight, ignore_index, label_smoothing, False)
    return _reduce_rows("cross_entropy", loss, row_weight, reduction, target.shape)


def _soft_cross_entropy(
    x: Tensor, target: Tensor, weight: Tensor | None, reduction: str, label_smoothing: float
) -> Tensor:
    if x.shape != target.shape or x.ndim == 0:
        raise ValueError(
            f"cross_entropy: target probabilities must have the shape of x, got x {x.shape} and target {target.shape}"
        )
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing must lie in [0, 1], got {label_smoothing}")
    axis = 1 if x.ndim > 1 else 0
    if label_smoothing:
        target = target * (1 - label_smoothing) + label_smoothing / x.shape[axis]
    terms = target * log_softmax(x, axis)
    if weight is not None:
        if weight.shape != (x.shape[axis],):
            raise ValueError(
                f"cross_entropy: weight must have shape ({x.shape[axis]},), one per class, got {weight.shape}"
            )
        terms = terms * reshape(weight, (-1,) + (1,) * (x.ndim - axis - 1))
    loss = -tc_sum(terms, axis=axis)
    if reduction == "mean":
        return tc_sum(loss) / max(loss.size, 1)
    return _reduce("cross_entropy", loss, reduction)


def nll_loss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood of classes: −x[target], for log-probabilities `x`.

    Shapes, `weight`, `ignore_index`, `reduction` and errors as for `cross_entropy` with indices.
    """
    if reduction not in _REDUCTIONS:
        raise ValueError(f"nll_loss: reduction must be one of {_REDUCTIONS}, got {reduction!r}")
    rows, classes = _class_rows("nll_loss", x, target)
    loss, row_weight = _row_losses(rows, classes, weight, ignore_index, 0.0, True)
    return _reduce_rows("nll_loss", loss, row_weight, reduction, target.shape)


# ---- distances -----------------------------------------------------------------------------------


def mse_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared differences (x − target)², reduced; both floating-point and of one shape."""
    _check_same_shape("mse_loss", x, target)
    d = x - target
    return _reduce("mse_loss", d * d, reduction)


def l1_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Absolute differences |x − target|, reduced; both floating-point and of one shape."""
    _check_same_shape("l1_loss", x, target)
    return _reduce("l1_loss", tc_abs(x - target), reduction)


def smooth_l1_loss(x: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d²/(2·beta) where d = |x − target| < beta, else d − beta/2, reduced. beta ≥ 0; 0 is l1_loss.

    Source: Girshick 2015.
    """
    if beta < 0:
        raise ValueError(f"smooth_l1_loss: beta must not be negative, got {beta}")
    if beta == 0:
        return l1_loss(x, target, reduction)
    _check_same_shape("smooth_l1_loss", x, target)
    d = tc_abs(x - target)
    return _reduce("smooth_l1_loss", where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), reduction)


def huber_loss(x: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """d²/2 where d = |x − target| < delta, else delta·(d − delta/2), reduced. Source: Huber 1964."""
    if not delta > 0:
        raise ValueError(f"huber_loss: delta must be positive, got {delta}")
    _check_same_shape("huber_loss", x, target)
    d = tc_abs(x - target)
    return _reduce("huber_loss", where(d < delta, d * d * 0.5, (d - 0.5 * delta) * delta), reduction)


# ---- probabilities -------------------------------------------------------------------------------


@differentiable(
    # Finite at 0 and 1, where the quotient of the plain formula is not.
    x=lambda g, x, target: g * (x - target) / maximum(x * (1 - x), 1e-12),
    target=lambda g, x: g * (clip(log1p(-x), -100.0) - clip(log(x), -100.0)),
)
def _binary_cross_entropy(x: Tensor, target: Tensor) -> Tensor:
    return -(target * clip(log(x), -100.0) + (1 - target) * clip(log1p(-x), -100.0))


def binary_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """−(t·log x + (1 − t)·log(1 − x)) for probabilities `x`, reduced; logarithms are kept above −100.

    ValueError if an element of x lies outside [0, 1].
    """
    _check_same_shape("binary_cross_entropy", x, target)
    low, high = (float(tc_min(x.detach())), float(tc_max(x.detach()))) if x.size else (0.0, 0.0)
    if not (low >= 0 and high <= 1):
        raise ValueError(f"binary_cross_entropy: x must lie in [0, 1], got values from {low} to {high}")
    loss = _binary_cross_entropy(x, target)
    return _reduce("binary_cross_entropy", loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross-entropy of logits `x`, sigmoid included, without overflow; reduced.

    `pos_weight` scales the term of positive targets, `weight` every term; both broadcast.
    """
    _check_same_shape("binary_cross_entropy_with_logits", x, target)
    tail = log1p(exp(-tc_abs(x))) + maximum(-x, 0.0)  # log(1 + exp(-x))
    if pos_weight is None:
        loss = (1 - target) * x + tail
    else:
        loss = (1 - target) * x + (1 + (pos_weight - 1) * target) * tail
    return _reduce("binary_cross_entropy_with_logits", loss if weight is None else loss * weight, reduction)


def kl_div(x: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence t·(log t − x) for log-probabilities `x`, reduced.

    `target` holds probabilities, or their logarithms with `log_target`. `reduction` may also be
    'batchmean': the sum over the first extent, the divergence itself.
    """
    _check_same_shape("kl_div", x, target)
    if log_target:
        loss = exp(target) * (target - x)
    else:
        positive = target > 0
        loss = where(positive, target * (log(where(positive, target, 1.0)) - x), 0.0)
    if reduction == "batchmean":
        return tc_sum(loss) / (x.shape[0] if x.ndim else 1)
    return _reduce("kl_div", loss, reduction)


def gaussian_nll_loss(
    x: Tensor, target: Tensor, var: Tensor, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """½·(log var + (x − target)²/var), the Gaussian negative log-likelihood, reduced.

    `var` broadcasts to x and is kept at eps or above (its gradient passes as if it were not); `full` adds
    ½·log 2π. ValueError on a negative variance. Source: Nix & Weigend 1994.
    """
    _check_same_shape("gaussian_nll_loss", x, target)
    _check_floats("gaussian_nll_loss", var=var)
    if var.size and float(tc_min(var.detach())) < 0:
        raise ValueError("gaussian_nll_loss: var must not be negative")
    kept = var + (maximum(var, eps) - var).detach()
    d = x - target
    loss = 0.5 * (log(kept) + d * d / kept)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduce("gaussian_nll_loss", loss, reduction)


# ---- margins -------------------------------------------------------------------------------------


def hinge_embedding_loss(x: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """x where target is 1, max(0, margin − x) where it is −1, reduced."""
    _check_same_shape("hinge_embedding_loss", x, target)
    zero = zeros_like(x)
    loss = where(target != 1, maximum(margin - x, 0.0), zero) + where(target != -1, x, zero)
    return _reduce("hinge_embedding_loss", loss, reduction)


def multi_margin_loss(
    x: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The multi-class hinge loss Σ_{c≠t} max(0, margin − x_t + x_c)^p / C, reduced.

    `x` (N, C) scores, `target` (N,) classes, p 1 or 2. Source: Crammer & Singer 2001.
    """
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss: p must be 1 or 2, got {p}")
    rows, classes = _class_rows("multi_margin_loss", x, target)
    hot = equal(reshape(classes, (-1, 1)), arange(rows.shape[1], device=rows.device))
    hit = -nll_loss(rows, classes, reduction="none")
    terms = maximum(margin - reshape(hit, (-1, 1)) + rows, 0.0)
    terms = terms if p == 1 else terms * terms
    if weight is not None:
        terms = terms * reshape(tc_sum(where(hot, weight, 0.0), axis=1), (-1, 1))
    loss = tc_sum(where(hot, 0.0, terms), axis=1) / rows.shape[1]
    return _reduce("multi_margin_loss", reshape(loss, target.shape), reduction)


def cosine_embedding_loss(
    x1: Tensor, x2: Tensor, target: Tensor, margin: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """1 − cos(x1, x2) where target is 1, max(0, cos − margin) where it is −1, reduced.

    `x1`, `x2` are (N, D) or (D,); `target` (N,) or (). The squared norms are kept above zero by
    the smallest amount that matters, 1e-12 of PyTorch.
    """
    _check_floats("cosine_embedding_loss", x1=x1, x2=x2)
    check_tensors("cosine_embedding_loss", target=target)
    if x1.shape != x2.shape or x1.ndim not in (1, 2) or target.shape != x1.shape[:-1]:
        raise ValueError(
            "cosine_embedding_loss: x1 and x2 must both be (N, D) or (D,) and target (N,) or (), "
            f"got {x1.shape}, {x2.shape} and {target.shape}"
        )
    dot = tc_sum(x1 * x2, axis=-1)
    norms = sqrt((tc_sum(x1 * x1, axis=-1) + 1e-12) * (tc_sum(x2 * x2, axis=-1) + 1e-12))
    cosine = dot / norms
    zero = zeros_like(cosine)
    loss = where(target == 1, 1 - cosine, zero) + where(target == -1, maximum(cosine - margin, 0.0), zero)
    return _reduce("cosine_embedding_loss", loss, reduction)


def _distance(a: Tensor, b: Tensor, p: float, eps: float) -> Tensor:
    """‖a − b + eps‖_p over the last axis."""
    d = tc_abs(a - b + eps)
    if p == 2:
        return sqrt(tc_sum(d * d, axis=-1))
    if p == 1:
        return tc_sum(d, axis=-1)
    return tc_pow(tc_sum(tc_pow(d, p), axis=-1), 1 / p)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) − d(anchor, negative) + margin) with p-norm distances, reduced.

    All three are (N, D) or (D,). With `swap` the negative's distance to the positive counts when
    it is the smaller. Source: Balntas et al. 2016.
    """
    _check_floats("triplet_margin_loss", anchor=anchor, positive=positive, negative=negative)
    if not anchor.shape == positive.shape == negative.shape or anchor.ndim not in (1, 2):
        raise ValueError(
            "triplet_margin_loss: anchor, positive and negative must share a shape (N, D) or (D,), "
            f"got {anchor.shape}, {positive.shape} and {negative.shape}"
        )
    if not margin > 0:
        raise ValueError(f"triplet_margin_loss: margin must be positive, got {margin}")
    near, far = _distance(anchor, positive, p, eps), _distance(anchor, negative, p, eps)
    if swap:
        other = _distance(positive, negative, p, eps)
        far = where(other < far, other, far)
    return _reduce("triplet_margin_loss", maximum(near - far + margin, 0.0), reduction)


__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cross_entropy",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "multi_margin_loss",
    "nll_loss",
    "smooth_l1_loss",
    "triplet_margin_loss",
]
