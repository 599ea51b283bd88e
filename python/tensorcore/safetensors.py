"""The safetensors file format, written atomically and read with every byte distrusted.

A file is the header's length (8 bytes, little-endian), the header (JSON: for each tensor its dtype, shape and place),
and the tensors' bytes, without gaps. https://huggingface.co/docs/safetensors
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

from . import _core
from .tensor import Tensor

DTYPES = {
    "BOOL": _core.bool,
    "U8": _core.uint8,
    "I8": _core.int8,
    "I16": _core.int16,
    "I32": _core.int32,
    "I64": _core.int64,
    "F16": _core.float16,
    "BF16": _core.bfloat16,
    "F32": _core.float32,
    "F64": _core.float64,
}
_CODES = {dtype: code for code, dtype in DTYPES.items()}
MAX_HEADER = 100_000_000  # bytes; the limit of the reference implementation
_METADATA = "__metadata__"


class Entry(NamedTuple):
    """Where a tensor lies: `begin` and `end` are bytes from the end of the header."""

    dtype: _core.DType
    shape: tuple[int, ...]
    begin: int
    end: int


def check_path(path: Any, op: str) -> str:
    """The path as text; TypeError unless it is a string or an os.PathLike."""
    if not isinstance(path, (str, os.PathLike)):  # not an int, which open() would take for a file descriptor
        raise TypeError(f"{op}: path must be a str or an os.PathLike, got {type(path).__name__}")
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError(f"{op}: path must be text, got {type(text).__name__}")
    return text


# ---- writing ----


def write_atomically(path: str, write: Callable[[BinaryIO], None]) -> None:
    """Let `write` fill a temporary file beside `path`, then give it that name.

    The bytes are on the disk before the name changes, and the name before this returns, so that whenever the process
    is killed or the power fails `path` holds the old file or the new one, whole.
    """
    path = os.path.realpath(path)  # a link keeps pointing where it pointed
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f"{temporary_prefix(name)}{os.getpid()}-{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_folder(folder)


def temporary_prefix(name: str) -> str:
    """How the names of the temporary files begin that become `name`."""
    return f".{name}.tmp-"


def sync_folder(folder: str) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "nt":
        return  # a folder cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_file(path: str, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write named tensors, from any device and in any layout, and texts to go with them."""
    import json  # here: most programs that import the package need none

    header: dict[str, Any] = {_METADATA: dict(metadata)}
    # Wide items first, so that each lies at a multiple of its size.
    order = sorted(tensors, key=lambda name: -tensors[name].itemsize)
    ends, end = {}, 0
    for name in order:
        end += tensors[name].nbytes
        ends[name] = end
    for name, x in tensors.items():
        if name == _METADATA:
            raise ValueError(f"save: a tensor cannot be named {_METADATA!r}, which the format reserves")
        offsets = [ends[name] - x.nbytes, ends[name]]
        header[name] = {"dtype": _CODES[x.dtype], "shape": list(x.shape), "data_offsets": offsets}
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"save: a name or text is not valid Unicode: {error}") from None
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise ValueError(f"save: names and metadata take {len(text)} bytes, the format allows {MAX_HEADER}")

    def write(file: BinaryIO) -> None:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in order:
            file.write(memoryview(_core.as_bytes(tensors[name])))

    write_atomically(path, write)


# ---- reading ----


class File:
    """An open safetensors file: `entries` by name, in the header's order, and `metadata`.

    Raises ValueError, naming file and reason, for anything but a whole and consistent file, OSError where
    the file cannot be opened. Memory is taken only for tensors whose bytes are in the file.
    """

    def __init__(self, path: str, op: str = "load"):
        self._op, self._path = op, path
        if not stat.S_ISREG(os.stat(path).st_mode):  # before opening it: a pipe would wait for a writer
            raise self._error("it is not a regular file")
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by __exit__
        try:
            size = os.fstat(self._file.fileno()).st_size
            self.entries, self.metadata, self._start = self._read_header(size)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> File:
        return self

    def __exit__(self, *exception: Any) -> None:
        self._file.close()

    def read(self, name: str) -> Tensor:
        """The tensor of that name, on the CPU."""
        entry = self.entries[name]
        x = _core.empty(entry.shape, entry.dtype, "cpu")
        memory = _core.as_bytes(x)
        self._read_into(self._start + entry.begin, memoryview(memory), f"tensor {name!r}")
        if entry.dtype is _core.bool and x.size and _core.max(memory, None, False).item() > 1:
            raise self._error(f"tensor {name!r} of dtype BOOL has bytes other than 0 and 1")
        return x

    def _error(self, reason: str) -> ValueError:
        return ValueError(f"{self._op}: {self._path!r}: {reason}")

    def _read_into(self, place: int, memory: memoryview, what: str) -> None:
        self._file.seek(place)
        done = 0
        while done < len(memory):
            count = self._file.readinto(memory[done:])
            if not count:
                raise self._error(f"the file ends {len(memory) - done} bytes before the end of {what}")
            done += count

    def _read_header(self, size: int) -> tuple[dict[str, Entry], dict[str, str], int]:
        if size < 10:
            raise self._error(f"{size} bytes are too few for a safetensors file")
        head = bytearray(10)
        self._read_into(0, memoryview(head), "the header's length")
        length = int.from_bytes(head[:8], "little")
        if head[8:9] != b"{" and (head[:4] == b"PK\x03\x04" or head[0] == 0x80):
            raise self._error("it looks like a pickle of PyTorch's; write it again with safetensors.torch.save_file")
        if length > min(size - 8, MAX_HEADER):
            raise self._error(f"the header should have {length} bytes; the file has {size}, the limit is {MAX_HEADER}")
        if head[8:9] != b"{":
            raise self._error("the header does not begin with '{'")
        text = bytearray(length)
        self._read_into(8, memoryview(text), "the header")
        try:
            header = parse_json(text)
        except ValueError as error:
            raise self._error(f"the header is not valid JSON: {error}") from None
        metadata = header.pop(_METADATA, {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise self._error(f"{_METADATA} must map names to texts")
        entries = {name: self._check_entry(name, value) for name, value in header.items()}
        self._check_places(entries, size - 8 - length)
        return entries, metadata, 8 + length

    def _check_entry(self, name: str, value: Any) -> Entry:
        if not isinstance(value, dict) or value.keys() != {"dtype", "shape", "data_offsets"}:
            raise self._error(f"tensor {name!r} needs dtype, shape and data_offsets, and nothing else")
        dtype = DTYPES.get(value["dtype"]) if isinstance(value["dtype"], str) else None
        if dtype is None:
            raise self._error(f"tensor {name!r} has dtype {value['dtype']!r}, can be read: {', '.join(DTYPES)}")
        shape, offsets = value["shape"], value["data_offsets"]
        if not _are_counts(shape) or len(shape) > _core.MAX_NDIM:
            raise self._error(f"tensor {name!r} has shape {shape!r}, needs at most {_core.MAX_NDIM} extents, none < 0")
        if not _are_counts(offsets) or len(offsets) != 2:
            raise self._error(f"tensor {name!r} has data_offsets {offsets!r}, needs [begin, end]")
        begin, end = offsets
        # Extents beside a 0 are limited too: strides are computed from them.
        if math.prod(max(n, 1) for n in shape) * dtype.itemsize >= 2**63:
            raise self._error(f"tensor {name!r} of shape {shape!r} is too large")
        if end - begin != math.prod(shape) * dtype.itemsize:
            raise self._error(
                f"tensor {name!r} of dtype {value['dtype']} and shape {shape!r} takes "
                f"{math.prod(shape) * dtype.itemsize} bytes, but data_offsets are {offsets!r}"
            )
        return Entry(dtype, tuple(shape), begin, end)

    def _check_places(self, entries: dict[str, Entry], size: int) -> None:
        place = 0
        for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
            if entry.begin != place:
                raise self._error(f"tensor {name!r} begins at byte {entry.begin}, the one before it ends at {place}")
            place = entry.end
        if place != size:
            raise self._error(f"the tensors take {place} bytes, but {size} follow the header")


def _are_counts(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def parse_json(text: bytes | bytearray) -> dict[str, Any]:
    """A JSON object; ValueError for anything else, for names that occur twice and for NaN."""
    import json

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise ValueError("a name occurs twice")
        return made

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=unique, parse_constant=refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return value
