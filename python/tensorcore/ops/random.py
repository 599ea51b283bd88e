"""Random tensors: `tc.random.rand`, `randn`, … drawn from a `Generator`.

Numbers come from Philox, a counter-based generator: element i of a draw is a function of the
generator's seed, its offset and i alone, so it has the same bits on any number of threads.
"""

from __future__ import annotations

import operator
from _thread import allocate_lock
from collections.abc import Sequence
from typing import Any

from .. import _core
from ..tensor import Tensor

Shape = int | Sequence[int]


class Generator:
    """A stream of random numbers: a seed, and an offset that each draw moves on.

    >>> g = tc.Generator(1)
    >>> a = tc.random.rand(3, generator=g)
    >>> bool(tc.all(a == tc.random.rand(3, generator=tc.Generator(1))))
    True
    """

    __slots__ = ("_lock", "_offset", "_seed")

    def __init__(self, seed: int = 0):
        self._lock = allocate_lock()
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream of `seed`, an int in [0, 2**64), from its beginning; return the generator."""
        seed = operator.index(seed)
        if not 0 <= seed < 2**64:
            raise ValueError(f"manual_seed: the seed must be in [0, 2**64), got {seed}")
        with self._lock:
            self._seed, self._offset = seed, 0
        return self

    @property
    def seed(self) -> int:
        """The seed that the stream started from."""
        return self._seed

    def get_state(self) -> tuple[int, int]:
        """Seed and offset: all that the next numbers depend on."""
        with self._lock:
            return self._seed, self._offset

    def set_state(self, state: tuple[int, int]) -> None:
        """Go on from where `get_state` was called; ValueError unless two ints in [0, 2**64)."""
        values = tuple(operator.index(v) for v in state)
        if len(values) != 2 or not all(0 <= v < 2**64 for v in values):
            raise ValueError(f"set_state: needs (seed, offset) in [0, 2**64), got {state!r}")
        with self._lock:
            self._seed, self._offset = values

    def _take(self, blocks: int) -> tuple[int, int]:
        """Seed and offset of the next draw, which uses `blocks` of the stream."""
        with self._lock:
            offset = self._offset
            self._offset = (offset + blocks) % 2**64
            return self._seed, offset

    def __reduce__(self) -> Any:
        return _restore, self.get_state()

    def __repr__(self) -> str:
        return f"Generator(seed={self._seed}, offset={self._offset})"


def _restore(seed: int, offset: int) -> Generator:
    generator = Generator(seed)
    generator.set_state((seed, offset))
    return generator


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Restart the default generator from `seed` and return it."""
    return default_generator.manual_seed(seed)


def _draw(generator: Generator | None, shape: Shape, wide: bool, op: str) -> tuple[int, int]:
    if generator is None:
        generator = default_generator
    elif not isinstance(generator, Generator):
        raise TypeError(f"{op}: generator must be a Generator, got {type(generator).__name__}")
    return generator._take(_core.random_blocks(shape, wide))


def uniform(
    shape: Shape,
    low: float = 0.0,
    high: float = 1.0,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Numbers uniform in [low, high), of a floating-point dtype (float32 by default).

    Raises ValueError unless low ≤ high are finite.
    """
    dtype = _core.float32 if dtype is None else dtype
    seed, offset = _draw(generator, shape, dtype is _core.float64, "uniform")
    device = "cpu" if device is None else device
    return _core.uniform(shape, low, high, seed, offset, dtype, device)


def rand(shape: Shape, *, generator: Generator | None = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Numbers uniform in [0, 1), of a floating-point dtype (float32 by default)."""
    return uniform(shape, generator=generator, dtype=dtype, device=device)


def normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 1.0,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Normal numbers of the given mean and standard deviation, of a floating-point dtype (float32).

    Raises ValueError unless the mean is finite and std ≥ 0.
    """
    dtype = _core.float32 if dtype is None else dtype
    seed, offset = _draw(generator, shape, dtype is _core.float64, "normal")
    device = "cpu" if device is None else device
    return _core.normal(shape, mean, std, seed, offset, dtype, device)


def randn(shape: Shape, *, generator: Generator | None = None, dtype: Any = None, device: Any = None) -> Tensor:
    """Standard normal numbers, of a floating-point dtype (float32 by default)."""
    return normal(shape, generator=generator, dtype=dtype, device=device)


def randint(
    shape: Shape,
    low: int,
    high: int,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Integers uniform in [low, high), without bias (int64 by default).

    Raises ValueError unless low < high, OverflowError where the dtype cannot hold them.
    """
    dtype = _core.int64 if dtype is None else dtype
    low, high = operator.index(low), operator.index(high)
    if low >= high:
        raise ValueError(f"randint: needs low < high, got {low} and {high}")
    if isinstance(dtype, _core.DType) and dtype.kind in ("int", "uint"):
        bits = 8 * dtype.itemsize
        least = 0 if dtype.kind == "uint" else -(2 ** (bits - 1))
        if low < least or high > least + 2**bits:
            raise OverflowError(f"randint: [{low}, {high}) does not fit in {dtype.name}")
    span = high - low
    seed, offset = _draw(generator, shape, span > 2**32, "randint")
    device = "cpu" if device is None else device
    return _core.randint(shape, low, span % 2**64, seed, offset, dtype, device)


def randperm(n: int, *, generator: Generator | None = None, dtype: Any = None, device: Any = None) -> Tensor:
    """A random order of the integers 0 … n - 1, each order equally likely (int64 by default)."""
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"randperm: n must not be negative, got {n}")
    seed, offset = _draw(generator, (n,), n > 2**32, "randperm")
    x = _core.randperm(n, seed, offset, "cpu" if device is None else device)
    return x if dtype is None else _core.astype(x, dtype, False)


def bernoulli(
    shape: Shape,
    p: float = 0.5,
    *,
    generator: Generator | None = None,
    dtype: Any = None,
    device: Any = None,
) -> Tensor:
    """Ones with probability `p`, zeros otherwise (float32 by default, any dtype).

    Raises ValueError unless 0 ≤ p ≤ 1.
    """
    dtype = _core.float32 if dtype is None else dtype
    seed, offset = _draw(generator, shape, False, "bernoulli")
    device = "cpu" if device is None else device
    return _core.bernoulli(shape, p, seed, offset, dtype, device)


__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "manual_seed",
    "normal",
    "rand",
    "randint",
    "randn",
    "randperm",
    "uniform",
]
