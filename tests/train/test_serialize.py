"""tc.save and tc.load: round trips, other readers, damaged and hostile files, atomic writes."""

import json
import os
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import safetensors as format_

DTYPES = [tc.bool, tc.uint8, tc.int8, tc.int16, tc.int32, tc.int64, tc.float16, tc.bfloat16, tc.float32, tc.float64]


def same(a, b):
    """Equal in type, dtype, shape and every bit."""
    if isinstance(a, tc.Tensor):
        return isinstance(b, tc.Tensor) and a.dtype is b.dtype and a.shape == b.shape and raw(a) == raw(b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and (a == b or (a != a and b != b))


def raw(x):
    return bytes(memoryview(tc._core.as_bytes(x)))


def pack(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def some_tensors(device="cpu"):
    base = tc.arange(24).reshape((2, 3, 4))
    return {str(d): base.astype(d).to(device) for d in DTYPES} | {
        "transposed": tc.arange(6).reshape((2, 3)).mT.to(device),
        "scalar": tc.asarray(2.5).to(device),
        "empty": tc.zeros((0, 3)).to(device),
        "odd": tc.ones(3, dtype=tc.uint8).to(device),
    }


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_dtype_and_layout_comes_back(tmp_path, device):
    tensors = some_tensors(device)
    tc.save(tensors, tmp_path / "x.safetensors", {"what": "all dtypes"})
    back = tc.load(tmp_path / "x.safetensors", device=device)
    assert list(back) == list(tensors)
    assert same(back, tensors)
    assert all(x.device.type == device and not x.requires_grad for x in back.values())
    assert tc.load_metadata(tmp_path / "x.safetensors") == {"format": "pt", "what": "all dtypes"}


def test_the_reference_implementation_reads_our_files_and_we_its(tmp_path):
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("safetensors.torch")
    tensors = some_tensors()
    tc.save(tensors, tmp_path / "ours", {"by": "us"})
    theirs = reference.load_file(tmp_path / "ours")
    assert set(theirs) == set(tensors)
    for name, x in tensors.items():
        assert str(theirs[name].dtype) == f"torch.{x.dtype.name}"
        assert theirs[name].contiguous().view(torch.uint8).flatten().tolist() == list(raw(x)) if x.ndim else True
        assert theirs[name].tolist() == x.tolist()
    reference.save_file(theirs, tmp_path / "theirs", {"format": "pt"})
    assert same(dict(sorted(tc.load(tmp_path / "theirs").items())), dict(sorted(tensors.items())))


def test_the_reference_implementation_agrees_without_pytorch(tmp_path):
    np = pytest.importorskip("numpy")
    reference = pytest.importorskip("safetensors.numpy")
    tensors = {name: x for name, x in some_tensors().items() if x.dtype is not tc.bfloat16}
    tc.save(tensors, tmp_path / "ours")
    theirs = reference.load_file(tmp_path / "ours")
    assert set(theirs) == set(tensors)
    for name, x in tensors.items():
        assert theirs[name].dtype == np.asarray(x).dtype
        assert np.array_equal(theirs[name], np.asarray(x))
    reference.save_file(theirs, tmp_path / "theirs")
    assert same(dict(sorted(tc.load(tmp_path / "theirs").items())), dict(sorted(tensors.items())))


def test_nested_values_come_back(tmp_path):
    shared = tc.ones(3)
    value = {
        "model": {"0.weight": shared, "0.bias": tc.zeros(2, dtype=tc.bfloat16)},
        "model.0": {"weight": tc.zeros(1)},  # the same name as the first
        "optimizer": {"state": {0: {"step": 3, "average": shared}, (1, None): {}}, "groups": [{"lr": 0.1, "on": True}]},
        "numbers": [1, -(2**80), 0.1, float("inf"), float("-inf"), float("nan"), -0.0, None, "text \N{SNOWMAN}", ()],
        "": ((), [], {}),
        3.5: False,
    }
    tc.save(value, tmp_path / "x")
    back = tc.load(tmp_path / "x")
    assert same(back, value)
    assert back["optimizer"]["state"][0]["average"] is back["model"]["0.weight"]  # written once
    with format_.File(str(tmp_path / "x")) as file:
        assert "model.0.weight" in file.entries  # others find it by a name that tells


@pytest.mark.parametrize("value", [tc.ones(2), [], {}, None, 3, {"a": []}, [tc.ones(1), {"tensor": "x"}]])
def test_small_values_come_back(tmp_path, value):
    tc.save(value, tmp_path / "x")
    assert same(tc.load(tmp_path / "x"), value)


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(exclude_categories=["Cs"])),
    st.builds(lambda n, d: tc.arange(n).astype(d), st.integers(0, 5), st.sampled_from(DTYPES)),
)  # fmt: skip
keys = st.one_of(st.text("ab._~", max_size=3), st.integers(-3, 3), st.none(), st.tuples(st.integers(0, 2)))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@example(value=(None, (), ()))  # its header is 128 bytes long: 0x80 is also how a pickle begins
@given(value=values)
def test_any_nested_value_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "nested"
    tc.save(value, path)
    assert same(tc.load(path), value)


def test_what_cannot_be_saved_is_named(tmp_path):
    path = tmp_path / "x"
    with pytest.raises(TypeError, match=r"save: a\.1 is a object"):
        tc.save({"a": [1, object()]}, path)
    with pytest.raises(TypeError, match="a key of the value is a bytes"):
        tc.save({b"k": 1}, path)
    with pytest.raises(TypeError, match="path must be a str"):
        tc.save({}, 3)
    with pytest.raises(TypeError, match="metadata must map texts to texts"):
        tc.save({}, path, {"a": 1})
    with pytest.raises(ValueError, match="'tensorcore' is reserved"):
        tc.save({}, path, {"tensorcore": "1"})
    with pytest.raises(ValueError, match="cannot be named '__metadata__'"):
        tc.save({"__metadata__": tc.ones(1)}, path)
    cycle = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match="nested more than 64 deep"):
        tc.save(cycle, path)
    with pytest.raises(ValueError, match="save: "):
        tc.save({"a\ud800": tc.ones(1)}, path)
    assert not list(tmp_path.iterdir())


def test_load_refuses_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError):
        tc.load(tmp_path / "nowhere")
    with pytest.raises(TypeError, match="path must be"):
        tc.load(True)
    tc.save({}, tmp_path / "x")
    with pytest.raises(TypeError, match="device must be"):
        tc.load(tmp_path / "x", device=3)
    with pytest.raises(ValueError, match="device"):
        tc.load(tmp_path / "x", device="tpu")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="not a regular file"):
        tc.load(tmp_path / "pipe")
    with pytest.raises(ValueError, match="the folder has neither"):
        tc.load(tmp_path)


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
DAMAGED = [
    (b"", "0 bytes are too few"),
    (b"PK\x03\x04" + bytes(60), "pickle of PyTorch"),
    (b"\x80\x02" + bytes(60), "pickle of PyTorch"),
    (pack(b"[1,2,3]  "), "does not begin with '{'"),
    (pack({}, length=2**63), "the header should have 9223372036854775808 bytes"),
    (pack({}, length=99), "the header should have 99 bytes"),
    (pack(b'{"a":}    '), "not valid JSON"),
    (pack(b'{"a\xff":1}  '), "not valid JSON"),
    (pack(b'{"a":' * 5000), "not valid JSON"),
    (pack(b'{"a":1,"a":2}'), "a name occurs twice"),
    (pack(b'{"a":' + b"9" * 5000 + b"}"), "not valid JSON"),
    (pack({"__metadata__": {"a": 1}}), "must map names to texts"),
    (pack({"__metadata__": 3, "b": F32}, bytes(8)), "must map names to texts"),
    (pack({"a": 3, "b": 4}), "needs dtype, shape and data_offsets"),
    (pack({"a": {**F32, "more": 1}}, bytes(8)), "nothing else"),
    (pack({"a": {**F32, "dtype": "F8_E4M3"}}, bytes(8)), "has dtype 'F8_E4M3'"),
    (pack({"a": {**F32, "dtype": ["F32"]}}, bytes(8)), "has dtype"),
    (pack({"a": {**F32, "shape": [-2]}}, bytes(8)), "none < 0"),
    (pack({"a": {**F32, "shape": [2.0]}}, bytes(8)), "none < 0"),
    (pack({"a": {**F32, "shape": [True]}}, bytes(8)), "none < 0"),
    (pack({"a": {**F32, "shape": [1] * 100}}, bytes(8)), "at most"),
    (pack({"a": {**F32, "shape": [2**62, 2**62]}}, bytes(8)), "too large"),
    (pack({"a": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 0]}}), "too large"),
    (pack({"a": {**F32, "shape": [3]}}, bytes(8)), "takes 12 bytes, but data_offsets are [0, 8]"),
    (pack({"a": {**F32, "data_offsets": [8, 0]}}, bytes(8)), "takes 8 bytes"),
    (pack({"a": {**F32, "data_offsets": [0]}}, bytes(8)), "needs [begin, end]"),
    (pack({"a": {**F32, "data_offsets": [4, 12]}}, bytes(12)), "begins at byte 4, the one before it ends at 0"),
    (pack({"a": F32, "b": F32}, bytes(8)), "begins at byte 0, the one before it ends at 8"),
    (pack({"a": F32}, bytes(7)), "take 8 bytes, but 7 follow"),
    (pack({"a": F32}, bytes(9)), "take 8 bytes, but 9 follow"),
    (pack({"a": {"dtype": "F64", "shape": [2**50], "data_offsets": [0, 2**53]}}), "but 0 follow"),
    (pack({"a": {"dtype": "BOOL", "shape": [2], "data_offsets": [0, 2]}}, b"\1\2"), "bytes other than 0 and 1"),
]


@pytest.mark.parametrize(("data", "reason"), DAMAGED, ids=[reason for _, reason in DAMAGED])
def test_a_damaged_file_is_named_with_the_reason(tmp_path, data, reason):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"load: .*bad\.safetensors") as caught:
        tc.load(path)
    assert reason in str(caught.value)


STRUCTURES = [
    ("[]", "not an object"),
    ('{"version":2}', "version 2"),
    ('{"version":1,"value":{"tensor":"nowhere"}}', "tensor 'nowhere' is missing"),
    ('{"version":1,"value":{"a":1,"b":2}}', "has 2 entries"),
    ('{"version":1,"value":{"dict":[[1]]}}', "not a list of pairs"),
    ('{"version":1,"value":{"dict":[[[],1]]}}', "a key is a list"),
    ('{"version":1,"value":{"call":"os.system"}}', "kind 'call' is unknown"),
    ('{"version":1,"value":{"float":"1e5"}}', "kind 'float' is unknown"),
    ('{"version":1,"value":' + "[" * 500 + "]" * 500 + "}", "too deeply"),
]


@pytest.mark.parametrize(("text", "reason"), STRUCTURES, ids=[reason for _, reason in STRUCTURES])
def test_a_damaged_structure_is_refused(tmp_path, text, reason):
    path = tmp_path / "bad"
    path.write_bytes(pack({"__metadata__": {"tensorcore": text}}))
    with pytest.raises(ValueError, match=r"load: .*bad.*the structure is damaged") as caught:
        tc.load(path)
    assert reason in str(caught.value)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "x"
    tc.save({"a": tc.ones(3), "b": [tc.zeros(2, dtype=tc.bool), 1.5]}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="load: "):
            tc.load(path)


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_mutated_files_load_or_raise_value_error(tmp_path_factory, data):
    path, whole = tmp_path_factory.getbasetemp() / "mutated", tmp_path_factory.getbasetemp() / "whole"
    if not whole.exists():
        tc.save({"a": tc.ones((2, 3)), "b": [tc.zeros(2, dtype=tc.bool), {"k": 1.5}]}, whole)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["set", "cut", "insert", "digit"]))
        if kind == "set":
            content[place] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del content[place : place + data.draw(st.integers(1, 9))]
        elif kind == "insert":
            content[place:place] = data.draw(st.binary(max_size=9))
        else:
            content[place] = data.draw(st.sampled_from(b'0123456789{}[]",:-'))
        content = content or bytearray(1)
    path.write_bytes(content)
    try:
        value = tc.load(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        repr(value)  # touches every element


@settings(max_examples=200, deadline=None)
@given(header=st.recursive(st.sampled_from([0, 1, -1, 8, 2**63, 2**64, True, None, "F32", "BOOL", "shape"]) | st.floats(),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
           st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a", "tensorcore"]), inner, max_size=4)),
       data=st.binary(max_size=16))  # fmt: skip
def test_headers_of_any_kind_load_or_raise_value_error(tmp_path_factory, header, data):
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(pack({"a": header}, data))
    try:
        tc.load(path)
    except ValueError as error:
        assert str(path) in str(error)


def test_a_large_claim_takes_no_memory(tmp_path):
    path = tmp_path / "claim"
    entry = {"dtype": "F64", "shape": [2**40], "data_offsets": [0, 2**43]}
    path.write_bytes(pack({"a": entry}, bytes(64)))
    before = tc.memory_stats(reset_peak=True)["peak_allocated"]
    with pytest.raises(ValueError, match="but 64 follow"):
        tc.load(path)
    assert tc.memory_stats()["peak_allocated"] <= before


def write_shards(folder, weight_map, files):
    for name, tensors in files.items():
        tc.save(tensors, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


def test_sharded_files_are_gathered(tmp_path):
    files = {"model-1.safetensors": {"a": tc.ones(2), "c": tc.zeros(1)}, "model-2.safetensors": {"b": tc.arange(3)}}
    write_shards(tmp_path, {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}, files)
    expected = {"a": tc.ones(2), "b": tc.arange(3), "c": tc.zeros(1)}
    assert same(tc.load(tmp_path / "model.safetensors.index.json"), expected)
    assert same(tc.load(tmp_path), expected)


@pytest.mark.parametrize(
    ("weight_map", "reason"),
    [
        (3, "no weight_map"),
        ({"a": 1}, "no weight_map"),
        ({"a": "../x"}, "leaves the folder"),
        ({"a": "/etc/passwd"}, "leaves the folder"),
        ({"a": ".."}, "leaves the folder"),
        ({"a": "x\0"}, "leaves the folder"),
        ({"a": "gone"}, "is missing"),
        ({"b": "one"}, "tensor 'b' should be in 'one'"),
    ],
)
def test_a_damaged_index_is_refused(tmp_path, weight_map, reason):
    write_shards(tmp_path, weight_map, {"one": {"a": tc.ones(1)}})
    with pytest.raises(ValueError, match=r"index\.json") as caught:
        tc.load(tmp_path)
    assert reason in str(caught.value)


def test_an_index_that_is_not_json_is_refused(tmp_path):
    (tmp_path / "model.safetensors.index.json").write_bytes(b"\xff{")
    with pytest.raises(ValueError, match="the index is not valid JSON"):
        tc.load(tmp_path)


class Crash(BaseException):
    """Ends a program as nothing that user code would catch."""


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_crash_leaves_the_old_file_or_the_new(tmp_path, monkeypatch, name, place):
    path = tmp_path / "x"
    tc.save({"a": tc.zeros(3)}, path)
    calls = 0
    original = getattr(os, name)

    def crash(*args):
        nonlocal calls
        if calls == place:
            raise Crash
        calls += 1
        return original(*args)

    monkeypatch.setattr(os, name, crash)
    try:
        tc.save({"a": tc.ones(3)}, path)
    except Crash:
        assert tc.load(path)["a"].tolist() in ([0, 0, 0], [1, 1, 1])
        assert place < 2
    else:
        assert tc.load(path)["a"].tolist() == [1, 1, 1]
        assert place > 0
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_saving_through_a_link_keeps_the_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    tc.save([1], tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert tc.load(tmp_path / "file") == [1]


def test_a_module_is_saved_by_its_state(tmp_path):
    class Module:
        def state_dict(self):
            return {"weight": tc.ones(2).requires_grad_()}

    tc.save(Module(), tmp_path / "x")
    assert same(tc.load(tmp_path / "x"), {"weight": tc.ones(2)})
