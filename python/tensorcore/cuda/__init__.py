"""CUDA: devices, streams, events, memory, and kernels of one's own.

`TENSORCORE_CUDA` chooses what stands behind the device `cuda` when the package is imported: unset or `gpu`
for NVIDIA GPUs; `simt` for the executor, which runs the same kernels on the CPU; `simt-check` for the
executor with every memory access checked; `off` for none.
"""

from typing import TYPE_CHECKING, Any

from .device import (
    DeviceProperties,
    current_device,
    device,
    device_count,
    get_device_properties,
    is_available,
    is_built,
    set_device,
    synchronize,
)
from .memory import empty_cache, mem_get_info, memory_stats
from .simt import simt_settings
from .stream import Event, Stream, current_stream, stream

if TYPE_CHECKING:
    from .compiler import Kernel, compile


def __getattr__(name: str) -> Any:
    """The compiler comes with the first use of it: most programs have none."""
    if name in ("Kernel", "compile"):
        from . import compiler

        return getattr(compiler, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "DeviceProperties",
    "Event",
    "Kernel",
    "Stream",
    "compile",
    "current_device",
    "current_stream",
    "device",
    "device_count",
    "empty_cache",
    "get_device_properties",
    "is_available",
    "is_built",
    "mem_get_info",
    "memory_stats",
    "set_device",
    "simt_settings",
    "stream",
    "synchronize",
]
