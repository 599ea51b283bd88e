"""Kernels of one's own: CUDA C++ compiled while the program runs, called with tensors."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import _core
from . import driver_api, toolchain
from .arguments import Packer, slot_of, template_arguments
from .source import Declared, Source, read
from .tokens import split, tokenize

_libraries: dict[str, Any] = {}  # by path


def _extents(kernel: str, what: str, value: Any) -> tuple[int, int, int]:
    parts = (value,) if isinstance(value, int) else tuple(value) if isinstance(value, (tuple, list)) else None
    if parts is None or not 1 <= len(parts) <= 3 or not all(isinstance(p, int) for p in parts):
        raise TypeError(f"kernel {kernel!r}: {what} must be an int or one to three of them, got {value!r}")
    if not all(0 < p < 2**31 for p in parts):
        raise ValueError(f"kernel {kernel!r}: {what} must be positive, got {value!r}")
    return (*parts, 1, 1)[:3]


class Kernel:
    """A compiled kernel, made by `compile`: `kernel(grid, block, *arguments)` launches it on the current stream.

    Pointers take tensors of the current CUDA device with the pointer's element type, or None for a null
    pointer; numbers take Python numbers, checked for range. A tensor's strides are for the kernel to know:
    it gets the address of the first element. A tensor given to a pointer that is not const counts as
    changed in place; a read-only or broadcast one is refused.
    """

    def __init__(self, name: str, declared: Declared, packer: Packer, file: str, launcher: Any) -> None:
        self.name, self.file, self.line = name, file, declared.line
        self._packer, self._launch = packer, launcher
        self.__name__ = name
        parameters = ", ".join(slot.text for slot in packer.slots)
        self.signature = f"{name}({parameters})"
        self.__doc__ = f"{self.signature}\n\n{declared.comment}" if declared.comment else self.signature

    def __repr__(self) -> str:
        return f"<CUDA kernel {self.signature} of {self.file}:{self.line}>"

    def __call__(
        self,
        grid: int | Sequence[int],
        block: int | Sequence[int],
        *arguments: Any,
        shared: int = 0,
        cluster: int | Sequence[int] = 1,
        cooperative: bool = False,
    ) -> None:
        """Launch `grid` blocks of `block` threads, each an int or up to three (x, y, z).

        `shared`: bytes of dynamic shared memory per block. `cluster`: blocks per cluster. `cooperative`:
        all blocks run at the same time and may wait for each other. TypeError or OverflowError when an
        argument does not fit its parameter; RuntimeError when the launch fails, with the executor's report
        of any fault it found.
        """
        shape = (
            *_extents(self.name, "grid", grid),
            *_extents(self.name, "block", block),
            *_extents(self.name, "cluster", cluster),
        )
        if not isinstance(shared, int) or shared < 0:
            raise ValueError(f"kernel {self.name!r}: shared must be a number of bytes, got {shared!r}")
        buffer = self._packer.pack(arguments, _core.cuda_current_device())
        self._launch(shape, shared, bool(cooperative), buffer)


def _choose(parsed: Source, name: str) -> tuple[Declared, list[str]]:
    """The kernel `name` of a source, and its template arguments as text."""
    if not isinstance(name, str):
        raise TypeError(f"compile: name must be a str, got {type(name).__name__}")
    base, _, arguments = name.replace(" ", "").partition("<")
    found = [k for k in parsed.kernels if base in (k.name, k.qualified)]
    if not found:
        names = ", ".join(k.qualified for k in parsed.kernels) or "none"
        raise ValueError(f"compile: the source has no kernel {name!r}; its kernels: {names}")
    if len(found) > 1:
        lines = ", ".join(str(k.line) for k in found)
        raise ValueError(f"compile: the source has {len(found)} kernels {name!r}, on lines {lines}; give them names")
    if arguments and found[0].template is None:
        raise ValueError(f"compile: kernel {base!r} is not a template, got {name!r}")
    inside = name.partition("<")[2].rstrip()
    return found[0], [inside[:-1]] if arguments else []


def _load(path: Path) -> Any:
    key = str(path)
    if key not in _libraries:
        _libraries[key] = ctypes.CDLL(key)
    return _libraries[key]


def _for_executor(
    parsed: Source, declared: Declared, instance: str, file: str, options: Sequence[str], checked: bool
) -> Any:
    # One library has all kernels of a source, so that a second one comes from the cache.
    entries = [k.qualified for k in parsed.kernels if k.template is None]
    entry = instance if declared.template is not None else declared.qualified
    if declared.template is not None:
        entries = [entry]
    kernels = "\n".join(f"TC_SIMT_KERNEL({i}, {e})" for i, e in enumerate(entries))
    generated = f'#include "cuda/simt/user.h"\n#line 1 "{file}"\n{parsed.rewritten()}\n#line 1 "launch"\n{kernels}\n'
    path = toolchain.build_for_executor(parsed.text, generated, file, options, checked, f"kernel {instance!r}")
    symbol = getattr(_load(path), f"tc_simt_kernel_{entries.index(entry)}")
    function = ctypes.cast(symbol, ctypes.c_void_p).value or 0

    def launch(shape: tuple[int, ...], shared: int, cooperative: bool, buffer: Any) -> None:
        _core.simt_launch(
            instance, function, ctypes.addressof(buffer), len(buffer), shape, shared, cooperative, checked
        )

    return launch


def compile(source: str | os.PathLike[str], name: str, *, options: Sequence[str] = ()) -> Kernel:
    """Compile CUDA C++ and return its kernel `name` as a function of tensors.

    `source` is the text, or a path to a file. `name` is that of a `__global__` function, `"scale"` or
    `"space::scale"`, of a template with its arguments: `"scale<float, 4>"`. `options` are more compiler
    options, `"-DWIDTH=4"` or `"-Ifolder"`; host compilers get those they know only. On a GPU, nvcc (or
    NVRTC where there is no nvcc) compiles it for the current device; under the executor a C++20 compiler
    does, taken from CXX or PATH. Results are cached in `$TENSORCORE_CACHE` (`~/.cache/tensorcore`).

    The kernel's parameters must be numbers and pointers to numbers. Errors: ValueError when there is no
    such kernel, RuntimeError with the compiler's words when it does not compile.
    """
    if isinstance(options, str):
        raise TypeError(f"compile: options must be a sequence of str, got the str {options!r}")
    file = "kernel.cu"
    if isinstance(source, os.PathLike):
        file = os.path.abspath(source)
        source = Path(source).read_text()
    why = _core.cuda_why()
    if why:
        raise RuntimeError(f"compile: CUDA is not available: {why}")
    parsed = read(source)
    declared, texts = _choose(parsed, name)
    names = dict(parsed.aliases)
    instance = declared.qualified
    if declared.template is not None:
        arguments = template_arguments(declared, split(tokenize(texts[0]).code) if texts else [])
        names |= arguments
        instance += f"<{', '.join(' '.join(a) for a in arguments.values())}>"
        instance = re.sub(r" ?:: ?", "::", instance)
    packer = Packer(instance, [slot_of(instance, p, names) for p in declared.parameters])
    backend = _core.cuda_backend()
    if backend == "gpu":
        launcher = driver_api.compile_for_gpu(parsed, declared, instance, file, options)
    else:
        launcher = _for_executor(parsed, declared, instance, file, options, backend == "simt-check")
    return Kernel(instance, declared, packer, file, launcher)
