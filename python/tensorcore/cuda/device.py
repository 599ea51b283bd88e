"""Which CUDA devices there are, and which one is current."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .. import _core


def is_built() -> bool:
    """Whether this build has GPU code. The executor (`TENSORCORE_CUDA=simt`) is in every build."""
    return _core.cuda_built()


def is_available() -> bool:
    """Whether tensors can be on the device `cuda`; `tensorcore info` says why not."""
    return not _core.cuda_why()


def device_count() -> int:
    """The number of CUDA devices: 0 where CUDA is not available."""
    return _core.cuda_device_count()


def index_of(device: Any, op: str) -> int:
    """The number of a device given as None (the current one), an int, 'cuda:N' or a Device."""
    if device is None:
        return _core.cuda_current_device()
    if isinstance(device, int) and not isinstance(device, bool):
        if not 0 <= device < device_count():
            count = device_count()
            raise RuntimeError(
                f"{op}: device 'cuda:{device}' does not exist, there {'is' if count == 1 else 'are'} {count}"
            )
        return device
    found = _core.Device(device) if isinstance(device, str) else device
    if not isinstance(found, _core.Device):
        raise TypeError(f"{op}: device must be an int, a Device or its name, got {type(device).__name__}")
    if found.type != "cuda":
        raise ValueError(f"{op}: needs a CUDA device, got '{found}'")
    return found.index


def current_device() -> int:
    """The number of the device that streams and new `cuda` tensors without an index belong to."""
    return _core.cuda_current_device()


def set_device(device: Any) -> None:
    """Make a device (int, 'cuda:N' or Device) the calling thread's current one; RuntimeError if there is none."""
    _core.cuda_set_device(index_of(device, "set_device"))


@contextmanager
def device(device: Any) -> Iterator[None]:
    """Make a device current inside a `with` block."""
    before = _core.cuda_current_device()
    set_device(device)
    try:
        yield
    finally:
        _core.cuda_set_device(before)


def synchronize(device: Any = None) -> None:
    """Wait until all work given to a device is done. Raises RuntimeError if that work failed."""
    index, before = index_of(device, "synchronize"), _core.cuda_current_device()
    if index == before:
        _core.cuda_synchronize()
        return
    _core.cuda_set_device(index)
    try:
        _core.cuda_synchronize()
    finally:
        _core.cuda_set_device(before)


@dataclass(frozen=True)
class DeviceProperties:
    """What a device is; sizes in bytes."""

    name: str
    major: int  # compute capability
    minor: int
    multi_processor_count: int
    shared_memory_per_block: int
    l2_cache_size: int
    total_memory: int


def get_device_properties(device: Any = None) -> DeviceProperties:
    """Name, compute capability and sizes of a device."""
    index, before = index_of(device, "get_device_properties"), _core.cuda_current_device()
    _core.cuda_set_device(index)
    try:
        return DeviceProperties(_core.cuda_device_name(), *_core.cuda_device_numbers())
    finally:
        _core.cuda_set_device(before)
