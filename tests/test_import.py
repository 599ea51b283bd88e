"""Importing the package is quick and leaves NumPy alone."""

import subprocess
import sys

CODE = """
import sys, time
start = time.process_time()
import tensorcore as tc
seconds = time.process_time() - start
heavy = [name for name in ("numpy", "torch", "scipy", "rich", "pytest") if name in sys.modules]
assert not heavy, f"imported with the package: {heavy}"
x = tc.asarray([[1.0, 2.0]])
repr(x + x)
assert "numpy" not in sys.modules, "NumPy imported by making and printing a tensor"
print(seconds)
"""


def test_import_time_without_numpy() -> None:
    times = []
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        times.append(float(done.stdout))
    assert min(times) < 0.1, f"import took {min(times) * 1e3:.0f} ms, the limit is 100 ms"
