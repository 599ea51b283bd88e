"""Every function of the array API standard is there, with the parameters the standard gives it."""

import inspect

import array_api_strict as strict
import pytest

import tensorcore as tc

# Complex numbers are not supported; the flags are array_api_strict's own; the others came after 2024.12.
ABSENT = {"conj", "imag", "real", "isin", "broadcast_shapes"} | {n for n in dir(strict) if "array_api_strict" in n}
FUNCTIONS = [
    n for n in dir(strict) if inspect.isfunction(getattr(strict, n)) and not n.startswith("_") and n not in ABSENT
]
METHODS = [
    n
    for n, f in vars(type(strict.zeros(1))).items()
    if inspect.isfunction(f) and n not in ("__complex__", "__init__", "__new__", "__buffer__", "__hash__")
    if n.startswith("__") or not n.startswith("_")
]


def parameters(function: object) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def test_no_function_is_forgotten() -> None:
    assert len(FUNCTIONS) > 120
    assert [n for n in FUNCTIONS if not callable(getattr(tc, n, None))] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_signature(name: str) -> None:
    theirs, ours = parameters(getattr(strict, name)), parameters(getattr(tc, name))
    assert [(p.name, p.kind) for p in ours] == [(p.name, p.kind) for p in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        if isinstance(other.default, (bool, int, float, str)):
            assert mine.default == other.default, mine.name
        elif other.default is not other.empty:  # None, or a mark for "not given"
            assert mine.default is None, mine.name


@pytest.mark.parametrize("name", METHODS)
def test_method_exists(name: str) -> None:
    assert callable(getattr(tc.Tensor, name, None))


def test_attributes_and_constants() -> None:
    for name in ("T", "device", "dtype", "mT", "ndim", "shape", "size"):
        assert hasattr(tc.ones((2, 2)), name)
    for name in ("e", "inf", "nan", "newaxis", "pi"):
        ours, theirs = getattr(tc, name), getattr(strict, name)
        assert ours == theirs or (ours != ours and theirs != theirs)
