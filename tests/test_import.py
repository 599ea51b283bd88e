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


LAYERS = """
import sys
import tensorcore as tc
from tensorcore import nn
assert "tensorcore.nn.module" not in sys.modules, "layers are read before they are asked for"
net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.LayerNorm(3))
nn.MSELoss()(net(tc.ones((2, 4))), tc.ones((2, 3))).backward()
repr(net)
heavy = [name for name in ("numpy", "torch", "scipy", "rich") if name in sys.modules]
assert not heavy, f"imported by building and differentiating a network: {heavy}"
assert "Linear" in dir(nn) and "interpolate" in dir(nn.functional) and "summary" in dir(tc)
for missing in (nn, nn.functional, tc):
    assert not hasattr(missing, "no_such_name")
from tensorcore.nn import *
assert Conv2d is nn.Conv2d and functional is nn.functional
"""


def test_layers_are_read_when_asked_for_and_need_no_numpy() -> None:
    done = subprocess.run([sys.executable, "-c", LAYERS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
