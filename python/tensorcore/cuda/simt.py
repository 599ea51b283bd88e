"""How the executor runs kernels: order of threads and timing of asynchronous copies, to bring hidden faults out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import _core

_ORDERS = ("forward", "reverse", "random")
_ASYNC = ("eager", "late", "random")


def _number(names: tuple[str, ...], name: str, what: str) -> int:
    if name not in names:
        raise ValueError(f"simt_settings: {what} must be one of {', '.join(names)}, got {name!r}")
    return names.index(name)


@contextmanager
def simt_settings(
    *, order: str | None = None, async_copies: str | None = None, seed: int | None = None
) -> Iterator[None]:
    """Run the kernels of a `with` block in another way; a sound kernel gives the same bits in all.

    `order`: in which threads, where CUDA leaves it open, and blocks take their turns: 'forward',
    'reverse' or 'random'. `async_copies`: 'eager' (done when issued), 'late' (the destination is poisoned
    and written when somebody waits for it) or 'random'. `seed` drives both. Not used on a GPU.
    """
    before = _core.get_simt()
    _core.set_simt(
        before[0] if order is None else _number(_ORDERS, order, "order"),
        before[1] if async_copies is None else _number(_ASYNC, async_copies, "async_copies"),
        before[2] if seed is None else seed,
    )
    try:
        yield
    finally:
        _core.set_simt(*before)
