"""Which generator random samplers and transforms draw from.

A loader makes one generator per epoch for the order and one per batch for everything that happens to
the batch's samples, each a function of the epoch's seed and the batch's number. It is the *current
generator* of the thread that does the work, so random bits do not depend on the number of workers, and
a resumed epoch draws what the interrupted one would have drawn.
"""

from __future__ import annotations

from contextvars import ContextVar

from ..ops.random import Generator, default_generator, randint

_current: ContextVar[Generator | None] = ContextVar("tensorcore.data.generator", default=None)
_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, the step of SplitMix64
_MASK = 2**64 - 1


def current_generator(generator: Generator | None = None) -> Generator:
    """`generator` itself if given, else that of the batch being loaded, else `tc.random.default_generator`.

    Draw from it in a data set's `__getitem__`, a `collate_fn` or a transform of your own: the numbers are then the
    same for any number of workers. TypeError for anything but a Generator.

    >>> tc.random.rand(2, generator=tc.data.current_generator()).shape
    (2,)
    """
    if generator is None:
        current = _current.get()
        return default_generator if current is None else current
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a Generator, got {type(generator).__name__}")
    return generator


class drawing_from:  # noqa: N801 - a context manager, used as a function
    """Make `generator` the current one of this thread: `with drawing_from(g): ...`."""

    def __init__(self, generator: Generator):
        self._generator = generator

    def __enter__(self) -> Generator:
        self._token = _current.set(self._generator)
        return self._generator

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


def draw_seed(generator: Generator) -> int:
    """A seed in [0, 2**63) for a generator of its own."""
    return int(randint((), 0, 2**63, generator=generator))


def batch_generator(epoch_seed: int, number: int) -> Generator:
    """The generator of one batch: seeded with output `number` of SplitMix64 started from the epoch's seed.

    Method: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    z = (epoch_seed + (number + 1) * _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return Generator(z ^ (z >> 31))
