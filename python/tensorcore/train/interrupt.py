"""Ctrl-C as a wish: the first is noted, so that work can end where it is whole; the second raises as ever."""

from __future__ import annotations

import signal
import threading
from typing import Any


class Interrupt:
    """A context in which `requested` tells whether Ctrl-C (SIGINT) came. Of use in the main thread only."""

    def __init__(self) -> None:
        self.requested = False
        self._before: Any = None

    def __enter__(self) -> Interrupt:
        self.requested = False
        if threading.current_thread() is threading.main_thread():  # elsewhere Python sets no handlers
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: Any) -> None:
        self.requested = False
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    def _note(self, *_: Any) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
