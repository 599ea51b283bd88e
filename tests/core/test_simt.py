"""The device wrappers of Hopper on the executor, by C++ programs built here; and on a GPU where there is one.

Kernels of a warp or a warpgroup, one per wrapper, must give the reference's bytes in any order of threads and with
asynchronous operations done at any time they may be (``tests/cpp/golden*.cu``); broken uses must be reported
(``tests/cpp/test_simt_hopper.cpp``). ``tests/cuda/golden.json`` holds the digests of the results, the same for the
executor and for hardware.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_simd import find_compiler

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "cuda" / "golden.json"
FLAGS = [
    *("-std=c++20", "-O1", "-g1", "-Wall", "-Wextra", "-Wno-psabi", "-fno-math-errno", "-ffp-contract=fast"),
    *("-fno-trapping-math", "-pthread", f"-I{ROOT / 'csrc'}", f"-I{ROOT / 'tests' / 'cpp'}"),
]
BACKENDS = {
    "simt": ["-DTC_CUDA_BACKEND=simt"],
    "simt_check": ["-DTC_CUDA_BACKEND=simt_check", "-fsanitize=thread"],
}
EXECUTOR = [
    *sorted((ROOT / "csrc/cuda/simt").glob("*.cpp")),
    *(ROOT / "csrc" / name for name in ("cuda/tensor_map.cpp", "cpu/runtime/parallel.cpp")),
    *(ROOT / "csrc/core" / name for name in ("machine.cpp", "pages.cpp", "allocator.cpp")),
]
KERNELS = sorted((ROOT / "tests/cpp").glob("golden*.cu"))
CASES = ["barriers", "loads", "stores", "maps", "products", "registers", "warps", "clusters"]

Program = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Build ``golden`` or ``faults`` for a backend; each object once."""
    compiler = find_compiler()
    if compiler is None:
        pytest.skip("no C++ compiler found (CXX, g++, c++, clang++)")
    folder = tmp_path_factory.mktemp("simt")

    def compiled(job: tuple[Path, str]) -> str:
        source, backend = job
        target = folder / f"{source.stem}.{source.suffix[1:]}.{backend}.o"
        if not target.exists():
            command = [compiler, *FLAGS, *BACKENDS.get(backend, []), "-x", "c++", "-c", str(source), "-o", str(target)]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            assert built.returncode == 0, built.stderr
            assert "warning" not in built.stderr, built.stderr
        return str(target)

    def build(name: str, backend: str) -> Path:
        target = folder / f"{name}.{backend}"
        if not target.exists():
            sources = KERNELS if name == "golden" else [ROOT / "tests/cpp/test_simt_hopper.cpp"]
            # The executor's objects first: what the linker finds twice must not be the instrumented copy.
            jobs = [*((source, "plain") for source in EXECUTOR), *((source, backend) for source in sources)]
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = list(pool.map(compiled, jobs))
            subprocess.run([compiler, "-pthread", *objects, "-ldl", "-o", str(target)], check=True)
        return target

    return build


def run(*command: object) -> str:
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def digests(out: str) -> dict[str, str]:
    return dict(line.split() for line in out.splitlines())


@pytest.mark.parametrize("timing", ["eager", "late", "random"])
@pytest.mark.parametrize("order", ["forward", "reverse", "random"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_golden(program: Program, backend: str, order: str, timing: str) -> None:
    out = run(program("golden", backend), f"--order={order}", f"--async={timing}", "--seed=1", "all")
    assert digests(out) == json.loads(GOLDEN.read_text())


@pytest.mark.parametrize("backend", BACKENDS)
def test_golden_seeds(program: Program, backend: str) -> None:
    golden = program("golden", backend)
    wanted = json.loads(GOLDEN.read_text())
    for seed in range(2, 12):
        out = run(golden, "--order=random", "--async=random", f"--seed={seed}", "all")
        assert digests(out) == wanted, seed


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_faults(program: Program, backend: str, case: str) -> None:
    assert run(program("faults", backend), case) == "ok\n"


def test_golden_on_hopper(tmp_path: Path) -> None:
    nvcc, smi = shutil.which("nvcc"), shutil.which("nvidia-smi")
    if nvcc is None or smi is None:
        pytest.skip("no nvcc, or no NVIDIA driver")
    query = [smi, "--query-gpu=compute_cap", "--format=csv,noheader"]
    asked = subprocess.run(query, capture_output=True, text=True, check=False)
    if asked.stdout.split()[:1] != ["9.0"]:
        pytest.skip("the first GPU is not a Hopper one")
    flags = ["-std=c++20", "-O3", "-DTC_CUDA_BACKEND=gpu", f"-I{ROOT / 'csrc'}", "--expt-relaxed-constexpr"]
    flags += ["--extended-lambda", "-gencode=arch=compute_90a,code=sm_90a", "--threads=0"]
    sources = [*KERNELS, ROOT / "csrc/cuda/tensor_map.cpp"]
    run(nvcc, *flags, *sources, "-o", tmp_path / "golden")
    assert digests(run(tmp_path / "golden", "all")) == json.loads(GOLDEN.read_text())
