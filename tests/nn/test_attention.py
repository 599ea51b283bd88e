"""Scaled dot-product attention against PyTorch in float64: masks, shapes, gradients; edge cases by definition."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core
from tensorcore.nn.functional.attention import reference_attention

attention = tc.nn.functional.scaled_dot_product_attention


def compare_with_torch(arrays, mask=None, mask_grad=False, **options):
    torch = pytest.importorskip("torch")
    mine = [tc.tensor(a, requires_grad=True) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    our_mask = their_mask = None
    if mask is not None:
        our_mask = tc.tensor(mask, requires_grad=mask_grad)
        their_mask = torch.tensor(mask, requires_grad=mask_grad)
    y = attention(*mine, our_mask, **options)
    z = torch.nn.functional.scaled_dot_product_attention(*other, their_mask, **options)
    np.testing.assert_allclose(np.asarray(y.detach()), z.detach().numpy(), rtol=1e-11, atol=1e-13)
    g = np.random.default_rng(3).uniform(0.5, 1.5, z.shape)
    y.backward(tc.asarray(g))
    z.backward(torch.tensor(g))
    pairs = list(zip(mine, other, strict=True)) + ([(our_mask, their_mask)] if mask_grad else [])
    for a, b in pairs:
        np.testing.assert_allclose(np.asarray(a.grad), b.grad.numpy(), rtol=1e-9, atol=1e-12)


def draw(rng, lead=(2, 3), length=5, keys=5, width=4, values=4):
    return [rng.standard_normal((*lead, *s)) for s in ((length, width), (keys, width), (keys, values))]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("scale", [None, 0.3])
@pytest.mark.parametrize(
    ("length", "keys", "width", "values"),
    [(5, 5, 4, 4), (1, 1, 1, 1), (3, 9, 4, 7), (9, 3, 4, 2), (130, 130, 8, 8), (70, 200, 5, 3), (200, 70, 16, 5)],
)
def test_shapes(rng, causal, scale, length, keys, width, values):
    compare_with_torch(draw(rng, (2, 2), length, keys, width, values), is_causal=causal, scale=scale)


@pytest.mark.parametrize("shape", [(5, 7), (1, 7), (2, 1, 5, 7), (3, 5, 7), (2, 3, 5, 1)])
@pytest.mark.parametrize("kind", ["bool", "float", "float with gradient"])
def test_masks(rng, shape, kind):
    mask = rng.standard_normal(shape) if kind != "bool" else rng.uniform(size=shape) < 0.7
    if kind == "bool":
        mask[..., 0] = True  # every query sees something: PyTorch agrees on those
    compare_with_torch(draw(rng, keys=7), mask, kind == "float with gradient")


def test_minus_infinity_in_a_float_mask_hides(rng):
    seen = rng.uniform(size=(5, 7)) < 0.6
    seen[:, 2] = True
    arrays = [tc.asarray(a) for a in draw(rng, keys=7)]
    y = attention(*arrays, tc.asarray(np.where(seen, 0.0, -np.inf)))
    np.testing.assert_array_equal(np.asarray(y), np.asarray(attention(*arrays, tc.asarray(seen))))


@pytest.mark.parametrize("leads", [((2, 3), (3,), ()), ((), (2, 1), (1, 3)), ((1, 3), (2, 1), (2, 3))])
def test_leading_axes_broadcast(rng, leads):
    arrays = [rng.standard_normal((*lead, 4, 5)) for lead in leads]
    mine = [tc.tensor(a, requires_grad=True) for a in arrays]
    y = attention(*mine, is_causal=True)
    wide = [tc.tensor(np.ascontiguousarray(np.broadcast_to(a, (2, 3, 4, 5))), requires_grad=True) for a in arrays]
    z = attention(*wide, is_causal=True)
    np.testing.assert_array_equal(np.asarray(y.detach()), np.asarray(z.detach()))
    g = tc.asarray(rng.standard_normal((2, 3, 4, 5)))
    y.backward(g)
    z.backward(g)
    for a, b in zip(mine, wide, strict=True):
        full = np.asarray(b.grad)
        added = full.ndim - a.ndim
        axes = (*range(added), *(i + added for i, n in enumerate(a.shape) if n == 1))
        np.testing.assert_allclose(np.asarray(a.grad), full.sum(axis=axes).reshape(a.shape), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", ["bool", "float", "float with gradient"])
def test_a_query_that_sees_nothing_gives_zeros(rng, kind):
    seen = rng.uniform(size=(5, 6)) < 0.7
    seen[:, 0], seen[2], seen[4] = True, False, False
    mask = tc.asarray(seen if kind == "bool" else np.where(seen, 0.0, -np.inf))
    if kind == "float with gradient":
        mask.requires_grad_()
    q, k, v = (tc.tensor(a, requires_grad=True) for a in draw(rng, keys=6))
    y = attention(q, k, v, mask)
    assert not np.asarray(y.detach())[:, :, [2, 4]].any()
    assert np.asarray(y.detach())[:, :, [0, 1, 3]].all()
    y.sum().backward()
    for x in (q, k, v):
        assert np.isfinite(np.asarray(x.grad)).all()
    assert not np.asarray(q.grad)[:, :, [2, 4]].any()


def test_padding_and_causal_together(rng):
    """A bool mask and is_causal at once: what both allow is seen."""
    seen = rng.uniform(size=(6, 6)) < 0.6
    arrays = draw(rng, length=6, keys=6)
    both = seen & np.tri(6, dtype=bool)
    results = []
    for mask, causal in ((seen, True), (both, False)):
        xs = [tc.tensor(a, requires_grad=True) for a in arrays]
        y = attention(*xs, tc.asarray(mask), is_causal=causal)
        y.sum().backward()
        results.append([np.asarray(y.detach()), *(np.asarray(x.grad) for x in xs)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_second_order(rng, causal, masked):
    mask = tc.asarray(rng.uniform(size=(4, 5)) < 0.8) if masked else None
    inputs = [tc.asarray(a) for a in draw(rng, (2,), 4, 5, 3, 2)]
    tc.testing.check_grads(lambda q, k, v: attention(q, k, v, mask, is_causal=causal), inputs)


def test_fused_agrees_with_the_composed_form(rng):
    mask = tc.asarray(rng.standard_normal((90, 150)))
    results = []
    arrays = draw(rng, (2,), 90, 150, 8, 6)
    for function in (
        lambda q, k, v: attention(q, k, v, mask, is_causal=True, scale=0.5),
        lambda q, k, v: reference_attention(q, k, v, mask, 0.5, True),
    ):
        xs = [tc.tensor(a, requires_grad=True) for a in arrays]
        y = function(*xs)
        (y * y).sum().backward()
        results.append([np.asarray(y.detach()), *(np.asarray(x.grad) for x in xs)])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(
    ("lead", "length", "keys", "width", "values"),
    [
        ((0,), 4, 4, 3, 3),
        ((2,), 0, 4, 3, 3),
        ((2,), 4, 0, 3, 3),
        ((2,), 4, 4, 0, 3),
        ((2,), 4, 4, 3, 0),
        ((), 0, 0, 0, 0),
    ],
)
def test_size_zero(rng, causal, lead, length, keys, width, values):
    q, k, v = (tc.tensor(a, requires_grad=True) for a in draw(rng, lead, length, keys, width, values))
    y = attention(q, k, v, is_causal=causal)
    assert y.shape == (*lead, length, values)
    if keys == 0:
        assert not np.asarray(y.detach()).any()
    if width == 0 and not causal:
        mean = np.asarray(v.detach()).mean(axis=-2, keepdims=True) if keys else 0.0
        np.testing.assert_allclose(np.asarray(y.detach()), np.broadcast_to(mean, y.shape), rtol=1e-12)
    y.sum().backward()
    for x in (q, k, v):
        assert x.grad.shape == x.shape
        assert np.isfinite(np.asarray(x.grad)).all()


@pytest.mark.parametrize("causal", [False, True])
def test_results_do_not_depend_on_threads(rng, causal):
    arrays = [a.astype(np.float32) for a in draw(rng, (3,), 150, 170, 33, 17)]
    before, results = tc.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc.set_num_threads(threads)
            xs = [tc.tensor(a, requires_grad=True) for a in arrays]
            y = attention(*xs, is_causal=causal)
            y.sum().backward()
            results.append([np.asarray(y.detach()), *(np.asarray(x.grad) for x in xs)])
    finally:
        tc.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_many_keys(rng):
    """Rows longer than a tile is meant to hold, in both directions of skew."""
    q, k, v = draw(rng, (), 3, 40000, 2, 2)
    y = np.asarray(attention(*(tc.asarray(a) for a in (q, k, v))))
    p = np.exp(q @ k.T / np.sqrt(2))
    np.testing.assert_allclose(y, p @ v / p.sum(axis=-1, keepdims=True), rtol=1e-10)


@pytest.mark.parametrize("size", [300.0, 3e4])
def test_large_scores_do_not_overflow(rng, size):
    q, k, v = (tc.asarray(a.astype(np.float32)) for a in draw(rng))
    y = np.asarray(attention(q * size, k, v))
    assert np.isfinite(y).all()
    assert (y <= np.asarray(v).max(axis=-2, keepdims=True) + 1e-5).all()


def test_dropout(rng):
    q, k = (tc.asarray(a) for a in draw(rng, (8,), 64, 64, 4, 4)[:2])
    v = tc.ones((8, 64, 1), dtype=tc.float64)
    y = np.asarray(attention(q, k, v, dropout_p=0.4))
    assert 0.97 < y.mean() < 1.03  # kept probabilities grow by 1 / (1 - p): their sum keeps its mean
    assert y.std() > 0.05
    assert np.asarray(attention(q, k, v, dropout_p=0.0)).std() < 1e-12


def test_errors():
    q, k, v = tc.ones((2, 4, 3)), tc.ones((2, 5, 3)), tc.ones((2, 5, 6))
    name = "scaled_dot_product_attention: "
    cases = [
        (lambda: attention(1.0, k, v), TypeError, "query must be a Tensor, got float"),
        (lambda: attention(q, k.astype(tc.int64), v), TypeError, "key must be floating-point, got int64"),
        (lambda: attention(q, k, v[0, 0]), ValueError, "value must have at least two axes, got shape (6,)"),
        (
            lambda: attention(q, v, v),
            ValueError,
            "query and key must have one last extent, got (2, 4, 3) and (2, 5, 6)",
        ),
        (lambda: attention(q, k, q), ValueError, "key and value must have one length, got (2, 5, 3) and (2, 4, 3)"),
        (
            lambda: attention(q, k, v.astype(tc.float64)),
            TypeError,
            "query, key and value must have one dtype, float32 or float64, got float32, float32 and float64",
        ),
        (lambda: attention(q, k, v, dropout_p=1.0), ValueError, "dropout_p must lie in [0, 1), got 1.0"),
        (lambda: attention(q, k, v, [True]), TypeError, "attn_mask must be a Tensor, got list"),
        (
            lambda: attention(q, k, v, tc.ones((4, 5), dtype=tc.int32)),
            TypeError,
            "attn_mask must be bool or floating-point, got int32",
        ),
    ]
    for function, exception, text in cases:
        with pytest.raises(exception) as caught:
            function()
        assert str(caught.value) == name + text
    with pytest.raises(ValueError, match=f"^{name}"):
        attention(q, k, v, tc.ones((3, 5)))
    with pytest.raises(ValueError, match=f"^{name}"):
        attention(q, tc.ones((3, 5, 3)), tc.ones((3, 5, 6)))


def test_backward_kernel_checks_what_it_reads():
    """Also called by hand, with a width of 0, where sizes alone do not tell."""
    q, v, g = tc.ones((4, 3)), tc.ones((4, 0)), tc.ones((4, 0))
    grads = _core.attention_backward(q, q, v, None, 1.0, False, g, tc.zeros(4), g)
    assert [x.shape for x in grads] == [(4, 3), (4, 3), (4, 0)]
    with pytest.raises(ValueError, match=r"log-sum-exp must have shape \(4,\), got \(1,\)$"):
        _core.attention_backward(q, q, v, None, 1.0, False, g, tc.zeros(1), g)
    with pytest.raises(ValueError, match=r"gradient and output must have shape \(4, 0\), got \(4, 1\) and \(4, 0\)$"):
        _core.attention_backward(q, q, v, None, 1.0, False, g, tc.zeros(4), tc.ones((4, 1)))
