#!/usr/bin/env python3
"""Compiles every CUDA kernel for every target and holds it to ptxas' report. Needs nvcc, no GPU.

Fails where a kernel spills registers, has a stack frame, or draws a warning (serialised wgmma among them). --check also
compares registers, shared memory and barriers with bench/ptxas.txt, --update writes that table. Reports are kept in
build/ptxas-cache by the preprocessed source and the flags, so that unchanged files are not compiled again.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "bench" / "ptxas.txt"
CACHE = ROOT / "build" / "ptxas-cache"
TARGETS = {"sm_80": "compute_80", "sm_90a": "compute_90a"}
# The kernels' flags in csrc/cuda/CMakeLists.txt, and those that make ptxas talk.
FLAGS = [
    *("-std=c++20", "-O3", "-DNDEBUG", "-DTC_CUDA_BACKEND=gpu", "-Icsrc"),
    *("--expt-relaxed-constexpr", "--extended-lambda"),
]
REPORT = ["-Xptxas", "-v,-warn-spills,-warn-lmem-usage"]


class PtxasError(Exception):
    """The kernels could not be compiled or inspected at all."""


def find_nvcc() -> str:
    """nvcc of CUDACXX, PATH, CUDA_HOME, CUDA_PATH, the conda environment, /usr/local/cuda or PyPI's package."""
    if named := os.environ.get("CUDACXX"):
        if found := shutil.which(named):
            return found
        raise PtxasError(f"CUDACXX is '{named}', which cannot be run")
    folders = [os.environ[v] + "/bin" for v in ("CUDA_HOME", "CUDA_PATH", "CONDA_PREFIX") if os.environ.get(v)]
    packages = [p for entry in sys.path if entry for p in Path(entry).glob("nvidia/cu1*/bin")]
    for place in (None, *folders, "/usr/local/cuda/bin", *map(str, packages)):
        if found := shutil.which("nvcc", path=place):
            return found
    raise PtxasError(
        "nvcc was not found on PATH, in CUDA_HOME, CUDA_PATH, the conda environment, /usr/local/cuda or PyPI's nvidia "
        "packages (scripts/setup_cuda.sh installs those); the kernels' report needs it"
    )


def run(command: Sequence[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository, catching what it prints."""
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)


# ---- compiling ---------------------------------------------------------------------------------------------------


@dataclass
class Report:
    """What one compilation of one file for one target printed."""

    file: str
    target: str
    text: str
    failed: bool
    seconds: float  # of the compiler, when it ran
    cached: bool


def compile_file(nvcc: str, version: str, file: Path, target: str, use_cache: bool) -> Report:
    """Compile a file for a target, or take the report kept from the last time."""
    name = str(file.relative_to(ROOT))
    flags = [*FLAGS, f"-gencode=arch={TARGETS[target]},code={target}"]
    preprocessed = run([nvcc, *flags, "-E", "-Xcompiler", "-P", name])
    if preprocessed.returncode != 0:
        return Report(name, target, preprocessed.stderr, True, 0.0, False)
    key = hashlib.sha256("\n".join([version, *flags, *REPORT, preprocessed.stdout]).encode()).hexdigest()
    kept = CACHE / f"{file.stem}-{target}-{key[:24]}.json"
    if use_cache and kept.exists():
        stored = json.loads(kept.read_text(encoding="utf-8"))
        return Report(name, target, stored["text"], False, stored["seconds"], True)
    CACHE.mkdir(parents=True, exist_ok=True)
    for old in CACHE.glob(f"{file.stem}-{target}-*.json"):
        old.unlink(missing_ok=True)
    start = time.perf_counter()
    built = run([nvcc, *flags, *REPORT, "-cubin", "-o", os.devnull, name])
    report = Report(
        name, target, built.stdout + built.stderr, built.returncode != 0, time.perf_counter() - start, False
    )
    if not report.failed:
        kept.write_text(json.dumps({"text": report.text, "seconds": report.seconds}), encoding="utf-8")
    return report


# ---- reading the report ------------------------------------------------------------------------------------------


@dataclass
class Use:
    """What one kernel takes on one target."""

    registers: int = 0
    shared: int = 0  # bytes of static shared memory
    barriers: int = 0
    stack: int = 0  # bytes
    spills: int = 0  # bytes stored and loaded


@dataclass
class Findings:
    """Kernels of all files by (file, short name), and what is wrong with them."""

    kernels: dict[tuple[str, str], dict[str, Use]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


def demangle(names: Sequence[str]) -> dict[str, str]:
    """Short names, template arguments included: elementwise<Exp, float, 1, 4>."""
    tool = shutil.which("cu++filt") or shutil.which("c++filt") or shutil.which("llvm-cxxfilt")
    if tool is None:
        raise PtxasError("neither cu++filt nor c++filt (binutils) was found; the kernels' names need one")
    if not names:
        return {}
    lines = run([tool], "\n".join(names) + "\n").stdout.splitlines()
    return dict(zip(names, map(shorten, lines), strict=True))


def shorten(text: str) -> str:
    """A demangled function without return type, namespaces and parameters."""
    text = text.replace("(anonymous namespace)::", "")
    depth = 0
    start, end = 0, len(text)
    for i, c in enumerate(text):  # the parameters begin at the first ( outside <>, the name after the last space before
        if c == "<":
            depth += 1
        elif c == ">":
            depth -= 1
        elif depth == 0 and c == " ":
            start = i + 1
        elif depth == 0 and c == "(":
            end = i
            break
    return re.sub(r"\b(?:\w+::)+", "", text[start:end])


_FUNCTION = re.compile(r"Function properties for '?([\w.$]+)'?")
_ENTRY = re.compile(r"Compiling entry function '([\w.$]+)'")
_STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers")
_WARNING = re.compile(r"\bwarning\b|serializ", re.IGNORECASE)  # wgmma's serialisation is but an "info" line
_TOLD = re.compile(r"Local memory used|spill", re.IGNORECASE)  # of stack and spills, whose bytes another line has


def read_report(report: Report, findings: Findings) -> None:
    """Add the kernels and faults of one compilation."""
    where = f"{report.file} {report.target}"
    if report.failed:
        findings.faults.append(f"{where}: does not compile\n{report.text.strip()[-4000:]}")
        return
    names = demangle(sorted({*_FUNCTION.findall(report.text), *_ENTRY.findall(report.text)}))
    seen: dict[str, int] = {}
    entry: Use | None = None
    function = ""
    for line in report.text.splitlines():
        if match := _ENTRY.search(line):
            short = names[match[1]]
            seen[short] = seen.get(short, 0) + 1
            short = short if seen[short] == 1 else f"{short} #{seen[short]}"
            entry = findings.kernels.setdefault((report.file, short), {}).setdefault(report.target, Use())
        elif match := _FUNCTION.search(line):
            function = names[match[1]]
        elif match := _STACK.search(line):
            stack, spills = int(match[1]), int(match[2]) + int(match[3])
            if stack or spills:
                findings.faults.append(f"{where}: {function}: {stack} bytes of stack, {spills} bytes of spills")
            if entry is not None:
                entry.stack, entry.spills = max(entry.stack, stack), entry.spills + spills
        elif match := _USED.search(line):
            if entry is None:
                raise PtxasError(f"{where}: a line of ptxas' report has no kernel: {line}")
            entry.registers = int(match[1])
            entry.shared = _number(r"(\d+) bytes smem", line)
            entry.barriers = _number(r"used (\d+) barriers", line)
        elif _WARNING.search(line) and not _TOLD.search(line):
            findings.faults.append(f"{where}: {_readable(line, names)}")


def _number(pattern: str, line: str) -> int:
    match = re.search(pattern, line)
    return int(match[1]) if match else 0


def _readable(line: str, names: dict[str, str]) -> str:
    for mangled in sorted(names, key=len, reverse=True):
        line = line.replace(mangled, names[mangled])
    return line.strip()


# ---- the table ---------------------------------------------------------------------------------------------------


def table_lines(findings: Findings, version: str) -> Iterator[str]:
    """The checked-in table, sorted."""
    yield "# What ptxas says of every kernel: written by `python scripts/ptxas.py --update`, held by --check."
    yield f"# nvcc {version}; registers per thread on {' and '.join(TARGETS)}, bytes of static shared memory, barriers."
    rows = [("file", "kernel", *TARGETS, "shared", "barriers")]
    for (file, kernel), uses in sorted(findings.kernels.items()):
        have = [uses.get(t) for t in TARGETS]
        registers = [str(u.registers) if u else "-" for u in have]
        shared = sorted({u.shared for u in have if u})
        barriers = sorted({u.barriers for u in have if u})
        rows.append((Path(file).name, kernel, *registers, "/".join(map(str, shared)), "/".join(map(str, barriers))))
    for row in rows:
        yield "\t".join(row)


def version_in(lines: Sequence[str]) -> str:
    """The nvcc version that a table names."""
    return next((m[1] for line in lines if (m := re.match(r"# nvcc ([\d.]+)", line))), "")


def check_table(new: Sequence[str], version: str, console: Console) -> bool:
    """Compare with the checked-in table; prints a diff and how to accept it."""
    if not TABLE.exists():
        console.print(
            f"[red]{TABLE.relative_to(ROOT)} is missing[/red]: write it with python scripts/ptxas.py --update"
        )
        return False
    old = TABLE.read_text(encoding="utf-8").splitlines()
    if version_in(old) != version:  # another compiler allocates other registers: only the gates can be held
        console.print(f"nvcc is {version}, the table is of {version_in(old)}: registers are not compared")
        return True
    if old == list(new):
        return True
    for line in difflib.unified_diff(old, list(new), "bench/ptxas.txt", "this build", lineterm="", n=0):
        console.print(escape(line), highlight=False, soft_wrap=True)
    console.print("[red]bench/ptxas.txt differs[/red]: if that is meant, python scripts/ptxas.py --update")
    return False


# ---- the command -------------------------------------------------------------------------------------------------


def summary(reports: Sequence[Report], findings: Findings) -> Table:
    """Per file: kernels, registers, seconds of the compiler."""
    out = Table(title="CUDA kernels by ptxas", title_justify="left")
    for name in ("file", "kernels", "most registers", "seconds", "from the cache"):
        out.add_column(name, justify="left" if name == "file" else "right")
    for file in sorted({r.file for r in reports}):
        mine = [r for r in reports if r.file == file]
        uses = [u for (f, _), by_target in findings.kernels.items() if f == file for u in by_target.values()]
        kernels = sum(f == file for f, _ in findings.kernels)
        seconds = " + ".join(f"{r.seconds:.1f}" for r in mine)
        cached = "yes" if all(r.cached for r in mine) else "partly" if any(r.cached for r in mine) else ""
        out.add_row(file, str(kernels), str(max((u.registers for u in uses), default=0)), seconds, cached)
    return out


def main() -> int:
    """Compile, gate, and compare or write the table. Exit status: 0 good, 1 a gate failed, 2 could not be run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="exit status: " + main.__doc__
    )
    parser.add_argument("files", nargs="*", type=Path, help="kernel files (default: csrc/cuda/*.cu)")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="fail where the report differs from bench/ptxas.txt")
    mode.add_argument("--update", action="store_true", help="write bench/ptxas.txt")
    parser.add_argument("--jobs", type=int, default=2, help="compilers at a time (default 2)")
    parser.add_argument("--no-cache", action="store_true", help="compile everything anew")
    args = parser.parse_args()
    if args.files and (args.check or args.update):
        parser.error("--check and --update are about all files")
    console = Console(width=None if sys.stdout.isatty() else 120)
    start = time.perf_counter()
    try:
        nvcc = find_nvcc()
        told = run([nvcc, "--version"])
        match = re.search(r"V(\d+\.\d+\.\d+)", told.stdout)
        if match is None:
            raise PtxasError(f"{nvcc} --version says no version: {(told.stdout + told.stderr).strip()}")
        version = match[1]
        files = [f.resolve() for f in args.files] or sorted((ROOT / "csrc" / "cuda").glob("*.cu"))
        jobs = [(f, t) for f in sorted(files, key=lambda f: -f.stat().st_size) for t in TARGETS]
        with ThreadPoolExecutor(args.jobs) as pool:
            reports = list(pool.map(lambda job: compile_file(nvcc, version, *job, not args.no_cache), jobs))
        findings = Findings()
        for report in sorted(reports, key=lambda r: (r.file, r.target)):
            read_report(report, findings)
    except (PtxasError, OSError) as problem:
        console.print(f"[red]ptxas.py:[/red] {escape(str(problem))}", soft_wrap=True)
        return 2
    console.print(summary(reports, findings))
    for fault in findings.faults:
        console.print("[red]fault:[/red] " + escape(fault), highlight=False, soft_wrap=True)
    good = not findings.faults
    lines = list(table_lines(findings, version))
    if args.update and good:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
        console.print(f"wrote {TABLE.relative_to(ROOT)}")
    elif args.check and good:
        good = check_table(lines, version, console)
    compiled = sum(not r.cached for r in reports)
    console.print(
        f"{len(findings.kernels)} kernels in {len(files)} files: {len(findings.faults)} faults; {compiled} of "
        f"{len(reports)} compilations run, {time.perf_counter() - start:.1f} s"
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
