"""The vector type and the vector math functions, by the C++ test tests/cpp/test_simd.cpp."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    *("-std=c++20", "-O2", "-Wall", "-Wextra", "-Wno-psabi", "-fno-math-errno"),
    *("-ffp-contract=fast", "-fno-trapping-math", f"-I{ROOT / 'csrc'}"),
]
# Instruction set, its compiler flags, and what the processor must offer to run it.
TARGETS = {
    "generic": (["-DTC_SIMD_GENERIC"], set()),
    "baseline": (["-march=x86-64-v2"], {"sse4_1", "sse4_2", "popcnt"}),
    "avx2": (["-march=x86-64-v3"], {"avx2", "fma", "f16c", "bmi2"}),
    "avx512": (["-march=x86-64-v4"], {"avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512cd"}),
}


def find_compiler() -> str | None:
    for name in (os.environ.get("CXX", ""), "g++", "c++", "clang++", "clang++-14"):
        if name and (path := shutil.which(name)):
            return path
    return None


def cpu_flags() -> set[str]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    line = next((line for line in text.splitlines() if line.startswith("flags")), "")
    return set(line.partition(":")[2].split())


@pytest.mark.parametrize("isa", TARGETS)
def test_simd(isa: str, tmp_path: Path) -> None:
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler found (CXX, g++, c++, clang++)")
    flags, needed = TARGETS[isa]
    if needed and platform.machine() not in ("x86_64", "AMD64"):
        pytest.skip(f"{isa}: for x86-64 processors, this is {platform.machine()}")
    if missing := needed - cpu_flags():
        pytest.skip(f"{isa}: this processor lacks {', '.join(sorted(missing))}")
    program = tmp_path / "test_simd"
    source = str(ROOT / "tests" / "cpp" / "test_simd.cpp")
    command = [compiler, *FLAGS, *flags, f"-DTC_ISA=test_{isa}", source, "-o", str(program)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "warning" not in built.stderr, built.stderr
    ran = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
