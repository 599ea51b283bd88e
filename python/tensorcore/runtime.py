"""The CPU's threads and memory."""

from __future__ import annotations

from . import _core


def set_num_threads(count: int) -> None:
    """Let kernels use at most `count` threads; results do not depend on it.

    Raises ValueError unless 1 ≤ count ≤ 1024. The default is `OMP_NUM_THREADS` or the number of processors.
    """
    _core.set_num_threads(count)


def get_num_threads() -> int:
    """How many threads kernels may use."""
    return _core.num_threads()


def memory_stats(*, reset_peak: bool = False) -> dict[str, int]:
    """Bytes of live tensors, their peak, and bytes kept for reuse; counts of allocations.

    Keys: `allocated peak_allocated cached allocations system_allocations`, the last counting those that
    had to ask the operating system. With `reset_peak` the peak starts anew after it was read.
    """
    names = ("allocated", "peak_allocated", "cached", "allocations", "system_allocations")
    stats = dict(zip(names, _core.memory_stats(), strict=True))
    if reset_peak:
        _core.reset_peak()
    return stats


def empty_cache() -> None:
    """Give the memory that is kept for reuse back to the operating system."""
    _core.empty_cache()


def set_cache_limit(bytes: int) -> None:
    """Keep at most `bytes` bytes of freed memory for reuse. Raises ValueError for a negative number."""
    _core.set_cache_limit(bytes)


__all__ = ["empty_cache", "get_num_threads", "memory_stats", "set_cache_limit", "set_num_threads"]
