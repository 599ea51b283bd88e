"""Containers: modules and parameters in sequences and dicts, registered as attributes are."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from .module import Module, tree
from .parameter import Parameter


def _place(owner: Any, table: Mapping[str, Any], index: Any) -> int:
    """A position in [0, len) from one that may be negative; IndexError outside, TypeError for what is no int."""
    i = operator.index(index)
    if not -len(table) <= i < len(table):
        raise IndexError(f"{type(owner).__name__}: index {i} is out of range for {len(table)} entries")
    return i % len(table)


class _Listed(Module):
    """What `Sequential`, `ModuleList` and `ParameterList` share: entries named "0", "1", … in one table."""

    _table = "_modules"

    @property
    def _entries(self) -> dict[str, Any]:
        return self.__dict__[self._table]

    def _set_all(self, entries: Iterable[Any]) -> None:
        entries = list(entries)
        self._entries.clear()
        for i, entry in enumerate(entries):
            self._add(str(i), entry)

    def _add(self, name: str, entry: Any) -> None:
        self.add_module(name, entry)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._entries.values())

    def __contains__(self, entry: Any) -> bool:
        return any(entry is e for e in self)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)._of(self, list(self._entries.items())[index])
        return list(self)[_place(self, self._entries, index)]

    @classmethod
    def _of(cls, source: Any, items: list[tuple[str, Any]]) -> Any:
        return cls(v for _, v in items)  # type: ignore[call-arg]

    def __setitem__(self, index: int, entry: Any) -> None:
        setattr(self, list(self._entries)[_place(self, self._entries, index)], entry)

    def __delitem__(self, index: Any) -> None:
        entries = list(self)
        if not isinstance(index, slice):
            index = _place(self, self._entries, index)
        del entries[index]
        self._set_all(entries)

    def __iadd__(self, entries: Iterable[Any]) -> Any:
        return self.extend(entries)

    def __add__(self, entries: Iterable[Any]) -> Any:
        if not isinstance(entries, Iterable):
            return NotImplemented
        return type(self)._of(self, [(str(i), e) for i, e in enumerate([*self, *entries])])

    def append(self, entry: Any) -> Any:
        """Add an entry at the end; returns the container."""
        self._add(str(len(self)), entry)
        return self

    def extend(self, entries: Iterable[Any]) -> Any:
        """Add entries at the end; returns the container. TypeError for what cannot be iterated over."""
        if not isinstance(entries, Iterable):
            raise TypeError(f"{type(self).__name__}.extend: needs an iterable, got {type(entries).__name__}")
        for entry in list(entries):
            self.append(entry)
        return self

    def insert(self, index: int, entry: Any) -> Any:
        """Put an entry before position `index`; returns the container."""
        entries = list(self)
        i = operator.index(index)
        if not -len(entries) <= i <= len(entries):
            raise IndexError(f"{type(self).__name__}.insert: index {i} is out of range for {len(entries)} entries")
        entries.insert(i, entry)
        self._set_all(entries)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take out and return an entry."""
        entry = self[index]
        del self[index]
        return entry


class Sequential(_Listed):
    """Modules one after the other: Sequential(m1, m2, …) computes …(m2(m1(x))).

    A dict (as an OrderedDict) of modules gives them names. Has the operations of a list.

    >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))(tc.ones(4)).shape
    (2,)
    """

    def __init__(self, *modules: Any):
        super().__init__()
        named = len(modules) == 1 and isinstance(modules[0], Mapping)
        for name, module in modules[0].items() if named else enumerate(modules):
            self.add_module(str(name), module)

    @classmethod
    def _of(cls, source: Any, items: list[tuple[str, Any]]) -> Any:
        return cls(dict(items))

    def __mul__(self, times: int) -> Sequential:
        if not isinstance(times, int) or times < 1:
            raise ValueError(f"Sequential: must be multiplied by an int of 1 or more, got {times!r}")
        return Sequential(*list(self) * times)

    def __rmul__(self, times: int) -> Sequential:
        return self * times

    def __imul__(self, times: int) -> Sequential:
        self.extend(list(self * times)[len(self) :])
        return self

    def forward(self, x: Any) -> Any:
        """Each module applied to what the one before it returned."""
        for module in self:
            x = module(x)
        return x


class ModuleList(_Listed):
    """A list of modules that are registered: its parameters are found. It has no forward.

    >>> len(nn.ModuleList(nn.Linear(2, 2) for _ in range(3)))
    3
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(modules or ())

    def __repr__(self) -> str:
        # Equal neighbours share a line, as deep stacks of one block are long otherwise.
        children = []
        for text, group in groupby(enumerate(map(repr, self)), key=lambda pair: pair[1]):
            places = [i for i, _ in group]
            many = len(places) > 1
            children.append(
                (f"{places[0]}-{places[-1]}", f"{len(places)} x {text}") if many else (str(places[0]), text)
            )
        return tree(type(self).__name__, "", children)


class ParameterList(_Listed):
    """A list of parameters that are registered; tensors are made parameters.

    >>> len(list(nn.ParameterList([tc.zeros(2), tc.ones(3)]).parameters()))
    2
    """

    _table = "_parameters"

    def __init__(self, values: Iterable[Any] | None = None):
        super().__init__()
        self.extend(values or ())

    def _add(self, name: str, entry: Any) -> None:
        self.register_parameter(name, _as_parameter(entry))

    def __setitem__(self, index: int, entry: Any) -> None:
        super().__setitem__(index, _as_parameter(entry))

    def __repr__(self) -> str:
        return _parameters_text(self, self._entries)


class _Keyed(Module):
    """What `ModuleDict` and `ParameterDict` share."""

    _table = "_modules"

    @property
    def _entries(self) -> dict[str, Any]:
        return self.__dict__[self._table]

    def __getitem__(self, key: str) -> Any:
        return self._entries[key]

    def __setitem__(self, key: str, module: Any) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def clear(self) -> None:
        """Take everything out."""
        self._entries.clear()

    def pop(self, key: str, *default: Any) -> Any:
        """Take out and return what `key` names; KeyError, or `default`, where there is nothing."""
        return self._entries.pop(key, *default)

    def keys(self) -> Any:
        """The names."""
        return self._entries.keys()

    def values(self) -> Any:
        """The entries."""
        return self._entries.values()

    def items(self) -> Any:
        """Names and entries."""
        return self._entries.items()

    def update(self, entries: Any) -> None:
        """Add the entries of a mapping, or (name, entry) pairs; later ones replace earlier ones."""
        if not isinstance(entries, Iterable):
            raise TypeError(f"{type(self).__name__}: needs a mapping or pairs, got {type(entries).__name__}")
        pairs = entries.items() if hasattr(entries, "items") else entries
        for key, value in pairs:
            self[key] = value


class ModuleDict(_Keyed):
    """A dict of modules that are registered: ModuleDict({"name": module, …}). It has no forward.

    >>> list(nn.ModuleDict({"act": nn.ReLU()}))
    ['act']
    """

    def __init__(self, modules: Any = None):
        super().__init__()
        self.update(modules or {})


class ParameterDict(_Keyed):
    """A dict of parameters that are registered; tensors are made parameters.

    >>> nn.ParameterDict({"scale": tc.ones(1)})["scale"].requires_grad
    True
    """

    _table = "_parameters"

    def __init__(self, parameters: Any = None):
        super().__init__()
        self.update(parameters or {})

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, _as_parameter(value))

    def get(self, key: str, default: Any = None) -> Any:
        """The parameter of `key`, or `default`."""
        return self._entries.get(key, default)

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The parameter of `key`, which is added first if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def popitem(self) -> tuple[str, Any]:
        """Take out and return the last pair."""
        return self._entries.popitem()

    def copy(self) -> ParameterDict:
        """Another dict of the same parameters."""
        return ParameterDict(self._entries)

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A dict with `default` under each of `keys`."""
        return ParameterDict(dict.fromkeys(keys, default))

    def __or__(self, other: Any) -> ParameterDict:
        return ParameterDict({**self._entries, **dict(other.items())})

    def __ior__(self, other: Any) -> ParameterDict:
        self.update(other)
        return self

    def __repr__(self) -> str:
        return _parameters_text(self, self._entries)


def _as_parameter(value: Any) -> Any:
    return value if value is None or isinstance(value, Parameter) else Parameter(value)


def _parameters_text(owner: Any, entries: Mapping[str, Any]) -> str:
    def text(p: Any) -> str:
        return "None" if p is None else f"Parameter of shape {p.shape} and dtype {p.dtype.name} on {p.device}"

    return tree(type(owner).__name__, "", ((name, text(p)) for name, p in entries.items()))


__all__ = ["ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"]
