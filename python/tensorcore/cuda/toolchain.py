"""Compilers: found, run, and their results kept, in the user's cache directory and in the process."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import _core

_lock = threading.Lock()


def include_directory() -> Path:
    """The package's headers: `tensorcore/include` where it is installed, `csrc` in a source tree."""
    package = Path(__file__).parent.parent
    for folder in (package / "include", package.parent.parent / "csrc"):
        if (folder / "cuda" / "simt" / "user.h").is_file():
            return folder
    raise RuntimeError(f"compile: the package's headers are missing; looked in {package / 'include'}")


@functools.cache
def _headers_digest() -> str:
    digest = hashlib.sha256()
    root = include_directory()
    for folder in ("core", "cuda/device", "cuda/simt", "cuda/runtime"):
        for path in sorted((root / folder).rglob("*.h")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def cache_directory() -> Path:
    """Of compiled kernels: `$TENSORCORE_CACHE`, else `tensorcore` in the user's cache directory, else temporary."""
    chosen = os.environ.get("TENSORCORE_CACHE")
    if chosen:
        path = Path(chosen)
    else:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
        path = Path(home) / "tensorcore"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        if path.stat().st_uid == os.getuid() and os.access(path, os.W_OK):
            return path
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="tensorcore-"))  # shared libraries are not loaded from where others can write


def host_compiler() -> list[str]:
    """The C++ compiler as a command: `$CXX`, else g++, c++ or clang++ on PATH; RuntimeError if there is none."""
    chosen = os.environ.get("CXX", "").strip()
    if chosen:
        command = shlex.split(chosen)
        if shutil.which(command[0]):
            return command
        raise RuntimeError(f"compile: the C++ compiler that CXX names was not found: {chosen!r}")
    for name in ("g++", "c++", "clang++"):
        if found := shutil.which(name):
            return [found]
    raise RuntimeError(
        "compile: the executor needs a C++20 compiler (g++ 11 or clang++ 16 or later), and neither g++, c++ nor"
        " clang++ is on PATH; install one, or name one in CXX"
    )


def find_nvcc() -> str | None:
    """Where nvcc is: `$CUDACXX`, PATH, CUDA_HOME, /usr/local/cuda, or PyPI's packages."""
    folders = [Path(os.environ[name]) / "bin" for name in ("CUDA_HOME", "CUDA_PATH") if name in os.environ]
    folders.append(Path("/usr/local/cuda/bin"))
    folders += sorted(Path(sysconfig.get_path("purelib")).glob("nvidia/cu1*/bin"), reverse=True)
    candidates = [os.environ.get("CUDACXX", ""), "nvcc", *(str(folder / "nvcc") for folder in folders)]
    return next((found for name in candidates if name and (found := shutil.which(name))), None)


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return done.stdout


def is_clang(command: Sequence[str]) -> bool:
    """Whether a compiler calls itself clang."""
    return "clang" in _version(tuple(command))


def run_compiler(command: Sequence[str], folder: Path, what: str) -> None:
    """Run a compiler in a folder; RuntimeError with its words if it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RuntimeError(f"compile: {command[0]} could not be started: {error}") from None
    if done.returncode != 0:
        text = (done.stderr + done.stdout).strip()
        if len(text) > 8000:
            text = text[:8000] + "\n…"
        raise RuntimeError(f"compile: {what}: {Path(command[0]).name} says\n{text}")


def cached(suffix: str, keys: Sequence[str], compiler: Sequence[str], make: Callable[[Path, Path], None]) -> Path:
    """The file that `make(folder, file)` writes, made once for the same keys, compiler and version of this package."""
    digest = hashlib.sha256()
    for key in (
        _core.__version__,
        _core.__file__ or "",
        _headers_digest(),
        *compiler,
        _version(tuple(compiler)),
        *keys,
    ):
        digest.update(f"{len(key)}:{key}".encode())
    path = cache_directory() / f"{digest.hexdigest()[:40]}{suffix}"
    with _lock:
        if path.is_file():
            return path
        with tempfile.TemporaryDirectory(prefix="build-", dir=cache_directory()) as name:
            folder = Path(name)
            made = folder / f"made{suffix}"
            make(folder, made)
            made.replace(path)
    return path


def build_for_executor(
    source: str, generated: str, file: str, options: Sequence[str], checked: bool, what: str
) -> Path:
    """A shared library out of a rewritten source; `file` is the name reports and errors give to it."""
    compiler = host_compiler()
    flags = ["-std=c++20", "-fPIC", "-fvisibility=hidden", "-Wno-psabi", "-Wno-unknown-pragmas"]
    flags += ["-fno-math-errno", "-ffp-contract=fast", f"-I{include_directory()}"]
    flags.append(f"-I{include_directory() / 'cuda' / 'simt' / 'include'}")
    if not _core.cuda_built():
        flags.append("-DTENSORCORE_TLS_FIXED=1")  # as the module was compiled: csrc/core/tls.h
    if checked:
        # Every access is announced to the executor; ThreadSanitizer itself is not linked.
        flags += ["-O1", "-g1", "-fsanitize=thread", "-DTC_CUDA_BACKEND=simt_check"]
        if is_clang(compiler):
            flags += ["-mllvm", "-tsan-distinguish-volatile=1"]
        else:  # a float4 stays one access, whose alignment can be checked
            flags += ["--param=tsan-distinguish-volatile=1", "--param=tsan-instrument-func-entry-exit=0"]
            flags.append("-fno-tree-sra")
    else:
        flags += ["-O2", "-g1", "-DTC_CUDA_BACKEND=simt"]
    flags += [o for o in options if o.startswith(("-D", "-U", "-I", "-O", "-f", "-W", "-g", "-m", "-i"))]

    def make(folder: Path, made: Path) -> None:
        # The compiler shows lines of the source as they are; it reads what was generated from it.
        if os.path.basename(file) == file:
            (folder / file).write_text(source)
        (folder / "generated.cpp").write_text(generated)
        run_compiler([*compiler, *flags, "-c", "generated.cpp", "-o", "made.o"], folder, what)
        # The executor's calls are found in the module that is loaded already.
        run_compiler([*compiler, "-shared", "made.o", str(_core.__file__), "-o", str(made)], folder, what)

    return cached(".so", [generated, *flags], compiler, make)
