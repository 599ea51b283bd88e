"""What a call costs: x + y on four elements, with and without grad, and the import. Prints microseconds and milliseconds.

python bench/overhead.py
"""

import statistics
import subprocess
import sys
import time
import timeit

import tensorcore as tc


def per_call(x: tc.Tensor, y: tc.Tensor) -> float:
    """Median microseconds of x + y over 15 rounds."""
    count = 50_000
    return statistics.median(timeit.repeat(lambda: x + y, number=count, repeat=15)) / count * 1e6


def import_time(module: str) -> float:
    """Median milliseconds of a fresh interpreter that imports `module`, less a bare one."""

    def run(code: str) -> float:
        times = []
        for _ in range(9):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times.append(time.perf_counter() - start)
        return statistics.median(times)

    return (run(f"import {module}") - run("pass")) * 1e3


def main() -> None:
    """Print the figures."""
    plain, leaf = tc.ones(4), tc.ones(4).requires_grad_()
    print(f"x + y, 4 elements                  {per_call(plain, plain):6.2f} µs")
    print(f"x + y, 4 elements, requires_grad   {per_call(leaf, plain):6.2f} µs")
    print(f"import tensorcore                  {import_time('tensorcore'):6.0f} ms")


if __name__ == "__main__":
    main()
