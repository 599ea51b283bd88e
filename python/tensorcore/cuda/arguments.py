"""Python arguments of a kernel: which C++ type a parameter has, and the bytes it is called with."""

from __future__ import annotations

import ctypes
import operator
import struct
from dataclasses import dataclass
from typing import Any

from .. import _core
from .source import Declared, Parameter
from .tokens import Token, spell

# name: (struct format, bytes, element types whose tensors a pointer to it takes)
_ELEMENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "bool": ("?", ("bool",)),
    "char": ("b", ("int8", "uint8", "bool")),
    "signed char": ("b", ("int8",)),
    "unsigned char": ("B", ("uint8", "bool")),
    "short": ("h", ("int16",)),
    "unsigned short": ("H", ("int16",)),
    "int": ("i", ("int32",)),
    "unsigned int": ("I", ("int32",)),
    "long": ("q", ("int64",)),
    "unsigned long": ("Q", ("int64",)),
    "half": ("e", ("float16",)),
    "bfloat16": ("bf16", ("bfloat16",)),
    "float": ("f", ("float32",)),
    "double": ("d", ("float64",)),
}
_NAMES = {
    "int8_t": "signed char",
    "uint8_t": "unsigned char",
    "int16_t": "short",
    "uint16_t": "unsigned short",
    "int32_t": "int",
    "uint32_t": "unsigned int",
    "int64_t": "long",
    "uint64_t": "unsigned long",
    "size_t": "unsigned long",
    "ssize_t": "long",
    "ptrdiff_t": "long",
    "intptr_t": "long",
    "uintptr_t": "unsigned long",
    "uchar": "unsigned char",
    "ushort": "unsigned short",
    "uint": "unsigned int",
    "ulong": "unsigned long",
    "__half": "half",
    "__nv_bfloat16": "bfloat16",
    "nv_bfloat16": "bfloat16",
}
_VECTORS = {  # pointers to these take tensors of their elements
    **{f"{name}{n}": name for name in ("int", "float", "double", "short", "char") for n in (1, 2, 3, 4)},
    **{f"u{name}{n}": f"unsigned {name}" for name in ("int", "short", "char") for n in (1, 2, 3, 4)},
    **{f"longlong{n}": "long" for n in (1, 2, 3, 4)},
    **{f"ulonglong{n}": "unsigned long" for n in (1, 2, 3, 4)},
    "half2": "half",
    "__half2": "half",
    "nv_bfloat162": "bfloat16",
    "__nv_bfloat162": "bfloat16",
}
_WORDS = frozenset(("signed", "unsigned", "char", "short", "int", "long"))
_ALL = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64")


def _canonical(words: list[str]) -> str:
    """One spelling for each arithmetic type: `unsigned long long int` and `uint64_t` are `unsigned long`."""
    words = [w for w in words if w not in ("::", "std", "tc", "const", "volatile", "typename", "struct")]
    if words and set(words) <= _WORDS:
        sign = "unsigned " if "unsigned" in words else "signed " if "char" in words and "signed" in words else ""
        for size in ("char", "short", "long"):
            if size in words:
                return sign + size
        return "unsigned int" if sign == "unsigned " else "int"
    name = " ".join(words)
    return _NAMES.get(name, name)


@dataclass(frozen=True)
class Slot:
    """How one parameter is filled: a value of `element`, or a pointer to some."""

    name: str
    text: str  # the declaration
    pointer: bool
    writes: bool  # a pointer to what is not const
    format: str  # of struct; 'P' for pointers
    dtypes: tuple[str, ...]  # of tensors a pointer takes


def _expand(words: tuple[str, ...], names: dict[str, tuple[str, ...]], depth: int = 0) -> list[str]:
    out: list[str] = []
    for word in words:
        if word in names and names[word] != (word,) and depth < 16:
            out += _expand(names[word], names, depth + 1)
        else:
            out.append(word)
    return out


def slot_of(kernel: str, parameter: Parameter, names: dict[str, tuple[str, ...]]) -> Slot:
    """What a parameter takes; `names` maps aliases and template parameters to types. ValueError if unknown."""
    words = _expand(parameter.type, names)
    stars = words.count("*")
    pointee = words[: words.index("*")] if stars else words
    element = _canonical(pointee)
    label = parameter.name or spell(parameter.type)
    text = str(parameter)
    if stars == 1 and element == "void":
        return Slot(label, text, True, "const" not in pointee, "P", _ALL)
    if stars == 1 and element in _VECTORS:
        return Slot(label, text, True, "const" not in pointee, "P", _ELEMENTS[_VECTORS[element]][1])
    if stars > 1 or "&" in words or element not in _ELEMENTS:
        raise ValueError(
            f"compile: kernel {kernel!r}: parameter `{text}` is neither a number nor a pointer to numbers"
            " (bool, integers, float, double, __half, __nv_bfloat16 and vectors of them)"
        )
    if stars:
        return Slot(label, text, True, "const" not in pointee, "P", _ELEMENTS[element][1])
    return Slot(label, text, False, False, _ELEMENTS[element][0], ())


def template_arguments(kernel: Declared, given: list[list[Token]]) -> dict[str, tuple[str, ...]]:
    """Template parameters by name; ValueError when the number does not fit."""
    parameters = kernel.template or ()
    names: dict[str, tuple[str, ...]] = {}
    for i, tokens in enumerate(parameters):
        texts = [t.text for t in tokens]
        default = tuple(texts[texts.index("=") + 1 :]) if "=" in texts else ()
        words = texts[: texts.index("=")] if "=" in texts else texts
        value = tuple(t.text for t in given[i]) if i < len(given) else default
        if not value:
            raise ValueError(
                f"compile: kernel {kernel.name!r}: its template parameter `{' '.join(words)}` has no value"
            )
        names[words[-1]] = value
    if len(given) > len(parameters):
        raise ValueError(
            f"compile: kernel {kernel.name!r}: has {len(parameters)} template parameters, got {len(given)} arguments"
        )
    return names


def _bfloat16_bits(value: float) -> int:
    bits: int = struct.unpack("<I", struct.pack("<f", value))[0]
    if bits & 0x7FFFFFFF > 0x7F800000:
        return bits >> 16 | 0x40
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 & 0xFFFF


class Packer:
    """Turns a kernel's arguments into what launches take: an array of pointers to values, followed by the values."""

    def __init__(self, kernel: str, slots: list[Slot]) -> None:
        self.kernel, self.slots = kernel, slots

    def _refuse(self, slot: Slot, wanted: str, got: str) -> TypeError:
        return TypeError(f"kernel {self.kernel!r}: parameter `{slot.text}` must be {wanted}, got {got}")

    def _pointer(self, slot: Slot, value: Any, device: int) -> int:
        if value is None:
            return 0
        wanted = f"a tensor of {' or '.join(slot.dtypes)}" if slot.dtypes != _ALL else "a tensor"
        wanted = f"{wanted} on cuda:{device}"
        if not isinstance(value, _core.TensorBase):
            raise self._refuse(slot, wanted, f"{type(value).__name__} {value!r}"[:80])
        where = value.device
        if value.dtype.name not in slot.dtypes or where.type != "cuda" or where.index != device:
            raise self._refuse(slot, wanted, f"a tensor of {value.dtype.name} on {where}")
        if slot.writes:
            if value.requires_grad and _core.is_grad_enabled():
                raise RuntimeError(
                    f"kernel {self.kernel!r}: parameter `{slot.text}` is not const, and a tensor that requires grad"
                    " cannot be changed by a kernel while operations are recorded: pass x.detach()"
                )
            _core.kernel_writes(value, f"kernel {self.kernel!r}: parameter `{slot.text}`")
        return value._address

    def _number(self, slot: Slot, value: Any) -> bytes:
        code = slot.format
        if code in ("f", "d", "e", "bf16"):
            if isinstance(value, (str, bytes)) or not (hasattr(value, "__float__") or hasattr(value, "__index__")):
                raise self._refuse(slot, "a number", f"{type(value).__name__} {value!r}"[:80])
            number = float(value)
            try:
                if code != "bf16":
                    return struct.pack("<" + code, number)
                return struct.pack("<H", _bfloat16_bits(number))
            except OverflowError:
                raise OverflowError(
                    f"kernel {self.kernel!r}: parameter `{slot.text}`: {number!r} is out of range"
                ) from None
        try:
            integer = operator.index(value)
        except TypeError:
            kind = "a bool" if code == "?" else "an integer"
            raise self._refuse(slot, kind, f"{type(value).__name__} {value!r}"[:80]) from None
        if code == "?" and integer not in (0, 1):
            raise OverflowError(f"kernel {self.kernel!r}: parameter `{slot.text}`: {integer} is neither 0 nor 1")
        try:
            return struct.pack("<" + code, bool(integer) if code == "?" else integer)
        except struct.error:
            bits = 8 * struct.calcsize("<" + code)
            low, high = (0, 2**bits - 1) if code.isupper() else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
            raise OverflowError(
                f"kernel {self.kernel!r}: parameter `{slot.text}`: {integer} is not in [{low}, {high}]"
            ) from None

    def pack(self, arguments: tuple[Any, ...], device: int) -> Any:
        """A ctypes buffer; it must live until the launch has been made."""
        if len(arguments) != len(self.slots):
            names = ", ".join(slot.name for slot in self.slots)
            raise TypeError(
                f"kernel {self.kernel!r}: takes {len(self.slots)} arguments ({names}), got {len(arguments)}"
            )
        values = [
            struct.pack("<Q", self._pointer(slot, value, device)) if slot.pointer else self._number(slot, value)
            for slot, value in zip(self.slots, arguments, strict=True)
        ]
        count = len(values)
        buffer = ctypes.create_string_buffer(max(1, 16 * count))
        base = ctypes.addressof(buffer) + 8 * count
        struct.pack_into(f"<{count}Q", buffer, 0, *(base + 8 * i for i in range(count)))
        for i, value in enumerate(values):
            struct.pack_into(f"{len(value)}s", buffer, 8 * (count + i), value)
        return buffer
