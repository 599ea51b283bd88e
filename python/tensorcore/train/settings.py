"""What the settings of a `Trainer` must be."""

from __future__ import annotations

import inspect
from typing import Any


def check_counts(**counts: Any) -> None:
    """ValueError unless each is an int of at least 1, or None."""
    for name, value in counts.items():
        if value is not None and (not isinstance(value, int) or value < 1):
            raise ValueError(f"Trainer: {name} must be an int of at least 1, got {value!r}")


def check_bounds(**bounds: Any) -> None:
    """ValueError unless each is positive, or None."""
    for name, value in bounds.items():
        if value is not None and not value > 0:
            raise ValueError(f"Trainer: {name} must be positive, got {value!r}")


def check_choice(name: str, value: Any, choices: tuple[Any, ...]) -> None:
    """ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"Trainer: {name} must be one of {choices}, got {value!r}")


def needs_value(schedule: Any) -> bool:
    """Whether a schedule's `step` has to be given a value."""
    parameters = inspect.signature(schedule.step).parameters.values()
    return any(p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
