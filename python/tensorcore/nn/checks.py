"""Checks of settings that many layers have: errors name the layer, the setting and what was given."""

from __future__ import annotations

import operator
from typing import Any


def check_sizes(layer: str, least: int = 0, **sizes: Any) -> None:
    """TypeError unless every size is an int, ValueError unless it is `least` or more."""
    for name, value in sizes.items():
        try:
            n = operator.index(value)
        except TypeError:
            raise TypeError(f"{layer}: {name} must be an int, got {type(value).__name__}") from None
        if n < least:
            raise ValueError(f"{layer}: {name} must be at least {least}, got {n}")


def check_number(layer: str, **numbers: Any) -> None:
    """TypeError unless every setting is a number."""
    for name, value in numbers.items():
        if not isinstance(value, (int, float)):
            raise TypeError(f"{layer}: {name} must be a number, got {type(value).__name__}")


def check_share(layer: str, **shares: Any) -> None:
    """TypeError unless every share is a number, ValueError unless it lies in [0, 1]."""
    for name, value in shares.items():
        check_number(layer, **{name: value})
        if not 0 <= value <= 1:
            raise ValueError(f"{layer}: {name} must be in [0, 1], got {value}")


def as_shape(layer: str, name: str, value: Any) -> tuple[int, ...]:
    """One int or several as a tuple. TypeError for anything else, ValueError for negative ones."""
    if not isinstance(value, (tuple, list)):
        value = (value,)
    check_sizes(layer, **{f"{name}[{i}]" if len(value) > 1 else name: n for i, n in enumerate(value)})
    return tuple(value)


__all__ = ["as_shape", "check_number", "check_share", "check_sizes"]
