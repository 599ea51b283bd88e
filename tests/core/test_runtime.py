"""Thread pool, allocator, instruction set choice and random bits, by C++ programs built here.

The programs need no Python, so that they can also be built with ThreadSanitizer and
AddressSanitizer, which an ordinary interpreter cannot load.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = next(filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))), "")
SOURCES = (
    "csrc/cpu/runtime/parallel.cpp",
    "csrc/core/allocator.cpp",
    "csrc/core/pages.cpp",
    "csrc/core/machine.cpp",
    "csrc/core/isa.cpp",
)
# The flags of the extension that change arithmetic; the digest below is about them.
ARITHMETIC = ("-O3", "-fno-math-errno", "-ffp-contract=fast", "-fno-trapping-math")
BUILDS = {
    "plain": (),
    "thread": ("-fsanitize=thread",),
    "address": ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"),
}
CASES = [
    "once", "both_work", "thread_limit", "nested", "exceptions", "callers", "no_threads", "forking",
    "at_end", "blocks", "reuse", "impossible", "soak", "soak_threads", "pass_on", "machine",
]  # fmt: skip
LEFT_OUT = {
    ("address", "forking"): "the allocator of g++ 12's AddressSanitizer keeps other threads' locks in a fork's child",
    ("thread", "forking"): "ThreadSanitizer does not run threads started in the child of a fork",
    ("thread", "no_threads"): "ThreadSanitizer needs address space that the case takes away",
    ("address", "no_threads"): "AddressSanitizer needs address space that the case takes away",
    ("address", "reuse"): "under AddressSanitizer nothing is reused, so that it sees stale accesses",
}


def compile_program(folder, name, sources, flags):
    if not COMPILER:
        pytest.skip("no C++ compiler: set CXX, or install g++ or clang++")
    program = folder / name
    command = [COMPILER, "-std=c++20", "-g1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    command += ["-Icsrc", "-Itests/cpp", *flags, *sources, "-o", str(program)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0 and "-fsanitize" in " ".join(flags) and "cannot find" in done.stderr:
        pytest.skip(f"{COMPILER} has no runtime for {flags[0]}")
    assert done.returncode == 0, done.stderr
    return program


def run(program, case, **environment):
    env = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")} | environment
    done = subprocess.run([str(program), case], capture_output=True, text=True, env=env, timeout=240)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runtime")
    made = {}

    def program(build):
        if build not in made:
            sources = ("tests/cpp/test_runtime.cpp", *SOURCES)
            made[build] = compile_program(folder, build, sources, ("-O2", *BUILDS[build]))
        return made[build]

    return program


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("build", BUILDS)
def test_runtime(programs, build, case):
    if (build, case) in LEFT_OUT:
        pytest.skip(LEFT_OUT[build, case])
    environment = {}
    if case == "forking":  # what the threads of the parent held is a leak to the child's checker
        environment["ASAN_OPTIONS"] = "detect_leaks=0"
    code, out, err = run(programs(build), case, **environment)
    assert (code, err) == (0, "")
    assert out.endswith("ok\n")


@pytest.mark.parametrize("case", ["blocks", "soak", "soak_threads", "forking", "impossible"])
def test_system_allocator(programs, case):
    code, out, err = run(programs("plain"), case, TENSORCORE_ALLOCATOR="system")
    assert (code, out, err) == (0, "ok\n", "")


def test_sanitizers_see_faults(programs):
    """The builds above would find what they look for."""
    code, _, err = run(programs("address"), "over_read")
    assert code != 0
    assert "heap-buffer-overflow" in err
    code, _, err = run(programs("thread"), "race")
    assert code != 0
    assert "data race" in err


def fields(out):
    return dict(field.split("=") for field in out.splitlines()[0].split())


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({"TENSORCORE_NUM_THREADS": "3", "OMP_NUM_THREADS": "5"}, "3"),
        ({"OMP_NUM_THREADS": "5,2"}, "5"),
        ({"TENSORCORE_NUM_THREADS": "0", "OMP_NUM_THREADS": "2"}, "2"),
        ({"TENSORCORE_NUM_THREADS": "many", "OMP_NUM_THREADS": "-4"}, None),
        ({"OMP_NUM_THREADS": "3x"}, None),
        ({"OMP_NUM_THREADS": ""}, None),
        ({}, None),
    ],
)
def test_number_of_threads(programs, environment, threads):
    code, out, err = run(programs("plain"), "machine", **environment)
    assert (code, err) == (0, "")
    found = fields(out)
    assert found["threads"] == (threads or found["available"])


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs processor affinity")
def test_affinity_sets_number_of_threads(programs):
    program = programs("plain")
    one = next(iter(os.sched_getaffinity(0)))
    env = {k: v for k, v in os.environ.items() if not k.endswith("NUM_THREADS")}
    done = subprocess.run(
        [str(program), "machine"],
        capture_output=True, text=True, env=env,
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
    )  # fmt: skip
    assert fields(done.stdout)["threads"] == "1"


def test_instruction_set(programs):
    program = programs("plain")
    best = fields(run(program, "machine")[1])["isa"]
    order = ["baseline", "avx2", "avx512"]
    for isa in order:
        _, out, err = run(program, "machine", TENSORCORE_ISA=isa)
        if order.index(isa) <= order.index(best):
            assert (fields(out)["isa"], err) == (isa, "")
        else:
            assert fields(out)["isa"] == best
            why = f"this processor supports up to {best}"
            assert err == f"tensorcore: TENSORCORE_ISA={isa} ignored: {why}\n"
    _, out, err = run(program, "machine", TENSORCORE_ISA="sse9")
    assert fields(out)["isa"] == best
    assert err == "tensorcore: TENSORCORE_ISA=sse9 ignored: must be baseline, avx2 or avx512\n"


@pytest.fixture(scope="session")
def random_program(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    return compile_program(folder, "random", ("tests/cpp/test_random.cpp",), ARITHMETIC)


@pytest.mark.parametrize("case", ["known_answers", "tiles", "uniforms", "integers", "normals"])
def test_random(random_program, case):
    assert run(random_program, case) == (0, "ok\n", "")


@pytest.mark.parametrize("level", ["x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_random_bits_do_not_depend_on_instruction_set(programs, random_program, tmp_path, level):
    if os.uname().machine != "x86_64":
        pytest.skip("the levels are those of x86-64")
    isa = {"x86-64-v2": "baseline", "x86-64-v3": "avx2", "x86-64-v4": "avx512"}[level]
    _, out, _ = run(programs("plain"), "machine", TENSORCORE_ISA=isa)
    if fields(out)["isa"] != isa:
        pytest.skip(f"the processor does not run {isa}")
    flags = (*ARITHMETIC, f"-march={level}")
    program = compile_program(tmp_path, "digest", ("tests/cpp/test_random.cpp",), flags)
    assert run(program, "digest") == run(random_program, "digest")
    assert run(program, "digest")[1] == "10c99d995c8d7643\nok\n"
