"""Dropout of elements and of whole channels. Srivastava et al., "Dropout", JMLR 15, 2014."""

from __future__ import annotations

from typing import Any

from ... import _core
from ...declare import differentiable
from ...ops.random import Generator, _draw, bernoulli
from ...tensor import Tensor


# The mask is never stored: backward draws it again from the same place of the stream.
@differentiable(x=lambda g, p, seed, offset: _dropout(g, p, seed, offset))
def _dropout(x: Any, p: float, seed: int, offset: int) -> Any:
    return _core.dropout(x, p, seed, offset)


def _check(x: Any, p: float, op: str) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"{op}: x must be a Tensor, got {type(x).__name__}")
    if x.dtype.kind != "float":
        raise TypeError(f"{op}: dtype must be floating-point, got {x.dtype.name}")
    if not 0 <= p <= 1:
        raise ValueError(f"{op}: p must be in [0, 1], got {p}")


def dropout(x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """Each element set to 0 with probability `p`, the others divided by 1 - p, if `training`.

    `x` is floating-point of any shape; without `training` the result is `x` itself. Raises TypeError on
    other dtypes, ValueError unless 0 ≤ p ≤ 1.

    >>> tc.nn.functional.dropout(tc.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    _check(x, p, "dropout")
    if not training or p == 0:
        return x
    seed, offset = _draw(generator, x.shape, False, "dropout")
    return _dropout(x, float(p), seed, offset)


def _channels(x: Tensor, p: float, training: bool, generator: Generator | None, op: str, space: int) -> Tensor:
    _check(x, p, op)
    if x.ndim not in (space + 1, space + 2):
        raise ValueError(
            f"{op}: x must have {space + 1} axes (C, …) or {space + 2} axes (N, C, …), got shape {x.shape}"
        )
    if not training or p == 0:
        return x
    shape = x.shape[: x.ndim - space] + (1,) * space
    seed, offset = _draw(generator, shape, False, op)
    ones = _core.full(shape, True, x.dtype, x.device, op)
    return x * _core.dropout(ones, float(p), seed, offset)


def dropout1d(x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """`dropout` of whole channels of `x` (N, C, L) or (C, L). Errors as for `dropout`."""
    return _channels(x, p, training, generator, "dropout1d", 1)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """`dropout` of whole channels of `x` (N, C, H, W) or (C, H, W). Errors as for `dropout`."""
    return _channels(x, p, training, generator, "dropout2d", 2)


def dropout3d(x: Tensor, p: float = 0.5, training: bool = True, *, generator: Generator | None = None) -> Tensor:
    """`dropout` of whole channels of `x` (N, C, D, H, W) or (C, D, H, W). Errors as for `dropout`."""
    return _channels(x, p, training, generator, "dropout3d", 3)


# The value that SELU tends to at -infinity, with which dropped elements are replaced.
_SATURATED = -1.7580993408473766


def _alpha(x: Tensor, p: float, training: bool, generator: Generator | None, shape: tuple[int, ...]) -> Tensor:
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0.0
    kept = bernoulli(shape, 1 - p, generator=generator, dtype=x.dtype, device=x.device)
    scale = ((_SATURATED**2 * p + 1) * (1 - p)) ** -0.5
    return x * (kept * scale) + (1 - kept) * (_SATURATED * scale) - _SATURATED * scale * p


def alpha_dropout(x: Tensor, p: float = 0.5, training: bool = False, *, generator: Generator | None = None) -> Tensor:
    """Dropout for self-normalising networks: elements set to SELU's lower limit, mean 0 and variance 1 kept.

    Shapes and errors as for `dropout`; p = 1 gives zeros. Source: Klambauer et al. 2017.
    """
    _check(x, p, "alpha_dropout")
    return _alpha(x, p, training, generator, x.shape)


def feature_alpha_dropout(
    x: Tensor, p: float = 0.5, training: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """`alpha_dropout` of whole channels of `x` (N, C, …); ValueError with fewer than two axes."""
    _check(x, p, "feature_alpha_dropout")
    if x.ndim < 2:
        raise ValueError(f"feature_alpha_dropout: x must have the axes (N, C, …), got shape {x.shape}")
    return _alpha(x, p, training, generator, x.shape[:2] + (1,) * (x.ndim - 2))


__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]
