"""Derivatives of functions, custom operations and recomputation, on top of tape and walk."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import _core
from .tape import grad_mode, record
from .walk import as_sequence, grad


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Any:
    """Turn `function` into one that returns its scalar value and the gradients of `argnums`.

    Example:
        >>> f = tc.value_and_grad(lambda x: (x * x).sum())
        >>> f(tc.asarray([1.0, 2.0]))
        (tensor(5.), tensor([2., 4.]))
    """
    several = not isinstance(argnums, int)
    numbers: tuple[int, ...] = tuple(argnums) if several else (argnums,)  # type: ignore[arg-type, assignment]

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        called = list(args)
        for n in numbers:
            if not -len(args) <= n < len(args):
                raise IndexError(f"grad: argnums must name a positional argument, got {n} for {len(args)} arguments")
            if not isinstance(args[n], _core.TensorBase):
                raise TypeError(f"grad: argument {n} must be a Tensor, got {type(args[n]).__name__}")
            outer = _core.is_grad_enabled() and args[n].requires_grad
            if not outer:  # an outer derivative keeps its own graph
                called[n] = _core.alias(args[n])
                called[n].requires_grad = True
        outer_on = any(args[n].requires_grad for n in numbers) and _core.is_grad_enabled()
        with grad_mode(True):
            value = function(*called, **kwargs)
            grads = grad(value, [called[n] for n in numbers], create_graph=outer_on)
        if not outer_on:
            value = _core.alias(value)
        return value, (grads if several else grads[0])

    return wrapped


def grad_of(function: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Any:
    """Turn a scalar `function` into one that returns its gradient; nest it for higher orders."""
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return wrapped


class Context:
    """What `Function.forward` leaves for `Function.backward`."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors for the backward; changes in place to them are detected."""
        self.saved_tensors = tensors


class Function:
    """A custom operation: subclass, define static `forward(ctx, *args)` and `backward(ctx, *gs)`.

    `backward` gets one gradient per output and returns one gradient, or None, per argument of
    `forward`. Call it by `apply`.

    Example:
        >>> class Cube(tc.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x * x * x
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x * x * g
        >>> y = Cube.apply(tc.asarray([2.0], dtype=tc.float32))
    """

    @staticmethod
    def forward(ctx: Context, *args: Any) -> Any:
        """Compute the outputs; recording is off inside."""
        raise TypeError("Function: a subclass must define the static method forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Context, *gradients: Any) -> Any:
        """Gradients of the arguments of `forward`."""
        raise TypeError("Function: a subclass must define the static method backward(ctx, *gradients)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run the operation and record it."""
        ctx = Context()
        with grad_mode(False):
            outputs = cls.forward(ctx, *args)
        if not _core.any_requires_grad(*args):
            return outputs
        several = isinstance(outputs, tuple)
        # An output that is an input would make the node its own ancestor: hand out another view of it.
        fresh = tuple(_core.alias(o) if any(o is a for a in args) else o for o in as_sequence(outputs))

        def rule(g: Any, needs: Sequence[bool], *saved: Any) -> Sequence[Any]:
            ctx.saved_tensors, ctx.needs_input_grad = saved, tuple(needs)
            gs = g if several else (g,)
            if any(part is None for part in gs):
                from ..ops.creation import zeros

                gs = tuple(
                    zeros(shape, dtype=dtype) if part is None else part
                    for part, (shape, dtype) in zip(gs, shapes, strict=True)
                )
            grads = as_sequence(cls.backward(ctx, *gs))
            if len(grads) != len(args):
                raise RuntimeError(
                    f"{cls.__name__}.backward: must return one gradient per argument of forward "
                    f"({len(args)}), got {len(grads)}"
                )
            return grads

        shapes = [(o.shape, o.dtype) for o in fresh]
        saved = ctx.saved_tensors
        ctx.saved_tensors = ()
        result = fresh if several else fresh[0]
        return record(result, cls.__name__, rule, args, saved)


def checkpoint(function: Callable[..., Any], *args: Any) -> Any:
    """Call `function(*args)` keeping only its inputs; intermediate values are computed again in backward.

    Saves memory for time. `function` must compute the same result when called again; random
    numbers drawn from the default generator repeat.
    """
    if not _core.any_requires_grad(*args):
        return function(*args)
    from ..ops.random import default_generator

    state = default_generator.get_state()
    with grad_mode(False):
        outputs = function(*args)
    several = isinstance(outputs, tuple)

    def rule(g: Any, needs: Sequence[bool], *values: Any) -> Sequence[Any]:
        recorded = _core.is_grad_enabled()
        now = default_generator.get_state()
        default_generator.set_state(state)
        try:
            with grad_mode(True):
                again = []
                for value in values:
                    if isinstance(value, _core.TensorBase) and value.requires_grad and not recorded:
                        value = _core.alias(value)
                        value.requires_grad = True
                    again.append(value)
                results = as_sequence(function(*again))
        finally:
            default_generator.set_state(now)
        pairs = [
            (r, part)
            for r, part in zip(results, g if several else (g,), strict=True)
            if part is not None and r.requires_grad
        ]
        chosen = [i for i, need in enumerate(needs) if need]
        grads: list[Any] = [None] * len(values)
        if pairs:
            got = grad(
                [r for r, _ in pairs],
                [again[i] for i in chosen],
                [part for _, part in pairs],
                create_graph=recorded,
                allow_unused=True,
            )
            for i, gi in zip(chosen, got, strict=True):
                grads[i] = gi
        return grads

    fresh = tuple(_core.alias(o) if any(o is a for a in args) else o for o in as_sequence(outputs))
    return record(fresh if several else fresh[0], "checkpoint", rule, args, args)
