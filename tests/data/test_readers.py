"""Readers of files: right on good ones, DataError and nothing else on damaged and hostile ones."""

import gzip
import io
import os
import pickle
import struct
import tarfile
import tracemalloc
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore.data import (
    DataError,
    idx_bytes,
    read_cifar,
    read_idx,
    read_numpy_pickle,
    read_table,
    read_tar_member,
    read_zip_member,
)

IDX_DTYPES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx(array) -> bytes:
    """An IDX file by NumPy and struct, written apart from the package."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, IDX_DTYPES[array.dtype.name], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("dtype", IDX_DTYPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4), (0, 5)])
@pytest.mark.parametrize("packed", [False, True])
def test_idx(dtype, shape, packed, tmp_path) -> None:
    array = (np.random.default_rng(0).random(shape) * 100 - (0 if dtype == "uint8" else 50)).astype(dtype)
    data = idx(np.asarray(array))
    assert idx_bytes(tc.asarray(array)) == data
    path = tmp_path / "x.idx"
    path.write_bytes(gzip.compress(data) if packed else data)
    for source in (path, str(path), path.read_bytes()):
        got = read_idx(source)
        assert got.dtype.name == dtype
        np.testing.assert_array_equal(np.array(got), array)


def test_idx_refuses(tmp_path) -> None:
    good = idx(np.arange(6, dtype=np.int16).reshape(2, 3))
    path = tmp_path / "bad.idx"
    path.write_bytes(good[:-1])
    with pytest.raises(DataError, match=r"bad\.idx: declares shape \(2, 3\) of int16, 12 bytes, but has 11"):
        read_idx(path)
    for bad, reason in [
        (b"", "no IDX file, it starts with nothing"),
        (b"\0\0\x07\1\0\0\0\1x", "no IDX file"),
        (b"\0\0\x08\xff" + b"\0" * 2000, "255 axes"),
        (b"\0\0\x08\x02\0\0\0\1", "declares 2 axes"),
        (good + b"x", "but has 13"),
        (gzip.compress(good)[:-9], "cut short"),
        (gzip.compress(good) + b"rubbish", "gzip"),
        (b"\x1f\x8brubbish", "gzip"),
    ]:
        with pytest.raises(DataError, match=reason):
            read_idx(bad)
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "none")
    with pytest.raises(TypeError, match="int64"):
        idx_bytes(tc.arange(3))


def peak(function) -> int:
    """Bytes of Python memory that a call took at most."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bombs_are_refused_before_memory_is_taken() -> None:
    huge = b"\0\0\x0e\3" + b"\xff\xff\xff\xff" * 3  # 2**99 bytes
    honest = b"\0\0\x08\1" + (10).to_bytes(4, "big")
    bombs = [huge, gzip.compress(huge + bytes(100)), gzip.compress(honest + bytes(50_000_000))]
    for bomb in bombs:

        def read(bomb=bomb) -> None:
            with pytest.raises(DataError, match="limit"):
                read_idx(bomb)

        assert peak(read) < 2_000_000
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    honest_zip = packed.getvalue()
    lying = honest_zip.replace(struct.pack("<I", 50_000_000), struct.pack("<I", 1000))
    assert lying != honest_zip
    table = gzip.compress(b"a\n" + b"1\n" * 20_000_000)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        info = tarfile.TarInfo("zeros")
        info.size = 50_000_000
        archive.addfile(info, io.BytesIO(bytes(50_000_000)))
    for read in (
        lambda: read_zip_member(honest_zip, "zeros", limit=10**6),
        lambda: read_zip_member(lying, "zeros", limit=10**6),
        lambda: read_table(table, limit=10**6),
        lambda: read_tar_member(tar.getvalue(), "zeros", limit=10**6),
    ):

        def refused(read=read) -> None:
            with pytest.raises(DataError):
                read()

        assert peak(refused) < 6_000_000


def test_files_beyond_the_limit(tmp_path) -> None:
    path = tmp_path / "big"
    path.write_bytes(bytes(1000))
    with pytest.raises(DataError, match=r"big: has 1000 bytes, the limit is 999"):
        read_idx(path, limit=999)
    with pytest.raises(DataError, match="limit of 5 bytes"):
        read_table(b"a\n1\n2\n3\n", limit=5)
    with pytest.raises(DataError, match="more than the limit"):
        read_idx("/dev/zero", limit=10**5)


@pytest.mark.parametrize("classes", [10, 100])
def test_cifar(classes, tmp_path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 3, 32, 32), np.uint8)
    labels = rng.integers(0, classes, (4, 1 if classes == 10 else 2), np.uint8)
    path = tmp_path / "batch.bin"
    path.write_bytes(np.concatenate([labels, images.reshape(4, -1)], axis=1).tobytes())
    got = read_cifar(path, classes)
    np.testing.assert_array_equal(np.array(got.images), images)
    assert got.labels.tolist() == labels[:, -1].tolist()
    assert got.labels.dtype == tc.int64
    for bad, reason in (
        (path.read_bytes()[:-1], "whole number"),
        (b"", "whole number"),
        (b"\xff" * 3074 * 3073, "label 255"),
    ):
        with pytest.raises(DataError, match=reason):
            read_cifar(bad, classes)
    with pytest.raises(ValueError, match="10 or 100"):
        read_cifar(path, 20)


def test_table() -> None:
    text = 'kind,"n, all",x,y\ncat,1,0.5,\n"do""g",-2,NA,3e2\n\ncat,+3,inf,4\n'
    for data in (text.encode(), gzip.compress(text.encode()), text.replace("\n", "\r\n").encode()):
        table = read_table(data)
        assert len(table) == 3
        assert table["kind"] == ["cat", 'do"g', "cat"]
        assert table["n, all"].dtype == tc.int64
        assert table["n, all"].tolist() == [1, -2, 3]
        assert str(table["x"].tolist()) == "[0.5, nan, inf]"
        assert str(table["y"].tolist()) == "[nan, 300.0, 4.0]"
    codes, categories = table.encode("kind")
    assert (codes.tolist(), categories) == ([0, 1, 0], ["cat", 'do"g'])
    assert table.encode("kind", ['do"g', "cat"])[0].tolist() == [1, 0, 1]
    matrix = table.matrix(["n, all", "y"])
    assert (matrix.shape, matrix.dtype) == ((3, 2), tc.float32)
    assert table.matrix().shape == (3, 3)
    named = read_table(b"1;2\n3;4\n", delimiter=";", names=["a", "b"])
    assert named["b"].tolist() == [2, 4]
    assert read_table(b"x\n1_000\n")["x"] == ["1_000"]  # Python's own notation is no number in a table
    assert read_table(b"x\n99999999999999999999\n")["x"].dtype == tc.float64
    for call, error in [
        (lambda: table.encode("y"), TypeError),
        (lambda: table.encode("kind", ["cat"]), ValueError),
        (lambda: table.matrix(["kind"]), TypeError),
        (lambda: read_table(b"a\nx\n").matrix(), ValueError),
        (lambda: table["none"], KeyError),
    ]:
        with pytest.raises(error):
            call()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "column names"),
        (b"a,a\n1,2\n", "that differ"),
        (b"a,b\n", "no rows"),
        (b"a,b\n1,2\n3\n", "line 3 has 1 fields, not 2"),
        (b'a\n"open\n', "CSV"),
        (b"a\n\xff\n", "UnicodeDecodeError"),
        (b"a\n" + b"x" * 200_000, "field larger"),
    ],
)
def test_bad_tables(data, reason) -> None:
    with pytest.raises(DataError, match=reason):
        read_table(data)


def zipped(method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a/b.txt", b"hello" * 50)
    return out.getvalue()


def tarred(kind=tarfile.REGTYPE, packed=True) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz" if packed else "w") as archive:
        info = tarfile.TarInfo("a/b.txt")
        info.type, info.linkname = kind, "/etc/passwd"
        info.size = 250 if kind == tarfile.REGTYPE else 0
        archive.addfile(info, io.BytesIO(b"hello" * 50))
    return out.getvalue()


def test_archives() -> None:
    assert read_zip_member(zipped(), "a/b.txt") == read_tar_member(tarred(), "a/b.txt") == b"hello" * 50
    assert read_tar_member(tarred(packed=False), "a/b.txt", limit=20_000) == b"hello" * 50
    assert read_zip_member(zipped(zipfile.ZIP_STORED), "a/b.txt") == b"hello" * 50
    with pytest.raises(DataError, match="not deflate"):
        read_zip_member(zipped(zipfile.ZIP_LZMA), "a/b.txt")
    for reader, data in ((read_zip_member, zipped()), (read_tar_member, tarred())):
        with pytest.raises(DataError, match="'none' cannot be read: KeyError"):
            reader(data, "none")
    with pytest.raises(DataError, match="limit is 200"):
        read_zip_member(zipped(zipfile.ZIP_DEFLATED), "a/b.txt", limit=200)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE):
        with pytest.raises(DataError, match="no plain file"):
            read_tar_member(tarred(kind), "a/b.txt")


ARRAYS = (np.arange(12, dtype=np.float32).reshape(3, 4), np.arange(3))


@pytest.mark.parametrize("protocol", [2, 3])
def test_numpy_pickle(protocol) -> None:
    data = pickle.dumps((ARRAYS, ARRAYS[::-1]), protocol)
    if protocol == 2:  # Python 3 writes bytes by a call of its own there; Python 2, which wrote such files, did not
        with pytest.raises(DataError, match=r"_codecs\.encode"):
            read_numpy_pickle(data)
        data = python2_pickle()
    (x, n), (m, y) = read_numpy_pickle(data)
    assert (x.dtype, n.dtype) == (tc.float32, tc.int64)
    assert x.tolist() == y.tolist() == ARRAYS[0].tolist()
    assert n.tolist() == m.tolist() == [0, 1, 2]


def python2_pickle() -> bytes:
    """The arrays as Python 2 wrote them: texts are bytes (the instructions T and U)."""

    def text(value: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(value)) + value

    def array(a) -> bytes:
        shape = b"(" + b"".join(b"K" + bytes([n]) for n in a.shape) + b"t"
        dtype = b"cnumpy\ndtype\n" + text(a.dtype.str[1:].encode()) + b"K\0K\1\x87R"
        dtype += b"(K\3" + text(b"<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
        start = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
        return start + b"(K\1" + shape + dtype + b"\x89" + text(a.tobytes()) + b"tb"

    x, n = map(array, ARRAYS)
    return b"\x80\2" + x + n + b"\x86" + n + x + b"\x86\x86."


class Evil:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_malicious_pickle_is_not_run(protocol, tmp_path) -> None:
    mark = tmp_path / "mark"
    for evil in (
        Evil(os.system, f"touch {mark}"),
        Evil(eval, f"open({str(mark)!r}, 'w')"),
        Evil(os.mkdir, str(mark)),
    ):
        for value in (evil, (ARRAYS, evil), {"x": evil}):
            with pytest.raises(DataError):
                read_numpy_pickle(pickle.dumps(value, protocol))
            assert not mark.exists()
    for name in (b"cos\nsystem\n", b"cbuiltins\nexec\n", b"cnumpy\nload\n", b"cnumpy.core.multiarray\nfromfile\n"):
        with pytest.raises(DataError, match="asks for"):
            read_numpy_pickle(name + b"T\x05\0\0\0touch\x85R.")
    with pytest.raises(DataError, match="LONG_BINPUT"):  # a memo entry of number 2**31 would take its memory
        read_numpy_pickle(b"Nr\xff\xff\xff\x7f.")


GOOD = {
    "idx": (lambda d: read_idx(d, limit=10**6), idx(np.arange(24, dtype=np.float32).reshape(2, 3, 4))),
    "idx.gz": (lambda d: read_idx(d, limit=10**6), gzip.compress(idx(np.arange(500, dtype=np.int32)))),
    "cifar": (lambda d: read_cifar(d), bytes(3073 * 2)),
    "table": (lambda d: read_table(d, limit=10**6), b'a,"b"\n1,x\n2.5,y\n'),
    "zip": (lambda d: read_zip_member(d, "a/b.txt", limit=10**6), zipped()),
    "tar": (lambda d: read_tar_member(d, "a/b.txt", limit=10**6), tarred(packed=False)),
    "tar.gz": (lambda d: read_tar_member(d, "a/b.txt", limit=10**6), tarred()),
    "pickle2": (lambda d: read_numpy_pickle(d, limit=10**6), python2_pickle()),
    "pickle3": (lambda d: read_numpy_pickle(d, limit=10**6), pickle.dumps((ARRAYS, ARRAYS), 3)),
}


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_damaged_files_give_data_errors_only(kind, data) -> None:
    """Bytes changed, cut off, put in or repeated: a value or a DataError, nothing else."""
    read, good = GOOD[kind]
    damaged = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(damaged) - 1, 0)))
        how = data.draw(st.sampled_from(["change", "cut", "insert", "repeat", "ones"]))
        if how == "change" and damaged:
            damaged[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del damaged[at:]
        elif how == "insert":
            damaged[at:at] = data.draw(st.binary(max_size=8))
        elif how == "repeat":
            damaged[at:at] = damaged[at : at + data.draw(st.integers(0, 40))]
        else:
            damaged[at : at + 4] = b"\xff" * 4
    try:
        read(bytes(damaged))
    except DataError as error:
        assert " bytes>" in str(error)  # says which source


@pytest.mark.parametrize("kind", GOOD)
@settings(max_examples=50, deadline=None, derandomize=True)
@given(start=st.integers(0, 64), rest=st.binary(max_size=200))
def test_rubbish_gives_data_errors_only(kind, start, rest) -> None:
    read, good = GOOD[kind]
    try:
        read(good[:start] + rest)
    except DataError as error:
        assert " bytes>" in str(error)
