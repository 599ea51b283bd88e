"""`tensorcore info`: what this installation is and what the machine offers."""

from __future__ import annotations

import platform
from typing import Any

from . import _core


def _cuda() -> str:
    """What stands behind the device `cuda`, or why there is none."""
    why = _core.cuda_why()
    if why:
        return f"absent: {why}"
    major, minor, processors, _, _, memory = _core.cuda_device_numbers()
    described = f"{_core.cuda_device_name()}, {memory / 2**30:.1f} GiB"
    if _core.cuda_backend() == "gpu":
        return f"{described}, compute capability {major}.{minor}, {processors} multiprocessors"
    return f"{described}, TENSORCORE_CUDA={_core.cuda_backend()}"


def collect() -> dict[str, Any]:
    """Version, processor, threads, devices and memory, as plain values."""
    machine = _core.machine_info()
    return {
        "tensorcore": _core.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": machine["processor"],
        "features": machine["features"],
        "instruction set": machine["isa"],
        "cores": machine["physical_cores"],
        "available cpus": machine["available_cpus"],
        "threads": _core.num_threads(),
        "caches": {
            "L1d": machine["l1_bytes"],
            "L2": machine["l2_bytes"],
            "L3": machine["l3_bytes"],
        },
        "memory": machine["memory_bytes"],
        "devices": ["cpu", *(f"cuda:{i}" for i in range(_core.cuda_device_count()))],
        "cuda": _cuda(),
    }
