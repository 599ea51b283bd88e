"""Compiled kernels on a GPU: nvcc or NVRTC makes machine code, the driver's library loads and launches it."""

from __future__ import annotations

import ctypes
import functools
import glob
import os
import re
import struct
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import _core
from . import toolchain
from .source import Declared, Source

_SUCCESS = 0
_MAX_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_NON_PORTABLE_CLUSTER = 14  # CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED
_COOPERATIVE, _CLUSTER = 2, 4  # CU_LAUNCH_ATTRIBUTE_*


class _Attribute(ctypes.Structure):  # CUlaunchAttribute: the value is a union of 64 bytes, aligned to 8
    _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_char * 4), ("value", ctypes.c_uint32 * 16)]


class _Config(ctypes.Structure):  # CUlaunchConfig
    _fields_ = [
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.POINTER(_Attribute)),
        ("count", ctypes.c_uint),
    ]


@functools.cache
def _driver() -> Any:
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        raise RuntimeError(f"compile: NVIDIA's driver library could not be loaded: {error}") from None
    if library.cuInit(0) != _SUCCESS:
        raise RuntimeError("compile: NVIDIA's driver could not be initialised")
    return library


def _succeed(error: int, what: str) -> None:
    if error == _SUCCESS:
        return
    text = ctypes.c_char_p()
    _driver().cuGetErrorString(error, ctypes.byref(text))
    raise RuntimeError(f"{what}: {(text.value or b'unknown error').decode()} (CUDA error {error})")


@functools.cache
def _context(device: int) -> Any:
    """A device's primary context, which the CUDA runtime uses too."""
    number, context = ctypes.c_int(), ctypes.c_void_p()
    _succeed(_driver().cuDeviceGet(ctypes.byref(number), device), "compile")
    _succeed(_driver().cuDevicePrimaryCtxRetain(ctypes.byref(context), number), "compile")
    return context


def _entry(cubin: bytes, declared: Declared, instance: str) -> bytes:
    """The symbol of a kernel in machine code: its own name, or the mangled one that contains it."""
    names = elf_functions(cubin)
    if declared.name.encode() in names:
        return declared.name.encode()
    found = [n for n in names if _name_in(n) == declared.name]
    if len(found) != 1:
        listed = b", ".join(names).decode()
        raise RuntimeError(
            f"compile: kernel {instance!r} is {len(found)} times in the machine code, which has: {listed}"
        )
    return found[0]


def _name_in(symbol: bytes) -> str:
    """The unqualified name in a mangled symbol: `scale` for `_ZN5space5scaleIfEEvPT_`."""
    text, name = symbol.decode(), ""
    rest = re.sub(r"^_ZN?L?", "", text)
    while found := re.match(r"L?(\d+)", rest):
        end = found.end() + int(found[1])
        name, rest = rest[found.end() : end], rest[end:]
    return name


def elf_functions(image: bytes) -> list[bytes]:
    """The names of the functions of a 64-bit ELF file."""
    if image[:4] != b"\x7fELF":
        return []
    (offset,) = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", image, offset + i * size) for i in range(count)]
    names = []
    for section in sections:
        if section[1] != 2:  # SHT_SYMTAB
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, info, _other, index = struct.unpack_from("<IBBH", image, at)
            if info & 15 == 2 and index:  # a defined function
                start = strings + name
                names.append(image[start : image.index(b"\0", start)])
    return names


def gpu_source(parsed: Source, instance: str, file: str) -> str:
    """What nvcc and NVRTC compile: the source as it is, after the names that the executor's version has too."""
    # Instances of templates and static kernels come to be when something asks for them.
    wanted = f"static auto* const tensorcore_kernel [[maybe_unused]] = &{instance};"
    names = "#include <cuda_fp16.h>\n#include <cuda_bf16.h>"
    return f'{names}\n#line 1 "{file}"\n{parsed.text}\n#line 1 "launch"\n{wanted}\n'


def _with_nvcc(
    nvcc: str, text: str, original: str, file: str, arch: str, options: Sequence[str], instance: str
) -> bytes:
    flags = ["-std=c++20", "-O3", f"-arch={arch}", "-DTC_CUDA_BACKEND=gpu", f"-I{toolchain.include_directory()}"]
    flags += ["--expt-relaxed-constexpr", "--extended-lambda", "-lineinfo", *options]

    def make(folder: Path, made: Path) -> None:
        if os.path.basename(file) == file:
            (folder / file).write_text(original)
        (folder / "generated.cu").write_text(text)
        toolchain.run_compiler(
            [nvcc, *flags, "-cubin", "generated.cu", "-o", str(made)], folder, f"kernel {instance!r}"
        )

    return toolchain.cached(".cubin", [text, *flags], [nvcc], make).read_bytes()


@functools.cache
def _nvrtc() -> Any:
    folders = ["", *(f"{root}/lib/" for root in glob.glob(f"{sysconfig.get_path('purelib')}/nvidia/cu*"))]
    folders += [f"{os.environ.get('CUDA_HOME', '/usr/local/cuda')}/lib64/"]
    for folder in folders:
        for version in ("13", "12"):
            try:
                return ctypes.CDLL(f"{folder}libnvrtc.so.{version}")
            except OSError:
                continue
    raise RuntimeError(
        "compile: a GPU needs nvcc or NVRTC; neither nvcc (CUDACXX, PATH, CUDA_HOME, /usr/local/cuda) nor"
        " libnvrtc.so was found"
    )


def _with_nvrtc(text: str, file: str, arch: str, options: Sequence[str], instance: str) -> bytes:
    library = _nvrtc()
    major, minor = ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    flags = ["-std=c++20", f"-arch={arch}", "-DTC_CUDA_BACKEND=gpu", f"-I{toolchain.include_directory()}"]
    for root in (
        os.environ.get("CUDA_HOME", "/usr/local/cuda"),
        *glob.glob(f"{sysconfig.get_path('purelib')}/nvidia/cu*"),
    ):
        flags += [f"-I{root}/include", f"-I{root}/include/cccl"]
    flags += ["-lineinfo", *options]

    def make(_: Path, made: Path) -> None:
        program = ctypes.c_void_p()
        code = text.encode()
        library.nvrtcCreateProgram(ctypes.byref(program), code, os.path.basename(file).encode(), 0, None, None)
        given = (ctypes.c_char_p * len(flags))(*(f.encode() for f in flags))
        try:
            if library.nvrtcCompileProgram(program, len(flags), given) != _SUCCESS:
                size = ctypes.c_size_t()
                library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
                log = ctypes.create_string_buffer(size.value)
                library.nvrtcGetProgramLog(program, log)
                raise RuntimeError(f"compile: kernel {instance!r}: NVRTC says\n{log.value.decode().strip()}")
            size = ctypes.c_size_t()
            library.nvrtcGetCUBINSize(program, ctypes.byref(size))
            cubin = ctypes.create_string_buffer(size.value)
            library.nvrtcGetCUBIN(program, cubin)
            made.write_bytes(cubin.raw)
        finally:
            library.nvrtcDestroyProgram(ctypes.byref(program))

    compiler = f"nvrtc {major.value}.{minor.value}"
    return toolchain.cached(".cubin", [text, compiler, *flags], [], make).read_bytes()


def compile_for_gpu(parsed: Source, declared: Declared, instance: str, file: str, options: Sequence[str]) -> Any:
    """Machine code for the current device, loaded on each device at its first launch there."""
    text = gpu_source(parsed, instance, file)
    what = f"launch of {instance}"

    @functools.cache
    def code(arch: str) -> bytes:
        nvcc = toolchain.find_nvcc()
        if nvcc:
            return _with_nvcc(nvcc, text, parsed.text, file, arch, options, instance)
        return _with_nvrtc(text, file, arch, options, instance)

    def arch_of_current_device() -> str:
        major, minor = _core.cuda_device_numbers()[:2]
        return f"sm_{major}{minor}{'a' if major >= 9 else ''}"

    @functools.cache
    def function(device: int) -> Any:
        cubin = code(arch_of_current_device())
        module, found = ctypes.c_void_p(), ctypes.c_void_p()
        _succeed(_driver().cuModuleLoadData(ctypes.byref(module), cubin), what)
        _succeed(_driver().cuModuleGetFunction(ctypes.byref(found), module, _entry(cubin, declared, instance)), what)
        return found

    shared_limit: dict[int, int] = {}

    def launch(shape: tuple[int, ...], shared: int, cooperative: bool, buffer: Any) -> None:
        driver, device = _driver(), _core.cuda_current_device()
        _succeed(driver.cuCtxSetCurrent(_context(device)), what)
        kernel = function(device)
        if shared > 48 * 1024 and shared > shared_limit.get(device, 0):
            _succeed(driver.cuFuncSetAttribute(kernel, _MAX_DYNAMIC_SHARED, shared), what)
            shared_limit[device] = shared
        attributes = (_Attribute * 2)()
        count = 0
        cluster = shape[6:9]
        if cluster != (1, 1, 1):
            attributes[count].id = _CLUSTER
            attributes[count].value[0:3] = cluster
            count += 1
            if cluster[0] * cluster[1] * cluster[2] > 8:
                _succeed(driver.cuFuncSetAttribute(kernel, _NON_PORTABLE_CLUSTER, 1), what)
        if cooperative:
            attributes[count].id = _COOPERATIVE
            attributes[count].value[0] = 1
            count += 1
        config = _Config(shape[0:3], shape[3:6], shared, _core.cuda_current_stream(), attributes, count)
        _succeed(driver.cuLaunchKernelEx(ctypes.byref(config), kernel, buffer, None), what)

    _succeed(_driver().cuCtxSetCurrent(_context(_core.cuda_current_device())), "compile")
    function(_core.cuda_current_device())  # errors come now, not at the first launch
    return launch
