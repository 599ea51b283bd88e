"""How tensors look."""

import time

import pytest

import tensorcore as tc

CASES = [
    (lambda: tc.asarray([[1.0, 2], [3, 4]]), "tensor([[1., 2.],\n        [3., 4.]])"),
    (lambda: tc.ones((1, 2), dtype=tc.float64), "tensor([[1., 1.]], dtype=float64)"),
    (lambda: tc.arange(3), "tensor([0, 1, 2])"),
    (lambda: tc.asarray([1, -10], dtype=tc.int8), "tensor([  1, -10], dtype=int8)"),
    (lambda: tc.asarray([True, False]), "tensor([ True, False])"),
    (lambda: tc.asarray(3.0), "tensor(3.)"),
    (lambda: tc.asarray([0.1, 0.25]), "tensor([0.1 , 0.25])"),
    (lambda: tc.asarray([1.5, tc.nan, -tc.inf]), "tensor([ 1.5,  nan, -inf])"),
    (lambda: tc.asarray([1e-9, 1]), "tensor([1.e-09, 1.e+00])"),
    (lambda: tc.asarray([123456.789, 0.5]), "tensor([1.2346e+05, 5.0000e-01])"),
    (lambda: tc.zeros((0, 3)), "tensor([], shape=(0, 3))"),
    (lambda: tc.asarray([], dtype=tc.int64), "tensor([], dtype=int64)"),
    (lambda: tc.tensor([1.0], requires_grad=True), "tensor([1.], requires_grad=True)"),
    (lambda: tc.zeros((2, 1, 1)), "tensor([[[0.]],\n\n        [[0.]]])"),
    (lambda: tc.arange(2000), "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"),
]


@pytest.mark.parametrize(("make", "text"), CASES, ids=range(len(CASES)))
def test_repr(make, text: str) -> None:
    assert repr(make()) == text
    assert str(make()) == text


def test_long_rows_wrap() -> None:
    lines = repr(tc.arange(100)).split("\n")
    assert len(lines) > 1
    assert max(map(len, lines)) <= 90
    assert all(line.startswith(" " * 8) for line in lines[1:])


def test_huge_tensors_print_their_corners() -> None:
    x = tc.broadcast_to(tc.arange(10.0), (10**6, 10**6, 10))
    start = time.perf_counter()
    text = repr(x)
    assert time.perf_counter() - start < 1
    assert text.count("...") > 1
    assert len(text) < 3000


def test_format() -> None:
    assert f"{tc.asarray(1.2345):.2f}" == "1.23"
    assert f"{tc.arange(2)}" == "tensor([0, 1])"
    with pytest.raises(TypeError, match=r"only 0-d tensors take a format such as '\.2f'"):
        f"{tc.ones(2):.2f}"


def test_html() -> None:
    text = tc.asarray([[1.0, tc.nan], [3, 5]])._repr_html_()
    assert "tensor of shape (2, 2), float32" in text
    assert text.count("<td") == 4
    assert text.count("background") == 3
    large = tc.zeros((3, 50, 60), dtype=tc.float64)._repr_html_()
    assert large.count("<td") == 12 * 13 + 1
    for shape in ((), (0, 2), (3,), (2, 1, 3)):
        assert tc.ones(shape)._repr_html_().startswith("<div>")
    assert tc.asarray([[1e308, -1e308]], dtype=tc.float64)._repr_html_()
