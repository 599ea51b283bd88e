"""Layers without parameters, declared as a function and the names, order and defaults of its settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from .module import Module


class Stateless(Module):
    """Base of layers that only call a function with settings.

    A subclass names `function` and, as annotations, its settings: their names, order and defaults are those of the
    constructor, and they become attributes; those that are tensors, or None, become buffers.
    """

    function: ClassVar[Callable[..., Any]]
    fields: ClassVar[dict[str, Any]] = {}  # settings and their defaults; `...` for none
    tensors: ClassVar[tuple[str, ...]] = ()  # settings that are tensors or None
    shown: ClassVar[tuple[str, ...] | None] = None  # settings in the text, all unless given
    unused: ClassVar[tuple[str, ...]] = ("inplace",)  # settings that the function does not take
    bare: ClassVar[bool] = False  # whether the text has values without names

    def __init_subclass__(cls) -> None:
        kinds = inspect.get_annotations(cls)  # strings: the files import annotations from __future__
        own = {n: getattr(cls, n, ...) for n, kind in kinds.items() if "ClassVar" not in kind}
        if own:
            cls.fields = own
            cls.tensors = tuple(n for n in own if "Tensor" in kinds[n])
        for name in own:
            if name in cls.__dict__:
                delattr(cls, name)

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        name, fields = type(self).__name__, self.fields
        if len(args) > len(fields):
            raise TypeError(f"{name}: takes at most {len(fields)} settings ({', '.join(fields)}), got {len(args)}")
        given = dict(zip(fields, args, strict=False))
        for key, value in kwargs.items():
            if key not in fields or key in given:
                what = "given twice" if key in given else f"not one of its settings ({', '.join(fields)})"
                raise TypeError(f"{name}: {key!r} is {what}")
            given[key] = value
        for key, default in fields.items():
            value = given.get(key, default)
            if value is ...:
                raise TypeError(f"{name}: the setting {key!r} must be given")
            if key in self.tensors:
                self.register_buffer(key, value)
            else:
                setattr(self, key, value)

    def settings(self) -> dict[str, Any]:
        """The settings that the function takes."""
        return {n: getattr(self, n) for n in self.fields if n not in self.unused}

    def forward(self, *inputs: Any) -> Any:
        """The function of the inputs, with the settings."""
        return type(self).function(*inputs, **self.settings())

    def extra_repr(self) -> str:
        """The settings."""
        names = self.fields if self.shown is None else self.shown
        shown = [n for n in names if n != "inplace" or getattr(self, n)]
        return ", ".join(repr(getattr(self, n)) if self.bare else f"{n}={getattr(self, n)!r}" for n in shown)


__all__ = ["Stateless"]
