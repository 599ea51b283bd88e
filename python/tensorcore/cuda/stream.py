"""Streams, in which work is done in order, and events, which mark points in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import _core
from .device import index_of


class Stream:
    """A queue of work on one device. Work of different streams may overlap.

    `with tc.cuda.stream(s):` sends the work of the block to it. A tensor made in one stream and used in
    another needs `wait_stream` (or an event) in between, and must live until the other stream has used it.
    """

    def __init__(self, device: Any = None, *, priority: int = 0) -> None:
        """`priority` below 0 asks for a stream whose work goes first."""
        self.device_index = index_of(device, "Stream")
        self._owned = True
        with _current(self.device_index):
            self.handle = _core.cuda_create_stream(priority < 0)

    @classmethod
    def _of(cls, handle: int, device_index: int) -> Stream:
        stream = cls.__new__(cls)
        stream.handle, stream.device_index, stream._owned = handle, device_index, False
        return stream

    def synchronize(self) -> None:
        """Wait until the work given to the stream so far is done."""
        with _current(self.device_index):
            _core.cuda_synchronize_stream(self.handle)

    def query(self) -> bool:
        """Whether the work given to the stream so far is done."""
        with _current(self.device_index):
            return _core.cuda_is_stream_idle(self.handle)

    def record_event(self, event: Event | None = None) -> Event:
        """Mark this point of the stream by an event, a new one if none is given."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let work given to the stream from now on wait for the event."""
        with _current(self.device_index):
            _core.cuda_wait_event(self.handle, event.handle)

    def wait_stream(self, other: Stream) -> None:
        """Let work given to the stream from now on wait for all that `other` has been given."""
        self.wait_event(other.record_event())

    def __enter__(self) -> Stream:
        self._before = current_stream(self.device_index)
        _set_current(self)
        return self

    def __exit__(self, *_: object) -> None:
        _set_current(self._before)

    def __del__(self) -> None:
        if getattr(self, "_owned", False):
            _core.cuda_destroy_stream(self.handle)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.handle, self.device_index) == (other.handle, other.device_index)

    def __hash__(self) -> int:
        return hash((self.handle, self.device_index))

    def __repr__(self) -> str:
        return f"Stream(device='cuda:{self.device_index}', handle={self.handle:#x})"


class Event:
    """A mark in a stream: others can wait for it, and with `timing=True` the time between two is known."""

    def __init__(self, *, timing: bool = False) -> None:
        self.handle = _core.cuda_create_event(timing)

    def record(self, stream: Stream | None = None) -> None:
        """Mark the present end of a stream, the current one if none is given."""
        stream = current_stream() if stream is None else stream
        with _current(stream.device_index):
            _core.cuda_record_event(self.handle, stream.handle)

    def wait(self, stream: Stream | None = None) -> None:
        """Let later work of a stream, the current one if none is given, wait for the event."""
        (current_stream() if stream is None else stream).wait_event(self)

    def synchronize(self) -> None:
        """Wait until the event is reached."""
        _core.cuda_synchronize_event(self.handle)

    def query(self) -> bool:
        """Whether the event is reached."""
        return _core.cuda_is_event_reached(self.handle)

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this event to `end`; RuntimeError unless both were recorded with timing."""
        return _core.cuda_elapsed_ms(self.handle, end.handle)

    def __del__(self) -> None:
        if hasattr(self, "handle"):
            _core.cuda_destroy_event(self.handle)


@contextmanager
def _current(device_index: int) -> Iterator[None]:
    before = _core.cuda_current_device()
    if before == device_index:
        yield
        return
    _core.cuda_set_device(device_index)
    try:
        yield
    finally:
        _core.cuda_set_device(before)


def _set_current(stream: Stream) -> None:
    with _current(stream.device_index):
        _core.cuda_set_current_stream(stream.handle)


def current_stream(device: Any = None) -> Stream:
    """The stream that the calling thread's work on a device goes to."""
    index = index_of(device, "current_stream")
    with _current(index):
        return Stream._of(_core.cuda_current_stream(), index)


@contextmanager
def stream(stream: Stream) -> Iterator[Stream]:
    """Send the work of a `with` block to `stream`."""
    with stream:
        yield stream
