"""Distinct values. Every NaN is a value of its own, and they come last; -0.0 equals 0.0."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import _core


class UniqueAll(NamedTuple):
    """What `unique_all` returns."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAll:
    """The distinct elements of `x` in ascending order, where each first occurs in the flattened tensor, `x` as
    positions among them (in its shape), and how often each occurs. No gradient flows through them.

    Example:
        >>> tc.unique_all(tc.asarray([3, 1, 3])).counts
        tensor([1, 2])
    """
    return UniqueAll(*_core.unique(x))


def unique_counts(x: Any, /) -> UniqueCounts:
    """The distinct elements of `x` in ascending order, and how often each occurs.

    Example:
        >>> tc.unique_counts(tc.asarray([3, 1, 3])).values
        tensor([1, 3])
    """
    values, _, _, counts = _core.unique(x)
    return UniqueCounts(values, counts)


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The distinct elements of `x` in ascending order, and `x` as positions among them (in its shape).

    Example:
        >>> tc.unique_inverse(tc.asarray([3, 1, 3])).inverse_indices
        tensor([1, 0, 1])
    """
    values, _, inverse, _ = _core.unique(x)
    return UniqueInverse(values, inverse)


def unique_values(x: Any, /) -> Any:
    """The distinct elements of `x` in ascending order.

    Example:
        >>> tc.unique_values(tc.asarray([3, 1, 3]))
        tensor([1, 3])
    """
    return _core.unique(x)[0]


__all__ = ["unique_all", "unique_counts", "unique_inverse", "unique_values"]
