"""`tensorcore check`: every row of the op table against NumPy in float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import op_table, testing
from .op_table.inputs import make_inputs
from .op_table.row import Op


@dataclass(frozen=True)
class Verdict:
    """How far one op is from its reference in one dtype, in units of its scale."""

    op: str
    dtype: str
    error: float
    bound: float
    failure: str = ""

    @property
    def right(self) -> bool:
        """Whether the error is within the bound."""
        return not self.failure and self.error <= self.bound


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def check_row(op: Op, dtype: str) -> Verdict:
    """Run one op in one dtype and compare."""
    import numpy as np

    bound = testing.tolerance(dtype, op.terms) * op.tolerance_factor
    try:
        inputs = make_inputs(op, dtype, "contiguous")
        exact = [testing.to_float64(x) for x in inputs]
        with np.errstate(all="ignore"):
            expected = _as_tuple(op.reference(*exact))
            scale = None if op.scale is None else op.scale(*exact)
        worst = 0.0
        for got, e in zip(_as_tuple(op.call(*inputs)), expected, strict=True):
            # Integers may give floats: the bound is the result's.
            bound = max(bound, testing.tolerance(got.dtype, op.terms) * op.tolerance_factor)
            a, e = testing.to_float64(got), np.asarray(e)
            if a.shape != e.shape:
                return Verdict(op.id, dtype, float("inf"), bound, f"shape {a.shape}, expected {e.shape}")
            with np.errstate(all="ignore"):
                same = (a == e) | ((a != a) & (e != e))
                size = np.maximum(1.0, np.abs(e)) if scale is None else scale
                off = np.where(same, 0.0, np.abs(np.asarray(a, np.float64) - np.asarray(e, np.float64)) / size)
            off = np.where(np.isnan(off), np.inf, off)
            worst = max(worst, float(off.max(initial=0.0)))
        return Verdict(op.id, dtype, worst, bound)
    except Exception as error:  # a broken op is a verdict, not a crash of the check
        return Verdict(op.id, dtype, float("inf"), bound, f"{type(error).__name__}: {error}")


def check(pattern: str = "", dtypes: Sequence[str] = ()) -> Iterator[Verdict]:
    """Verdicts of every row whose id contains `pattern`, in each of its dtypes (or those of `dtypes`)."""
    for op in op_table.all_rows():
        if pattern in op.id:
            for dtype in op.dtypes:
                if not dtypes or dtype in dtypes:
                    yield check_row(op, dtype)
