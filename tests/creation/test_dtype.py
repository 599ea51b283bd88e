"""Dtype functions, inspection and devices."""

import itertools

import array_api_strict as strict
import numpy as np
import pytest

import tensorcore as tc

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float32", "float64"]


@pytest.mark.parametrize(("a", "b"), list(itertools.product(NAMES, NAMES)))
def test_promotion_agrees_with_the_standard(a: str, b: str) -> None:
    ours = tc.result_type(getattr(tc, a), getattr(tc, b))
    try:
        expected = str(strict.result_type(getattr(strict, a), getattr(strict, b)))
    except TypeError:  # mixed kinds, which the standard leaves open: the wider kind wins
        order = ["bool", "int", "float"]
        kinds = [getattr(tc, n).kind.replace("uint", "int") for n in (a, b)]
        assert ours.name == (a if order.index(kinds[0]) > order.index(kinds[1]) else b)
        return
    assert ours.name == expected.rpartition(".")[2]
    assert tc.can_cast(getattr(tc, a), ours)


def test_scalars_are_weak() -> None:
    assert tc.result_type(tc.int8, 1000) is tc.int8
    assert tc.result_type(tc.int8, 1.0) is tc.float32
    assert tc.result_type(tc.float16, 1, True) is tc.float16
    assert tc.result_type(tc.bool, True) is tc.bool
    assert tc.result_type(tc.bool, 1) is tc.int64
    assert tc.result_type(tc.float16, tc.ones(2, dtype=tc.bfloat16)) is tc.float32
    for wrong in ((), (1, 2.0)):
        with pytest.raises(ValueError, match="result_type: "):
            tc.result_type(*wrong)
    with pytest.raises(TypeError, match="needs a tensor or a tensorcore dtype, got str"):
        tc.result_type("float32")


def test_limits_agree_with_numpy() -> None:
    for name in ("float16", "float32", "float64"):
        n, t = np.finfo(name), tc.finfo(getattr(tc, name))
        for field in ("bits", "eps", "max", "min", "smallest_normal"):
            assert float(getattr(n, field)) == getattr(t, field)
        assert t.dtype is getattr(tc, name)
    for name in ("uint8", "int8", "int16", "int32", "int64"):
        n, t = np.iinfo(name), tc.iinfo(getattr(tc, name))
        assert (n.bits, n.max, n.min) == (t.bits, t.max, t.min)
    info = tc.finfo(tc.ones(1, dtype=tc.bfloat16))
    largest = tc.asarray(info.max, dtype=tc.bfloat16)
    assert largest.item() == info.max
    assert tc.asarray(info.max * 1.01, dtype=tc.bfloat16).item() == tc.inf
    with pytest.raises(TypeError, match="finfo: needs a floating-point dtype, got int8"):
        tc.finfo(tc.int8)
    with pytest.raises(TypeError, match="iinfo: needs an integer dtype, got bool"):
        tc.iinfo(tc.bool)


def test_kinds() -> None:
    assert tc.isdtype(tc.int8, ("bool", "signed integer"))
    assert tc.isdtype(tc.uint8, "unsigned integer")
    assert tc.isdtype(tc.bfloat16, "numeric")
    assert not tc.isdtype(tc.bool, "numeric")
    assert not tc.isdtype(tc.float64, "complex floating")
    assert tc.isdtype(tc.float64, tc.float64)
    with pytest.raises(ValueError, match="kind must be one of"):
        tc.isdtype(tc.int8, "integer")
    with pytest.raises(TypeError, match="needs a tensorcore dtype"):
        tc.isdtype("int8", "integral")


def test_astype_and_devices() -> None:
    x = tc.ones((2, 2))
    assert x.astype(tc.float32, copy=False) is x
    assert x.astype(tc.float32)._address != x._address
    assert x.to(tc.int8).dtype is tc.int8
    assert x.to("cpu") is x
    assert x.to_device(tc.Device("cpu")) is x
    with pytest.raises(RuntimeError, match="device: 'cuda:99' does not exist"):
        x.to("cuda:99")
    with pytest.raises(TypeError, match="device must be a Device or its name, got int"):
        x.to(0)
    assert tc.asarray([-1.9, 1.9, 300.0]).astype(tc.int32).tolist() == [-1, 1, 300]


def test_inspection() -> None:
    info = tc.__array_namespace_info__()
    assert info.capabilities()["max dimensions"] == 16
    assert info.default_device() == "cpu"
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["real floating"] is tc.float32
    assert info.dtypes(kind="integral") == {n: getattr(tc, n) for n in ("uint8", "int8", "int16", "int32", "int64")}
    assert len(info.dtypes(device="cpu")) == 8
    assert tc.ones(1).__array_namespace__(api_version="2024.12") is tc
    with pytest.raises(ValueError, match="api_version must be one of"):
        tc.ones(1).__array_namespace__(api_version="1999.01")
    assert not hasattr(tc.ones(1), "__complex__")
