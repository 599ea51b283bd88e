"""The CPU matrix product, by the C++ test tests/cpp/test_gemm.cpp, once per instruction set."""

import platform
import subprocess
from pathlib import Path

import pytest
from test_simd import TARGETS, cpu_flags, find_compiler

ROOT = Path(__file__).resolve().parents[2]
# As the library is built, but for the optimisation of the test itself.
FLAGS = [
    *("-std=c++20", "-Wall", "-Wextra", "-Wno-psabi", "-fno-math-errno", "-ffp-contract=fast"),
    *("-fno-trapping-math", "-pthread", f"-I{ROOT / 'csrc'}"),
]


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_gemm(isa: str, tmp_path: Path) -> None:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler found (CXX, g++, c++, clang++)")
    flags, needed = TARGETS[isa]
    if platform.machine() not in ("x86_64", "AMD64"):
        flags, needed = [], set()
        if isa != "baseline":
            pytest.skip(f"{isa}: for x86-64 processors, this is {platform.machine()}")
    if missing := needed - cpu_flags():
        pytest.skip(f"{isa}: this processor lacks {', '.join(sorted(missing))}")
    if isa == "avx512":
        flags = [*flags, "-mprefer-vector-width=512"]
    objects = []
    for source, level in (("csrc/cpu/gemm.cpp", "-O3"), ("tests/cpp/test_gemm.cpp", "-O1")):
        target = tmp_path / (Path(source).stem + ".o")
        command = [compiler, *FLAGS, *flags, level, f"-DTC_ISA={isa}", "-c", str(ROOT / source)]
        built = subprocess.run([*command, "-o", str(target)], capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stderr
        assert "warning" not in built.stderr, built.stderr
        objects.append(str(target))
    program = str(tmp_path / "gemm")
    subprocess.run([compiler, "-pthread", *objects, "-o", program], check=True)
    ran = subprocess.run([program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
