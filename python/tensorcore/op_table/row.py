"""What a row of the op table says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

HALF = ("float16", "bfloat16")
WIDE = ("float32", "float64")
FLOATS = (*HALF, *WIDE)
INTS = ("uint8", "int8", "int16", "int32", "int64")
REALS = (*INTS, *FLOATS)
ALL = ("bool", *REALS)


@dataclass(frozen=True)
class Op:
    """One op (or one way of calling it)."""

    id: str  # the public name, with "[setting]" after it where an op has several rows
    call: Callable[..., Any]  # takes tensors, returns a tensor or a tuple of them
    reference: Callable[..., Any]  # the same on NumPy arrays in float64 (or integers)
    sample: Callable[[Any], Sequence[Any]]  # from a numpy Generator, float64 inputs in the op's domain
    dtypes: Sequence[str] = FLOATS  # dtypes of the inputs that are tested
    fixed: Sequence[int] = ()  # inputs that keep the dtype the sample gives them (indices, masks)
    order: int = 2  # derivatives that exist: 0 (no gradient), 1 or 2
    terms: int = 1  # additions behind one element of the result
    scale: Callable[..., Any] | None = None  # from the inputs, the size errors are relative to
    tolerance_factor: float = 1.0  # with `reason`
    reason: str = ""  # why the tolerance is not the common one
    layouts: bool = True  # test transposed, sliced, flipped and broadcast inputs
    empty: Callable[..., Any] | None = None  # shapes of size-0 inputs to try, or None
    errors: Sequence[tuple[Callable[[], Any], type[Exception], str]] = ()  # call, exception, its exact text
