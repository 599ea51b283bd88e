"""One framework in a process of its own: makes inputs, takes samples when told, reports its error.

Speaks JSON lines on standard input and output. Pools of several frameworks in one process disturb
each other, so the runner starts one worker per framework and asks them in turn.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from .case import Case, Inputs
from .cases import all_cases

_SAMPLE_SECONDS = 0.02  # a sample repeats short calls until it lasts about this long


def draw(case: Case, dtype: str) -> Inputs:
    """The case's inputs as NumPy arrays: the same in every worker."""
    import numpy as np

    rng = np.random.default_rng(0)
    arrays: Inputs = {}
    for name, shape in case.shapes.items():
        arrays[name] = (rng.random(shape, dtype=np.float32) * 2 - 1).astype(dtype)
    for name, (shape, bound) in case.integers.items():
        arrays[name] = rng.integers(0, bound, shape)
    return arrays


def _to_numpy(value: Any) -> Any:
    import numpy as np

    if isinstance(value, (list, tuple)):
        return [_to_numpy(v) for v in value]
    if hasattr(value, "detach"):
        value = value.detach()
    return np.asarray(value, dtype=np.float64)


class Worker:
    """Holds one prepared case at a time."""

    def __init__(self, framework: str, threads: int):
        self.framework = framework
        if framework == "tc":
            import tensorcore as lib

            lib.set_num_threads(threads)
        else:
            lib = importlib.import_module(framework)
            if framework == "torch":
                lib.set_num_threads(threads)
        self.lib: Any = lib
        self.cases = {case.key: case for case in all_cases()}
        self.call: Callable[[], Any] | None = None
        self.repeats = 1

    def prepare(self, key: str, dtype: str) -> dict[str, Any]:
        """Make inputs, call until warm, and choose how often a sample repeats the call."""
        case = self.cases[key]
        builder = case.build.get(self.framework)
        if builder is None:
            self.call = None
            return {"supported": False}
        arrays = draw(case, dtype)
        inputs: Inputs = {}
        for name, array in arrays.items():
            if self.framework == "torch":
                x = self.lib.from_numpy(array)
            elif self.framework == "tc":
                x = self.lib.asarray(array)
            else:
                x = array
            if name in case.grads:
                x.requires_grad_(True)
            inputs[name] = x
        self.call = builder(self.lib, inputs)
        start = time.perf_counter()
        self.call()
        self.call()
        once = (time.perf_counter() - start) / 2
        self.repeats = max(1, min(10000, round(_SAMPLE_SECONDS / max(once, 1e-7))))
        if self.repeats > 1:
            once = self.sample()["seconds"]
            self.repeats = max(1, min(100000, round(_SAMPLE_SECONDS / max(once, 1e-7))))
        return {"supported": True}

    def sample(self) -> dict[str, Any]:
        """Seconds per call, averaged over the repeats of one sample."""
        call, repeats = self.call, self.repeats
        assert call is not None
        call()  # wakes the framework's own threads
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        return {"seconds": (time.perf_counter() - start) / repeats}

    def error(self, path: str) -> dict[str, Any]:
        """Largest |result - reference| / max |reference| of a call made after the timing.

        A call whose results depend on the calls before it has a method `check` to use instead.
        """
        import numpy as np

        assert self.call is not None
        got = _to_numpy(getattr(self.call, "check", self.call)())
        got = got if isinstance(got, list) else [got]
        worst = 0.0
        with np.load(path) as stored:
            for i, value in enumerate(got):
                expected = stored[f"arr_{i}"]
                if value.shape != expected.shape:
                    return {"error": float("inf")}
                size = max(float(np.abs(expected).max(initial=0)), 1e-30)
                difference = float(np.abs(value - expected).max(initial=0))
                worst = max(worst, difference / size if difference == difference else float("inf"))
        return {"error": worst}

    def reference(self, key: str, dtype: str, path: str) -> dict[str, Any]:
        """Compute the case's NumPy results in float64 and store them at `path`."""
        import numpy as np

        case = self.cases[key]
        arrays = draw(case, dtype)
        doubles = {n: a if n in case.integers else a.astype(np.float64) for n, a in arrays.items()}
        results = case.reference(doubles)
        np.savez(path, *(results if isinstance(results, list) else [results]))
        return {}


def main() -> None:
    """Answer requests until standard input ends."""
    worker = Worker(sys.argv[1], int(sys.argv[2]))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # a library that prints must not disturb the protocol
    version = getattr(worker.lib, "__version__", "")
    answers.write(json.dumps({"ready": True, "version": str(version)}) + "\n")
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("action")
        try:
            answer = getattr(worker, action)(**request)
        except Exception as error:  # told to the runner, which reports it for this case
            answer = {"failure": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
