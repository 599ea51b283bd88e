"""Reading files that may be damaged or hostile, and writing files that are whole or not there.

Every reader of this package bounds what it allocates by a limit or by the size of what it was given, and raises
`DataError` for anything that is not as it should be.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

Source = str | os.PathLike[str] | bytes  # a file's path, or its contents
LIMIT = 2**31  # bytes: what a reader takes unless told otherwise


class DataError(ValueError):
    """A file is not what it should be; the message names the file and the reason."""


class DownloadError(DataError, OSError):
    """A data set could not be had; the message lists what was tried and says which file to put where."""


def name_of(source: Source) -> str:
    """How messages name a source."""
    return f"<{len(source)} bytes>" if isinstance(source, (bytes, bytearray, memoryview)) else os.fspath(source)


def read_bytes(source: Source, limit: int = LIMIT) -> bytes:
    """A source's contents. DataError beyond `limit` bytes, OSError for a file that cannot be read."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source)
    else:
        with open(source, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size > limit:
                raise DataError(f"{name_of(source)}: has {size} bytes, the limit is {limit}")
            data = file.read(limit + 1)  # a file that is no plain one has any size
    if len(data) > limit:
        raise DataError(f"{name_of(source)}: has more than the limit of {limit} bytes")
    return data


@contextmanager
def as_data_error(name: str, what: str) -> Iterator[None]:
    """Turn whatever a parser of the standard library raises into a DataError that names the file."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{name}: {what}: {type(error).__name__}: {error}") from error


def gunzip(data: bytes, limit: int, name: str) -> bytes:
    """What gzip data holds, of which no more than `limit` bytes are ever unpacked; DataError beyond and for damage."""
    import zlib

    out, rest = b"", data
    with as_data_error(name, "is no valid gzip file"):
        while rest:
            unpacker = zlib.decompressobj(wbits=31)
            part = unpacker.decompress(rest, limit - len(out) + 1)
            out = out + part if out else part
            if len(out) > limit:
                raise DataError(f"{name}: unpacks to more than the limit of {limit} bytes")
            if not unpacker.eof:
                raise DataError(f"{name}: is cut short")
            rest = unpacker.unused_data.lstrip(b"\0")
    return out


def gunzip_start(data: bytes, count: int, name: str) -> bytes:
    """The first `count` bytes that gzip data unpacks to, or fewer if there are no more."""
    import zlib

    with as_data_error(name, "is no valid gzip file"):
        return zlib.decompressobj(wbits=31).decompress(data, count)


def is_gzip(data: bytes) -> bool:
    """Whether the data starts as gzip files do."""
    return data[:2] == b"\x1f\x8b"


def sha256(data: bytes) -> str:
    """The SHA-256 checksum in hexadecimal digits."""
    import hashlib

    return hashlib.sha256(data).hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file that others see whole or not at all, also when several write it at once or the power fails.

    The bytes go to a file of another name beside it, which then takes its place; left behind is nothing else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
