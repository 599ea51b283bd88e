"""Times workloads on a GPU: both frameworks in one process, samples in the order A B B A, inputs that no cache holds.

A call's inputs rotate among sets that together are at least three times the L2 cache. A sample is the time between two
events around many calls, divided by their number. After the timing a part of each result is compared with NumPy's.
"""

from __future__ import annotations

import itertools
import statistics
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..testing import tolerance
from .case import Inputs
from .gpu_cases import GpuCase, ceilings

_L2_TIMES = 3
_MOST_SETS = 256
_SAMPLE_SECONDS = 0.004
_MOST_REPEATS = 2000


@dataclass
class GpuResult:
    """Samples of one workload by framework, in seconds per call."""

    case: GpuCase
    samples: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    precision: dict[str, str] = field(default_factory=dict)
    sets: int = 1
    ceiling: float = 0.0  # bytes or operations per second; 0 where none was measured

    def median(self, framework: str) -> float:
        """Median seconds per call."""
        return statistics.median(self.samples[framework])

    def spread(self, framework: str) -> float:
        """The distance between the quartiles, as a share of the median."""
        low, _, high = statistics.quantiles(self.samples[framework], n=4, method="inclusive")
        return (high - low) / self.median(framework)

    def rate(self, framework: str) -> float:
        """Operations per second of products, else bytes per second of compulsory traffic."""
        return (self.case.flops or self.case.bytes) / self.median(framework)

    def bound(self, framework: str) -> float:
        """Largest error, relative to the largest result, that counts as right."""
        dtype = self.case.result or self.case.dtype
        if self.case.family == "gemm" and dtype == "float32" and self.precision.get(framework) == "tf32":
            dtype = "float16"  # as many bits of mantissa
        return tolerance(dtype, max(self.case.terms, 4))

    def is_wrong(self, framework: str) -> bool:
        """Whether the framework failed or its result is off."""
        error = self.errors.get(framework)
        return framework in self.failures or error is None or not error <= self.bound(framework)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "family": self.case.family,
            "name": self.case.name,
            "dtype": self.case.dtype,
            "precision": self.precision if self.case.family == "gemm" else {},
            "seconds": self.samples,
            "median": {f: self.median(f) for f in self.samples},
            "iqr": {f: self.spread(f) for f in self.samples},
            "rate": {f: self.rate(f) for f in self.samples},
            "unit": "FLOP/s" if self.case.flops else "B/s",
            "ceiling": self.ceiling,
            "input sets": self.sets,
            "error": self.errors,
            "bound": {f: self.bound(f) for f in self.samples},
            "failures": self.failures,
        }


# ---- one workload ------------------------------------------------------------------------------------------------


class _Prepared:
    """A workload in one framework: its calls, one per set of inputs, ready to be timed."""

    def __init__(self, framework: Any, case: GpuCase, arrays: Inputs, sets: int):
        self.framework, self.case = framework, case
        self.precision = framework.set_precision(case.precision)
        first = {n: framework.upload(a, str(a.dtype) if n in case.integers else case.dtype) for n, a in arrays.items()}
        # What the rounded inputs are, before a workload that works in place changes them.
        self.exact = {n: framework.download(x) for n, x in first.items()} if framework.name == "tc" else {}
        builder = case.build[framework.name]
        self.calls: list[Callable[[], Any]] = []
        for i in range(sets):
            inputs = first if i == 0 else {n: framework.copy(x) for n, x in first.items()}
            for name in case.grads:
                inputs[name].requires_grad_(True)
            self.calls.append(builder(framework.lib, inputs))
        self.turn = itertools.cycle(self.calls)
        self.repeats = 1
        for call in self.calls:
            call()
        framework.synchronize()
        once = self.sample(max(3, min(sets, 20)))
        self.repeats = max(1, min(_MOST_REPEATS, round(_SAMPLE_SECONDS / max(once, 1e-7))))
        self.sample()

    def sample(self, repeats: int = 0) -> float:
        """Seconds per call."""
        framework, repeats, turn = self.framework, repeats or self.repeats, self.turn
        framework.set_precision(self.case.precision)
        start, end = framework.event(), framework.event()
        framework.synchronize()
        start.record()
        for _ in range(repeats):
            next(turn)()
        end.record()
        return framework.seconds(start, end) / repeats

    def outputs(self) -> list[Any]:
        """The checked parts of the results of one more call on the first set, in NumPy."""
        got = self.calls[0]()
        got = list(got) if isinstance(got, (list, tuple)) else [got]
        return [self.framework.download(y) for y in self.case.parts(got)]


def draw(case: GpuCase) -> Inputs:
    """The inputs, uniform in [-1, 1), as float32 and int64 NumPy arrays: the same for every framework."""
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(case.key.encode()))
    arrays: Inputs = {n: rng.random(shape, dtype=np.float32) * 2 - 1 for n, shape in case.shapes.items()}
    for name, (shape, bound) in case.integers.items():
        arrays[name] = rng.integers(0, bound, shape)
    return arrays


def error_of(case: GpuCase, exact: Inputs, got: list[Any]) -> float:
    """Largest |result - reference| / max |reference|; infinite for wrong shapes and for NaN."""
    import numpy as np

    if case.error is not None:
        return case.error(exact, got)
    expected = case.reference(exact)
    expected = expected if isinstance(expected, list) else [expected]
    worst = 0.0
    for value, right in zip(got, expected, strict=True):
        if value.shape != np.shape(right):
            return float("inf")
        size = max(float(np.abs(right).max(initial=0)), 1e-30)
        difference = float(np.abs(value - right).max(initial=0)) / size
        worst = max(worst, difference if difference == difference else float("inf"))
    return worst


def sets_for(case: GpuCase, cache_bytes: int) -> int:
    """How many sets of inputs outsize the cache threefold."""
    return max(1, min(_MOST_SETS, -(-_L2_TIMES * cache_bytes // max(1, int(case.bytes)))))


def run_case(case: GpuCase, frameworks: Sequence[Any], rounds: int, cache_bytes: int) -> GpuResult:
    """Time one workload in all frameworks; a framework that fails is noted and left out."""
    result = GpuResult(case, sets=sets_for(case, cache_bytes))
    arrays = draw(case)
    ready: list[_Prepared] = []

    def attempt(framework: Any, action: Callable[..., Any], *args: Any) -> Any:
        try:
            return action(*args)
        except Exception as failure:  # told for this workload; the others go on
            result.failures[framework.name] = f"{type(failure).__name__}: {failure}"
            return None

    for framework in frameworks:
        prepared = attempt(framework, _Prepared, framework, case, arrays, result.sets)
        if prepared is not None:
            ready.append(prepared)
            result.precision[framework.name] = prepared.precision
    samples: dict[str, list[float]] = {p.framework.name: [] for p in ready}
    for _ in range(rounds):
        for prepared in [*ready, *reversed(ready)]:  # A B B A: a drift of the clocks meets both alike
            if prepared.framework.name in result.failures:
                continue
            seconds = attempt(prepared.framework, prepared.sample)
            if seconds is not None:
                samples[prepared.framework.name].append(seconds)
    exact = next((p.exact for p in ready if p.exact), None)
    exact = exact or {n: a if n in case.integers else a.astype("float64") for n, a in arrays.items()}
    for prepared in ready:
        name = prepared.framework.name
        if name in result.failures:
            continue
        got = attempt(prepared.framework, prepared.outputs)
        error = None if got is None else attempt(prepared.framework, error_of, case, exact, got)
        if error is not None:
            result.samples[name], result.errors[name] = samples[name], error
    ready.clear()
    prepared = None
    for framework in frameworks:
        framework.release()
    return result


# ---- all of them -------------------------------------------------------------------------------------------------


def measure_ceilings(frameworks: Sequence[Any], rounds: int, cache_bytes: int, divide: int = 1) -> dict[str, float]:
    """Bytes per second of a large copy and operations per second of a bfloat16 product: the best framework's."""
    found = {}
    for name, case in ceilings(divide).items():
        result = run_case(case, frameworks, rounds, cache_bytes)
        found[name] = max((result.rate(f) for f in result.samples), default=0.0)
    return found


# Of a tensor core's rate in bfloat16: half in tf32, and three products of it for one in 3xtf32.
_SHARE = {"tf32": 1 / 2, "3xtf32": 1 / 6}


def ceiling_of(case: GpuCase, limits: dict[str, float]) -> float:
    """The measured limit that bounds a workload; 0 for float32 products outside tensor cores."""
    if not case.flops or case.bytes / max(limits["copy"], 1.0) > case.flops / max(limits["bf16"], 1.0):
        return limits["copy"] if not case.flops else 0.0
    if case.dtype != "float32":
        return limits["bf16"]
    return limits["bf16"] * _SHARE.get(case.precision, 0.0)


def run(
    cases: Sequence[GpuCase],
    frameworks: Sequence[Any],
    *,
    rounds: int = 6,
    cache_bytes: int,
    divide: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[list[GpuResult], dict[str, float]]:
    """Time all workloads; returns the results and the measured limits."""
    progress("limits of the device")
    limits = measure_ceilings(frameworks, 2, cache_bytes, divide)
    results = []
    for case in cases:
        progress(case.key)
        results.append(run_case(case, frameworks, rounds, cache_bytes))
        results[-1].ceiling = ceiling_of(case, limits)
    return results, limits
