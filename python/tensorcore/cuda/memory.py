"""Memory of CUDA devices. Freed blocks stay in a pool and are handed out again in stream order."""

from __future__ import annotations

from typing import Any

from .. import _core
from .device import index_of


def memory_stats(device: Any = None, *, reset_peak: bool = False) -> dict[str, int]:
    """Bytes of live tensors on a device, their peak, and bytes the pool holds; counts of allocations.

    Keys: `allocated peak_allocated reserved allocations retries`, the last counting allocations that
    found no memory until the pool was emptied. With `reset_peak` the peak starts anew after it was read.
    """
    index = index_of(device, "memory_stats")
    names = ("allocated", "peak_allocated", "reserved", "allocations", "retries")
    stats = dict(zip(names, _core.cuda_memory_stats(index), strict=True))
    if reset_peak:
        _core.cuda_reset_peak(index)
    return stats


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """Free and total bytes of a device, as its driver counts them."""
    index, before = index_of(device, "mem_get_info"), _core.cuda_current_device()
    _core.cuda_set_device(index)
    try:
        free, total = _core.cuda_memory_info()
    finally:
        _core.cuda_set_device(before)
    return free, total


def empty_cache(device: Any = None) -> None:
    """Give the memory that the pool keeps for reuse back to the device."""
    _core.cuda_empty_cache(index_of(device, "empty_cache"))
