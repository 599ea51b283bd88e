"""The GPU's sin, cos and tan: by the C++ test tests/cpp/test_trig.cpp, and huge arguments on the device itself."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from test_simd import ROOT, find_compiler

import tensorcore as tc


def test_units_in_the_last_place(tmp_path: Path) -> None:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler found (CXX, g++, c++, clang++)")
    program = tmp_path / "test_trig"
    command = [
        *(compiler, "-std=c++20", "-O2", "-Wall", "-Wextra", "-ffp-contract=off", f"-I{ROOT / 'csrc'}"),
        *(str(ROOT / "tests" / "cpp" / "test_trig.cpp"), "-o", str(program)),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "warning" not in built.stderr, built.stderr
    ran = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_arguments_on_cuda(name: str, dtype: str, rng: np.random.Generator) -> None:
    largest = 38 if dtype == "float32" else 308
    x = (rng.choice([-1, 1], 4000) * 10 ** rng.uniform(-largest, largest, 4000)).astype(dtype)
    x[:4] = [0.0, -0.0, np.inf, np.nan]
    y = np.asarray(getattr(tc, name)(tc.asarray(x).to("cuda")).to("cpu"))
    with np.errstate(invalid="ignore"):
        expected = getattr(np, name)(x.astype(np.longdouble))  # of the number that x is
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    np.testing.assert_array_equal(np.signbit(y[:2]), [False, name != "cos"])
    usual = np.isfinite(expected)
    error = np.abs(y[usual] - expected[usual]) / np.spacing(np.abs(expected[usual]).astype(dtype))
    assert float(error.max()) <= 2
