"""What layers do beside computing: modes, running statistics, random choices, masks, settings that are refused."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn
from tensorcore.nn import functional as F


def array(x):
    return np.array(x.detach().cpu())


# ---- normalisation ----


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_batch_norm_learns_its_statistics(device):
    rng = np.random.default_rng(0)
    layer = nn.BatchNorm1d(3, momentum=0.5).to(device)
    mean, var = np.zeros(3), np.ones(3)
    for i in range(3):
        x = rng.normal(i, 2, (8, 3)).astype("float32")
        y = array(layer(tc.asarray(x).to(device)))
        np.testing.assert_allclose(y.mean(0), 0, atol=1e-6)
        np.testing.assert_allclose(y.std(0), 1, rtol=1e-4)
        mean, var = 0.5 * mean + 0.5 * x.mean(0), 0.5 * var + 0.5 * x.var(0, ddof=1)
    np.testing.assert_allclose(array(layer.running_mean), mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(array(layer.running_var), var, rtol=1e-5)
    layer.eval()
    y = array(layer(tc.asarray(x).to(device)))
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(var + 1e-5), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(array(layer.running_mean), mean, rtol=1e-5, atol=1e-6)
    assert int(layer.num_batches_tracked) == 3
    layer.reset_running_stats()
    assert not array(layer.running_mean).any()
    assert int(layer.num_batches_tracked) == 0


def test_momentum_none_averages_all_batches():
    layer = nn.BatchNorm1d(2, momentum=None)
    batches = np.random.default_rng(0).normal(1, 2, (4, 6, 2)).astype("float32")
    for x in batches:
        layer(tc.asarray(x))
    np.testing.assert_allclose(array(layer.running_mean), batches.mean((0, 1)), rtol=1e-5)


def test_statistics_of_each_batch_only():
    x = tc.asarray(np.random.default_rng(0).normal(1, 2, (6, 2)).astype("float32"))
    layer = nn.BatchNorm1d(2, track_running_stats=False).eval()
    assert list(layer.state_dict()) == ["weight", "bias"]
    np.testing.assert_allclose(array(layer(x)).mean(0), 0, atol=1e-6)


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(3, bias=False), nn.GroupNorm(1, 3, bias=False)])
def test_norms_without_a_shift(layer):
    assert list(dict(layer.named_parameters())) == ["weight"]
    assert layer(tc.ones((2, 3, 4, 4))).shape == (2, 3, 4, 4)


# ---- dropout ----


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_dropout_acts_in_training_only(device):
    layer, x = nn.Dropout(0.25), tc.ones(4000, device=device)
    y = array(layer(x))
    assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
    assert (y == 0).mean() == pytest.approx(0.25, abs=0.03)
    layer.eval()
    np.testing.assert_array_equal(array(layer(x)), 1)
    assert not array(nn.Dropout(1.0)(x)).any()


@pytest.mark.parametrize(
    ("kind", "shape"), [("Dropout1d", (50, 40, 3)), ("Dropout2d", (50, 40, 3, 2)), ("Dropout3d", (50, 40, 2, 2, 2))]
)
def test_channels_drop_together(kind, shape):
    y = array(getattr(nn, kind)(0.3)(tc.ones(shape))).reshape(50, 40, -1)
    assert ((y == y[..., :1]).all(-1)).all()
    assert (y[..., 0] == 0).mean() == pytest.approx(0.3, abs=0.05)


def test_alpha_dropout_keeps_mean_and_variance():
    x = tc.random.randn((400, 500), generator=tc.Generator(1))
    for layer in (nn.AlphaDropout(0.3), nn.FeatureAlphaDropout(0.3)):
        y = array(layer(x))
        assert y.mean() == pytest.approx(0, abs=0.02)
        assert y.std() == pytest.approx(1, abs=0.02)
        assert np.unique(y, return_counts=True)[1].max() == pytest.approx(0.3 * y.size, rel=0.02)  # where dropped
    assert not array(nn.AlphaDropout(1.0)(x)).any()


def test_the_slopes_of_rrelu_are_drawn_in_training():
    layer, x = nn.RReLU(0.2, 0.6), tc.full(5000, -1.0)
    y = -array(layer(x))
    assert 0.2 <= y.min() < 0.21
    assert 0.59 < y.max() <= 0.6
    layer.eval()
    np.testing.assert_allclose(array(layer(x)), -0.4, rtol=1e-6)
    seed = tc.Generator(3)
    again = F.rrelu(x, 0.2, 0.6, True, generator=tc.Generator(3))
    np.testing.assert_array_equal(array(F.rrelu(x, 0.2, 0.6, True, generator=seed)), array(again))


def test_recurrent_dropout_acts_between_layers():
    x = tc.ones((3, 2, 4))
    layer = nn.LSTM(4, 5, 2, dropout=0.9)
    assert (array(layer(x)[0]) != array(layer(x)[0])).any()
    layer.eval()
    np.testing.assert_array_equal(array(layer(x)[0]), array(layer(x)[0]))


def test_samples_of_classes():
    logits = tc.tensor(np.log([[0.1, 0.2, 0.7]] * 3000), requires_grad=True)
    soft = F.gumbel_softmax(logits, 0.5, generator=tc.Generator(0))
    hard = F.gumbel_softmax(logits, 0.5, True, generator=tc.Generator(0))
    np.testing.assert_allclose(array(soft).sum(-1), 1)
    np.testing.assert_array_equal(array(hard).argmax(-1), array(soft).argmax(-1))
    np.testing.assert_allclose(np.sort(array(hard), -1), np.tile([0, 0, 1], (3000, 1)), atol=1e-15)
    np.testing.assert_allclose(array(hard).mean(0), [0.1, 0.2, 0.7], atol=0.03)
    grads = [tc.autograd.grad((y * y.detach() ** 0 * tc.asarray([1.0, 2.0, 3.0])).sum(), logits) for y in (soft, hard)]
    np.testing.assert_allclose(array(grads[0]), array(grads[1]))


# ---- tables ----


def test_padding_rows_are_zero_and_stay():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    assert layer.padding_idx == 4
    assert not array(layer.weight)[4].any()
    layer(tc.asarray([4, 1, 4])).sum().backward()
    assert not array(layer.weight.grad)[4].any()
    np.testing.assert_array_equal(array(layer.weight.grad)[1], 1)


def test_long_rows_are_scaled_down_in_place():
    layer = nn.Embedding(5, 4, max_norm=0.5, norm_type=1.0)
    before = array(layer.weight)
    y = array(layer(tc.asarray([[1, 3], [3, 1]])))
    np.testing.assert_allclose(np.abs(y).sum(-1), 0.5, rtol=1e-5)
    np.testing.assert_array_equal(array(layer.weight)[[0, 2, 4]], before[[0, 2, 4]])


def test_pretrained_rows():
    table = tc.asarray([[1.0, 2.0], [3.0, 4.0]])
    layer = nn.Embedding.from_pretrained(table, padding_idx=0)
    assert not layer.weight.requires_grad
    np.testing.assert_array_equal(array(layer(tc.asarray([1, 0]))), [[3, 4], [1, 2]])
    assert nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="sum").weight.requires_grad


# ---- pooling, shapes ----


@pytest.mark.parametrize(("axes", "shape"), [(1, (2, 3, 8)), (2, (2, 3, 6, 8)), (3, (2, 2, 4, 4, 6))])
def test_unpooling_against_torch(axes, shape):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal(shape)
    mine, theirs = tc.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    for size in (None, shape[:2] + tuple(n + 1 for n in shape[2:])):
        results = []
        for library, value in ((nn, mine), (torch.nn, theirs)):
            value.grad = None
            pooled, at = getattr(library, f"MaxPool{axes}d")(2, return_indices=True)(value)
            y = getattr(library, f"MaxUnpool{axes}d")(2)(pooled, at, output_size=size)
            (y * y).sum().backward()
            results.append((np.asarray(y.detach()), np.asarray(value.grad)))
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)


def test_unpooling_averages_what_windows_share():
    x = tc.tensor([[1.0, 3.0, 2.0]], dtype=tc.float64)
    y, at = F.max_pool1d(x, 2, 1, return_indices=True)
    np.testing.assert_array_equal(array(F.max_unpool1d(y, at, 2, 1)), [[0, 3, 0]])


def test_transposed_convolution_to_a_size():
    layer = nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1)
    x = tc.ones((1, 2, 4, 5))
    assert layer(x).shape == (1, 3, 7, 9)
    assert layer(x, output_size=(8, 9)).shape == (1, 3, 8, 9)
    assert layer(x, output_size=(1, 3, 8, 10)).shape == (1, 3, 8, 10)
    with pytest.raises(ValueError, match="output_size must lie less than a stride"):
        layer(x, output_size=(9, 9))


# ---- attention ----


def test_a_query_that_sees_nothing_gets_zeros():
    layer = nn.MultiheadAttention(4, 2, bias=False)
    x = tc.random.randn((3, 1, 4), generator=tc.Generator(0)).requires_grad_()
    mask = tc.asarray([[True] * 3, [False] * 3, [False] * 3])
    y, weights = layer(x, x, x, attn_mask=mask)
    assert not array(y)[0].any()
    assert not array(weights)[0, 0].any()
    np.testing.assert_allclose(array(weights)[0, 1:].sum(-1), 1, rtol=1e-6)
    y2, none = layer(x, x, x, attn_mask=mask, need_weights=False)
    assert none is None
    np.testing.assert_allclose(array(y), array(y2), rtol=1e-5, atol=1e-6)
    y.sum().backward()
    assert np.isfinite(array(x.grad)).all()


def test_a_causal_transformer_does_not_look_ahead():
    tc.manual_seed(0)
    net = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True), 2, nn.LayerNorm(8)
    )
    net.eval()
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = np.random.default_rng(0).standard_normal((1, 5, 8)).astype("float32")
    y = array(net(tc.asarray(x), mask=mask, is_causal=True))
    x[0, 3:] = 9
    changed = array(net(tc.asarray(x), mask=mask, is_causal=True))
    np.testing.assert_allclose(changed[0, :3], y[0, :3], rtol=1e-6)
    assert (abs(changed[0, 3:] - y[0, 3:]) > 1e-3).any()
    first, second = (layer.linear1.weight for layer in net.layers)
    assert first is not second


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_stacks_have_torch_s_names():
    torch = pytest.importorskip("torch")
    for kind in ("Encoder", "Decoder"):
        states = []
        for library in (nn, torch.nn):
            layer = getattr(library, f"Transformer{kind}Layer")(8, 2, 16)
            states.append(list(getattr(library, f"Transformer{kind}")(layer, 2, library.LayerNorm(8)).state_dict()))
        assert states[0] == states[1]


# ---- settings that are refused ----


@pytest.mark.parametrize(
    ("call", "exception", "text"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "Conv2d: groups must divide in_channels and out_channels"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), ValueError, "Conv2d: kernel_size must be an int or 2 ints"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full"), ValueError, "padding must be ints, 'same' or 'valid', got 'full'"),
        (lambda: nn.Conv2d(3, 4, 3, 2, "same"), ValueError, r"padding='same' needs stride 1, got \(2, 2\)"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="wrap"), ValueError, "padding_mode must be one of"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding="same"), TypeError, "padding must be ints, got 'same'"),
        (lambda: nn.Conv2d(3, 4, 3)(tc.ones((1, 2, 5, 5))), ValueError, "conv2d: weight of shape"),
        (
            lambda: nn.BatchNorm2d(3)(tc.ones((2, 3))),
            ValueError,
            r"BatchNorm2d: x must have 4 axes, got shape \(2, 3\)",
        ),
        (lambda: nn.BatchNorm1d(3)(tc.ones((2, 4))), ValueError, "batch_norm: .* one element per channel"),
        (lambda: nn.InstanceNorm1d(3, affine=True)(tc.ones((2, 4, 5))), ValueError, "x must have 3 channels"),
        (lambda: nn.GroupNorm(2, 3), ValueError, "num_groups must divide num_channels, got 2 and 3"),
        (lambda: nn.Embedding(3, 2, padding_idx=3), ValueError, r"padding_idx must lie in \[-3, 3\), got 3"),
        (lambda: nn.EmbeddingBag(3, 2, mode="min"), ValueError, "mode must be 'sum', 'mean' or 'max', got 'min'"),
        (lambda: nn.Embedding(3, 2)(tc.asarray([3])), IndexError, "embedding"),
        (lambda: nn.MultiheadAttention(8, 3), ValueError, "num_heads must divide embed_dim"),
        (lambda: nn.MultiheadAttention(8, 2)(*[tc.ones((2, 1, 7))] * 3), ValueError, "the last of extent 8"),
        (
            lambda: nn.MultiheadAttention(8, 2)(*[tc.ones((2, 1, 8))] * 3, is_causal=True),
            ValueError,
            "is_causal is a hint",
        ),
        (
            lambda: nn.MultiheadAttention(8, 2)(*[tc.ones((2, 1, 8))] * 3, attn_mask=tc.ones((3, 3))),
            ValueError,
            r"attn_mask must have shape \(2, 2\) or \(2, 2, 2\), got \(3, 3\)",
        ),
        (lambda: nn.TransformerEncoderLayer(8, 2, activation="tanh"), ValueError, "activation must be one of"),
        (lambda: nn.Dropout(1.5), ValueError, r"Dropout: p must be in \[0, 1\], got 1.5"),
        (lambda: nn.Bilinear(0, 2, 3), ValueError, "in1_features must be at least 1"),
        (lambda: nn.Flatten(3)(tc.ones((2, 3))), IndexError, "axis 3 is out of range"),
        (lambda: nn.Unflatten(1, (2, 2))(tc.ones((2, 3))), ValueError, "does not divide the extent 3 of axis 1"),
        (lambda: nn.Softmax2d()(tc.ones((2, 3))), ValueError, "must be"),
        (lambda: nn.ReflectionPad1d(3)(tc.ones((1, 3))), ValueError, "mode 'reflect' cannot make"),
        (lambda: nn.ZeroPad2d((1, 2, 3)), ValueError, "padding must be an int or 4 ints"),
        (lambda: nn.Upsample()(tc.ones((1, 1, 2))), ValueError, "needs either size or scale_factor"),
        (
            lambda: tc._core.set_data(tc.tensor([1.0], requires_grad=True) * 2, tc.ones(1)),
            RuntimeError,
            "must be a leaf",
        ),
    ],
)
def test_refused(call, exception, text):
    with pytest.raises(exception, match=text):
        call()
