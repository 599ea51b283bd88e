"""The kernels of faults.cu: how each is launched, and what the checked executor must say about it."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SOURCE = Path(__file__).with_name("faults.cu")


def ramp(n: int) -> Any:
    import tensorcore as tc

    return tc.arange(n, dtype=tc.float32, device="cuda")


def zeros(n: int, dtype: str = "float32") -> Any:
    import tensorcore as tc

    return tc.zeros(n, dtype=getattr(tc, dtype), device="cuda")


def empty(n: int) -> Any:
    import tensorcore as tc

    return tc.empty(n, dtype=tc.float32, device="cuda")


def host_address() -> int:
    kept.append(np.zeros(1 << 20, np.float32))
    return kept[-1].ctypes.data


def freed_address() -> int:
    x = ramp(64)
    return x._address


def live_address() -> int:
    kept.append(ramp(64))
    return kept[-1]._address


kept: list[Any] = []  # alive until the process ends


@dataclass(frozen=True)
class Case:
    """A launch: `says` are pieces of the report, `thread` and `block` those that it must name."""

    kernel: str
    arguments: Callable[[], tuple[Any, ...]]
    says: tuple[str, ...] = ()  # none: a sound kernel
    block: int = 64
    grid: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    thread: str | None = "thread ("
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or self.kernel


def pair(
    kernel: str,
    arguments: Callable[[], tuple[Any, ...]],
    *says: str,
    sound: Callable[[], tuple[Any, ...]] | None = None,
    sound_options: dict[str, Any] | None = None,
    **rest: Any,
) -> list[Case]:
    """A broken kernel and its sound twin, launched alike."""
    twin = {**rest, "options": rest.get("options", {}) if sound_options is None else sound_options}
    twin.pop("thread", None)
    return [Case(kernel, arguments, says, **rest), Case(f"{kernel}_sound", sound or arguments, **twin)]


CASES = [
    *pair(
        "read_past_end",
        lambda: (ramp(64), empty(64), 64),
        "out-of-bounds read of 4 bytes",
        "1 byte past the end of a global allocation of 256 bytes",
        thread="block (1, 0, 0), thread (31, 0, 0)",
        block=32,
        grid=2,
    ),
    *pair(
        "write_past_end",
        lambda: (empty(64),),
        "out-of-bounds write of 4 bytes",
        "past the end of a global allocation",
        thread="thread (32, 0, 0)",
    ),
    *pair(
        "write_before_begin",
        lambda: (empty(64),),
        "out-of-bounds write of 4 bytes",
        "4 bytes before a global allocation of 256 bytes",
        thread="block (0, 0, 0), thread (0, 0, 0)",
    ),
    *pair(
        "read_before_begin",
        lambda: (ramp(64), empty(64)),
        "out-of-bounds read of 4 bytes",
        "16 bytes before a global allocation of 256 bytes",
        thread="thread (0, 0, 0)",
    ),
    *pair(
        "between_arrays",
        lambda: (empty(64),),
        "out-of-bounds write of 4 bytes",
        "1 byte past the end of shared `a` of 256 bytes",
        thread="thread (63, 0, 0)",
    ),
    *pair(
        "past_dynamic",
        lambda: (empty(64),),
        "out-of-bounds write of 4 bytes",
        "1 byte past the end of the dynamic shared memory of 252 bytes",
        thread="thread (63, 0, 0)",
        options={"shared": 252},
        sound_options={"shared": 256},
    ),
    *pair(
        "misaligned_global",
        lambda: (ramp(64), empty(64)),
        "misaligned read of 16 bytes",
        "byte 4 of an allocation of 256 bytes, which is not a multiple of 16",
        thread="thread (5, 0, 0)",
    ),
    *pair(
        "misaligned_shared",
        lambda: (empty(64),),
        "misaligned read of 8 bytes",
        "shared `s` + 28, which is not a multiple of 8",
        thread="thread (7, 0, 0)",
    ),
    *pair(
        "uninitialised_global",
        lambda: (empty(64), empty(64)),
        "uninitialised read of 4 bytes",
        "byte 0 of an allocation of 256 bytes, which nothing has written",
        thread="thread (0, 0, 0)",
    ),
    *pair(
        "uninitialised_shared",
        lambda: (empty(64),),
        "uninitialised read of 4 bytes",
        "shared `s` + 132, which nothing has written",
        thread="thread (33, 0, 0)",
    ),
    Case(
        "read_address",
        lambda: (host_address(), empty(64)),
        ("out-of-bounds read", "memory the device does not have (a host pointer?)"),
        thread="thread (0, 0, 0)",
        label="host_pointer",
    ),
    Case(
        "read_address",
        lambda: (freed_address(), empty(64)),
        ("out-of-bounds read", "global memory that was freed, byte 0 of 256 bytes"),
        thread="thread (0, 0, 0)",
        label="use_after_free",
    ),
    Case("read_address", lambda: (live_address(), empty(64)), label="live_address"),
    *pair(
        "null_pointer",
        lambda: (None, empty(64)),
        "out-of-bounds read",
        "a null pointer + 0",
        thread="thread (0, 0, 0)",
    ),
    *pair(
        "read_after_write",
        lambda: (ramp(64), empty(64)),
        "race: write of 4 bytes at shared `s` + 0 and the read by thread (63, 0, 0)",
        thread="thread (0, 0, 0)",
    ),
    *pair(
        "write_after_read",
        lambda: (ramp(64), empty(64)),
        "race: read of 4 bytes at shared `s` + 252 and the write by thread (63, 0, 0)",
        thread="thread (0, 0, 0)",
    ),
    *pair(
        "blocks_race",
        lambda: (empty(64),),
        "race: write of 4 bytes at global memory, byte 0 of an allocation of 256 bytes",
        "the write by thread (0, 0, 0) of block (0, 0, 0)",
        thread="block (1, 0, 0), thread (0, 0, 0)",
        grid=3,
    ),
    *pair(
        "warp_race",
        lambda: (ramp(32), empty(32)),
        "race: write of 4 bytes at shared `s` + 4 and the read by thread (0, 0, 0)",
        thread="thread (1, 0, 0)",
        block=32,
    ),
    *pair(
        "missing_fence",
        lambda: (ramp(64), zeros(64), zeros(1, "int32"), zeros(1)),
        "race: read of 4 bytes at global memory, byte 0 of an allocation of 256 bytes",
        "the write by thread (0, 0, 0) of block (0, 0, 0)",
        thread="block (3, 0, 0), thread (0, 0, 0)",
        grid=4,
    ),
    *pair(
        "exits_before_barrier",
        lambda: (empty(64),),
        "diverged barrier",
        "48 threads of its block wait at __syncthreads",
        thread="thread (48, 0, 0)",
    ),
    *pair(
        "two_barriers",
        lambda: (empty(64),),
        "diverged barrier",
        "32 threads of its block wait",
        thread="thread (32, 0, 0)",
    ),
    *pair(
        "named_counts",
        lambda: (empty(64),),
        "mismatched barrier 1: this thread expects 32 threads",
        "expect 64",
        thread="thread (32, 0, 0)",
    ),
    *pair(
        "diverged_shuffle",
        lambda: (empty(32),),
        "diverged warp: lane 16 called __shfl_sync",
        "while lane 0 waits for it",
        thread="thread (16, 0, 0)",
        block=32,
    ),
    *pair(
        "shuffle_outside_mask",
        lambda: (empty(32),),
        "lane 0 reads lane 20, which takes no part in it",
        thread="thread (",
        block=32,
    ),
    *pair(
        "not_in_mask",
        lambda: (empty(32),),
        "the calling lane 16 is not in the mask",
        thread="thread (16, 0, 0)",
        block=32,
    ),
    *pair(
        "deadlock_barrier", lambda: (empty(64),), "deadlock", "block (0, 0, 0), warp 0: lanes 0-31 wait", thread=None
    ),
    *pair(
        "deadlock_atomic",
        lambda: (zeros(1, "int32"), empty(64)),
        "deadlock",
        "block (0, 0, 0), warp 0: lanes 0-31 wait for an atomic operation",
        thread=None,
    ),
    *pair(
        "deadlock_volatile",
        lambda: (zeros(1, "int32"), empty(64)),
        "deadlock",
        "block (0, 0, 0), warp 0: lanes 0-31 wait for a volatile variable to change",
        thread=None,
    ),
    *pair(
        "lock_of_a_warp",
        lambda: (zeros(2, "int32"), zeros(2, "int32")),
        "deadlock",
        "block (0, 0, 0), warp 0: lanes 0-1 wait for an atomic operation",
        thread=None,
        block=32,
    ),
    Case("grid_sync", lambda: (empty(128),), ("the launch is not cooperative",), grid=2, thread="thread (0, 0, 0)"),
    Case("grid_sync", lambda: (empty(128),), grid=2, options={"cooperative": True}, label="grid_sync_sound"),
    Case("grid_exchange", lambda: (ramp(128), empty(128), empty(128)), grid=2, options={"cooperative": True}),
    *pair(
        "early_read",
        lambda: (ramp(128), empty(32)),
        "early read of 4 bytes at shared `s` + 0, which an asynchronous copy that nobody waited for is writing",
        thread="thread (0, 0, 0)",
        block=32,
    ),
    *pair("copy_without_barrier", lambda: (ramp(64), empty(64)), "read of 4 bytes at shared `s` + 128"),
    *pair(
        "misaligned_copy",
        lambda: (ramp(128), empty(32)),
        "misaligned cp.async of 16 bytes",
        thread="thread (1, 0, 0)",
        block=32,
    ),
    Case(
        "over_budget<12800>",
        lambda: (empty(64),),
        ("shared memory: with `s` 51200 bytes", "a block has at most 49152 static"),
        thread="thread (0, 0, 0)",
    ),
    Case("over_budget<12288>", lambda: (empty(64),)),
    Case(
        "past_dynamic_sound",
        lambda: (empty(64),),
        ("a block has at most 232448 bytes of shared memory, got 300000",),
        options={"shared": 300000},
        thread=None,
        label="dynamic_over_budget",
    ),
    Case(
        "write_past_end_sound",
        lambda: (empty(4096),),
        ("a block has 1 to 1024 threads, got 2048",),
        block=2048,
        thread=None,
        label="too_many_threads",
    ),
    Case(
        "assertion",
        lambda: (ramp(64), empty(64)),
        ("assertion failed: x[threadIdx.x] < 40",),
        thread="thread (40, 0, 0)",
    ),
    Case("assertion", lambda: (ramp(32), empty(32)), block=32, label="assertion_sound"),
    Case("divides", lambda: (0, zeros(64, "int32")), ("a division of integers by zero",), thread="thread (0, 0, 0)"),
    Case("divides", lambda: (7, zeros(64, "int32")), label="divides_sound"),
]


def marked(mark: str, kernel: str) -> int | None:
    """The line of faults.cu that carries `// mark: kernel`."""
    for number, line in enumerate(SOURCE.read_text().splitlines(), 1):
        if re.search(rf"// {mark}: {kernel.partition('<')[0]}$", line):
            return number
    return None


def main() -> None:
    """Run every case; print the errors, "" where there was none, as JSON."""
    import tensorcore as tc

    out = {}
    for case in CASES:
        kernel = tc.cuda.compile(SOURCE, case.kernel)
        try:
            kernel(case.grid, case.block, *case.arguments(), **case.options)
            out[case.name] = ""
        except RuntimeError as error:
            out[case.name] = str(error)
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()
