"""Runs cases: one worker process per framework, samples taken in turn, errors checked afterwards."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _core
from .case import Case

# Threads of another framework's pool go on spinning for some milliseconds after its last call: let them go to sleep.
_SETTLE_SECONDS = 0.02


@dataclass
class Result:
    """Samples of one case in one dtype, by framework, in seconds per call."""

    case: Case
    dtype: str
    samples: dict[str, list[float]] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    peak: float = 0.0  # GFLOP/s or GB/s of the machine, for this kind of work

    def median(self, framework: str) -> float:
        """Median seconds per call."""
        return statistics.median(self.samples[framework])

    def spread(self, framework: str) -> float:
        """Half the distance between the quartiles, as a share of the median."""
        ordered = sorted(self.samples[framework])
        n = len(ordered)
        return (ordered[(3 * n) // 4] - ordered[n // 4]) / 2 / self.median(framework)

    def rate(self, framework: str) -> float:
        """GFLOP/s where operations bound the case, else GB/s of compulsory traffic."""
        return self.work / self.median(framework) * 1e-9

    @property
    def work(self) -> float:
        """Operations, or bytes in this dtype."""
        width = 2.0 if self.dtype == "float64" else 1.0
        return self.case.flops or self.case.bytes * width

    @property
    def unit(self) -> str:
        """Unit of `rate`."""
        return "GFLOP/s" if self.case.flops else "GB/s"

    @property
    def bound(self) -> float:
        """Largest error, relative to the largest result, that counts as right."""
        from ..testing import tolerance

        return tolerance(self.dtype, max(self.case.terms, 4))

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "family": self.case.family,
            "name": self.case.name,
            "dtype": self.dtype,
            "seconds": self.samples,
            "median": {f: self.median(f) for f in self.samples},
            "rate": {f: self.rate(f) for f in self.samples},
            "unit": self.unit,
            "peak": self.peak,
            "error": self.errors,
            "bound": self.bound,
            "failures": self.failures,
        }


class _Process:
    """A worker process and its two pipes."""

    def __init__(self, framework: str, threads: int):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "OMP_PROC_BIND": "true",
            "OPENBLAS_NUM_THREADS": str(threads),
            "OPENBLAS_THREAD_TIMEOUT": "4",  # its threads would otherwise spin into our samples
        }
        self.framework = framework
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tensorcore.bench.worker", framework, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        self.version = self._read().get("version", "")

    def ask(self, action: str, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"action": action, **request}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"bench: the worker for {self.framework} ended with status {self.process.wait()}; "
                "is the package installed?"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def peaks(dtypes: Sequence[str], seconds: float = 0.25) -> dict[str, float]:
    """The machine's measured limits: GFLOP/s of FMA per dtype, GB/s of read, copy and update."""
    found = {name: _core.measure_peak(name, seconds) for name in ("read", "copy", "update")}
    for dtype in dtypes:
        found[dtype] = _core.measure_peak("fma64" if dtype == "float64" else "fma32", seconds)
    return found


def run(
    cases: Sequence[Case],
    dtypes: Sequence[str],
    frameworks: Sequence[str],
    *,
    samples: int = 9,
    threads: int = 0,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[list[Result], dict[str, str]]:
    """Time every case in every framework; returns the results and the frameworks' versions.

    `frameworks` are "tc", "torch", "numpy". Samples go round the frameworks in turn, so that a
    machine whose speed drifts treats them alike. Raises RuntimeError if a framework does not start.
    """
    threads = threads or _core.num_threads()
    limits = peaks(dtypes)
    workers = [_Process(f, threads) for f in frameworks]
    versions = {w.framework: w.version for w in workers}
    results = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "reference.npz")
            for dtype in dtypes:
                for case in cases:
                    if dtype not in case.dtypes:
                        continue
                    progress(f"{case.key} {dtype}")
                    results.append(_run_case(case, dtype, workers, samples, path))
                    results[-1].peak = limits[dtype] if case.flops else limits[case.traffic]
    finally:
        for w in workers:
            w.close()
    return results, versions


def _run_case(case: Case, dtype: str, workers: Sequence[_Process], samples: int, path: str) -> Result:
    result = Result(case, dtype)
    active = []
    for w in workers:
        answer = w.ask("prepare", key=case.key, dtype=dtype)
        if "failure" in answer:
            result.failures[w.framework] = answer["failure"]
        elif answer["supported"]:
            active.append(w)
            result.samples[w.framework] = []
    slow = any(w.ask("sample")["seconds"] > 1 for w in active)
    for _ in range(3 if slow else samples):
        for w in active:
            time.sleep(_SETTLE_SECONDS)
            answer = w.ask("sample")
            result.samples[w.framework].append(answer["seconds"])
    answer = workers[0].ask("reference", key=case.key, dtype=dtype, path=path)
    for w in active:
        answer = answer if "failure" in answer else w.ask("error", path=path)
        if "failure" in answer:
            result.failures[w.framework] = answer["failure"]
        else:
            result.errors[w.framework] = answer["error"]
    return result
