"""Every layer against PyTorch, from one table: outputs, gradients, names and shapes of the state, text, copies."""

import copy
import pickle
import re
from dataclasses import dataclass, field

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn, testing


def floats(*shape, low=None, high=None):
    """Floating-point input: normal, or uniform in [low, high]."""
    return lambda rng: rng.standard_normal(shape) if low is None else rng.uniform(low, high, shape)


def ints(*shape, high):
    return lambda rng: rng.integers(0, high, shape)


def signs(*shape):
    return lambda rng: rng.choice([-1.0, 1.0], shape)


def fixed(values):
    return lambda rng: np.array(values)


def bools(*shape):
    return lambda rng: rng.integers(0, 2, shape).astype(bool)


@dataclass
class Row:
    kind: str
    args: tuple = ()
    inputs: tuple = ()
    settings: dict = field(default_factory=dict)
    call: dict = field(default_factory=dict)  # keyword inputs
    train: bool = True
    terms: int = 64  # additions behind an element of a result or gradient
    text: bool = True  # whether the texts are equal: not where axis stands for dim, or another class is inside
    exact: float = 1e-10  # bound on errors in float64


X2, X4 = floats(3, 4), floats(2, 4, 6, 5)
ROWS = [
    *(Row(k, (), (X2,)) for k in (
        "ReLU", "ReLU6", "Hardtanh", "Hardswish", "LeakyReLU", "ELU", "CELU", "SELU", "GELU", "SiLU",
        "Mish", "Sigmoid", "Tanh", "LogSigmoid", "Softsign", "Softplus", "Tanhshrink", "Hardshrink", "Softshrink",
        "PReLU", "Identity",
    )),
    Row("Hardsigmoid", (), (X2,), exact=1e-7),  # PyTorch multiplies its gradient by 1/6 in float32
    Row("ELU", (0.5,), (X2,)), Row("GELU", ("tanh",), (X2,)), Row("Softplus", (2.0, 3.0), (X2,)),
    Row("Hardtanh", (-0.5, 0.25), (X2,)), Row("Threshold", (0.1, 20), (X2,)), Row("LeakyReLU", (0.2, True), (X2,)),
    Row("RReLU", (0.1, 0.3), (X2,), train=False), Row("PReLU", (4,), (X4,)), Row("ReLU", (True,), (X2,)),
    Row("GLU", (1,), (X2,), text=False), Row("GLU", (), (X2,), text=False),
    *(Row(k, (1,), (X2,), text=False) for k in ("Softmax", "LogSoftmax", "Softmin")),
    Row("Softmax2d", (), (X4,)),
    # linear
    Row("Linear", (4, 5), (X2,)), Row("Linear", (4, 5, False), (floats(2, 3, 4),)),
    Row("Bilinear", (4, 3, 5), (X2, floats(3, 3))), Row("Bilinear", (4, 3, 5, False), (X2, floats(3, 3))),
    # convolution
    Row("Conv1d", (4, 6, 3), (floats(2, 4, 9),)), Row("Conv1d", (4, 6, 3), (floats(4, 9),)),
    Row("Conv1d", (4, 6, 4), (floats(2, 4, 9),), {"padding": "same", "padding_mode": "reflect"}),
    Row("Conv2d", (4, 6, 3), (X4,), {"stride": 2, "padding": 1, "groups": 2}),
    Row("Conv2d", (4, 6, (3, 2)), (X4,), {"dilation": (1, 2), "bias": False}),
    *(Row("Conv2d", (4, 6, 3), (X4,), {"padding": (1, 2), "padding_mode": m})
      for m in ("reflect", "replicate", "circular")),
    Row("Conv2d", (4, 6, (4, 3)), (X4,), {"padding": "same"}), Row("Conv2d", (4, 6, 3), (X4,), {"padding": "valid"}),
    Row("Conv3d", (2, 3, 2), (floats(2, 2, 4, 5, 3),), {"padding": 1, "padding_mode": "circular"}),
    Row("ConvTranspose1d", (4, 6, 3), (floats(2, 4, 5),), {"stride": 2, "output_padding": 1}),
    Row("ConvTranspose2d", (4, 6, 3), (X4,), {"stride": 2, "padding": 1, "groups": 2, "output_padding": (1, 0)}),
    Row("ConvTranspose2d", (4, 6, 3), (X4,), {"stride": 2, "dilation": 2, "bias": False}),
    Row("ConvTranspose3d", (2, 3, 2), (floats(2, 2, 3, 3, 2),), {"stride": 2}),
    # pooling
    Row("MaxPool1d", (3,), (floats(2, 4, 9),)), Row("MaxPool2d", (2,), (X4,)), Row("MaxPool2d", (3, 2, 1), (X4,)),
    Row("MaxPool2d", (2,), (X4,), {"return_indices": True, "ceil_mode": True}),
    Row("MaxPool3d", (2,), (floats(2, 2, 4, 5, 3),)),
    Row("AvgPool1d", (3,), (floats(2, 4, 9),), text=False), Row("AvgPool2d", (3, 2, 1), (X4,)),
    Row("AvgPool2d", (2,), (X4,), {"ceil_mode": True, "count_include_pad": False}),
    Row("AvgPool3d", (2,), (floats(2, 2, 4, 5, 3),)),
    *(Row(f"Adaptive{k}Pool1d", (3,), (floats(2, 4, 8),)) for k in ("Max", "Avg")),
    *(Row(f"Adaptive{k}Pool2d", ((3, None),), (X4,)) for k in ("Max", "Avg")),
    *(Row(f"Adaptive{k}Pool3d", (2,), (floats(2, 2, 4, 5, 3),)) for k in ("Max", "Avg")),
    Row("LPPool1d", (2, 3), (floats(2, 4, 9),)), Row("LPPool2d", (3, 2), (floats(2, 4, 6, 5, low=0.5, high=2),)),
    Row("LPPool3d", (2, 2), (floats(2, 2, 4, 5, 3),)), Row("LPPool2d", (2.0, (2, 3), 1, True), (X4,)),
    # normalisation
    Row("BatchNorm1d", (4,), (floats(5, 4),)), Row("BatchNorm1d", (4,), (floats(5, 4, 3),)),
    Row("BatchNorm2d", (4,), (X4,)), Row("BatchNorm2d", (4,), (X4,), train=False),
    Row("BatchNorm2d", (4, 1e-3, None), (X4,)), Row("BatchNorm2d", (4,), (X4,), {"affine": False}),
    Row("BatchNorm2d", (4,), (X4,), {"track_running_stats": False}, train=False),
    Row("BatchNorm3d", (2,), (floats(2, 2, 4, 5, 3),)),
    Row("InstanceNorm1d", (4,), (floats(2, 4, 9),)), Row("InstanceNorm2d", (4,), (X4,), {"affine": True}),
    Row("InstanceNorm2d", (4,), (X4,), {"track_running_stats": True}),
    Row("InstanceNorm2d", (4,), (floats(4, 6, 5),), {"track_running_stats": True}, train=False),
    Row("InstanceNorm3d", (2,), (floats(2, 2, 4, 5, 3),)),
    Row("LayerNorm", (5,), (X4,)), Row("LayerNorm", ((6, 5), 1e-3), (X4,), {"bias": False}),
    Row("LayerNorm", (5,), (X4,), {"elementwise_affine": False}),
    Row("RMSNorm", ((6, 5),), (X4,)), Row("RMSNorm", (5, 1e-5, False), (X4,)),
    Row("GroupNorm", (2, 4), (X4,)), Row("GroupNorm", (4, 4, 1e-3, False), (X4,)),
    Row("LocalResponseNorm", (3,), (X4,)),
    # tables
    Row("Embedding", (10, 3), (ints(2, 4, high=10),)), Row("Embedding", (10, 3, -1), (ints(2, 9, high=10),)),
    Row("Embedding", (10, 3), (ints(2, 4, high=10),), {"max_norm": 1.0}),
    *(Row("EmbeddingBag", (10, 3), (ints(2, 4, high=10),), {"mode": m}) for m in ("sum", "mean", "max")),
    *(Row("EmbeddingBag", (10, 3), (ints(7, high=10), fixed([0, 2, 2, 5])), {"mode": m}) for m in ("sum", "mean", "max")),
    Row("EmbeddingBag", (10, 3), (ints(7, high=10), fixed([0, 2, 7])), {"include_last_offset": True, "padding_idx": 2}),
    Row("EmbeddingBag", (10, 3), (ints(2, 4, high=10),), {"mode": "sum"}, {"per_sample_weights": floats(2, 4)}),
    # dropout outside training
    *(Row(k, (0.3,), (X4,), train=False) for k in (
        "Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout")),
    Row("Dropout1d", (), (floats(2, 4, 9),), train=False), Row("Dropout3d", (), (floats(2, 2, 4, 5, 3),), train=False),
    # recurrence
    Row("RNN", (4, 5), (floats(6, 3, 4),)), Row("RNN", (4, 5, 2, "relu", False), (floats(6, 3, 4),)),
    Row("LSTM", (4, 5), (floats(6, 3, 4),)), Row("LSTM", (4, 5), (floats(6, 4),)),
    Row("LSTM", (4, 5, 2), (floats(3, 6, 4),), {"bidirectional": True, "batch_first": True}),
    Row("GRU", (4, 5, 2), (floats(6, 3, 4), floats(4, 3, 5)), {"bidirectional": True, "bias": False}),
    Row("GRU", (4, 5, 2), (floats(6, 3, 4),), {"dropout": 0.5}, train=False),
    Row("RNNCell", (4, 5), (floats(3, 4), floats(3, 5))), Row("RNNCell", (4, 5, False, "relu"), (floats(4),)),
    Row("LSTMCell", (4, 5), (floats(3, 4),)), Row("GRUCell", (4, 5), (floats(3, 4), floats(3, 5))),
    # attention
    Row("MultiheadAttention", (8, 2), (floats(5, 3, 8), floats(4, 3, 8), floats(4, 3, 8)), text=False),
    Row("MultiheadAttention", (8, 2), (floats(5, 8), floats(4, 8), floats(4, 8)), text=False),
    Row("MultiheadAttention", (8, 2), (floats(3, 5, 8), floats(3, 4, 6), floats(3, 4, 7)),
        {"kdim": 6, "vdim": 7, "batch_first": True, "bias": False}, text=False),
    Row("MultiheadAttention", (8, 2), (floats(5, 3, 8), floats(4, 3, 8), floats(4, 3, 8)),
        {"add_bias_kv": True, "add_zero_attn": True}, {"attn_mask": floats(6, 5, 4)}, text=False),
    Row("MultiheadAttention", (8, 2), (floats(5, 3, 8), floats(4, 3, 8), floats(4, 3, 8)), {},
        {"key_padding_mask": fixed([[False, False, True, False]] * 3), "average_attn_weights": False}, text=False),
    Row("MultiheadAttention", (8, 2), (floats(5, 3, 8), floats(4, 3, 8), floats(4, 3, 8)), {},
        {"attn_mask": fixed(np.triu(np.ones((5, 4), bool), 2)), "need_weights": False}, text=False),
    *(Row("TransformerEncoderLayer", (8, 2, 12, 0.0, act), (floats(5, 3, 8),),
          {"norm_first": first, "batch_first": first, "bias": not first}, text=False, terms=512)
      for act in ("relu", "gelu") for first in (False, True)),
    Row("TransformerDecoderLayer", (8, 2, 12, 0.0), (floats(5, 3, 8), floats(4, 3, 8)), {},
        {"tgt_mask": fixed(np.triu(np.full((5, 5), -np.inf), 1))}, text=False, terms=512),
    Row("TransformerDecoderLayer", (8, 2, 12, 0.0), (floats(3, 5, 8), floats(3, 4, 8)),
        {"norm_first": True, "batch_first": True}, text=False, terms=512),
    Row("Transformer", (8, 2, 2, 2, 12, 0.0), (floats(5, 3, 8), floats(4, 3, 8)), text=False, terms=2048),
    # shape
    Row("Flatten", (), (X2,), text=False), Row("Flatten", (0, 2), (X4,), text=False), Row("Unflatten", (1, (2, -1)), (X4,), text=False),
    Row("PixelShuffle", (2,), (X4,)), Row("PixelUnshuffle", (2,), (floats(2, 3, 4, 6),)),
    Row("Unfold", (2, 1, 1, 2), (X4,)), Row("Unfold", ((2, 3), (2, 1)), (floats(3, 5, 6),)),
    Row("Fold", ((4, 5), (2, 3)), (floats(2, 12, 9),)), Row("Fold", (5, 2, 1, 1, 2), (floats(2, 8, 9),)),
    Row("ChannelShuffle", (2,), (X4,)), Row("UpsamplingNearest2d", (), (X4,), {"scale_factor": 2}),
    Row("UpsamplingBilinear2d", ((7, 9),), (X4,)),
    *(Row("Upsample", (), (X4,), {"size": (9, 3), "mode": m}) for m in (
        "nearest", "nearest-exact", "area", "bilinear", "bicubic")),
    *(Row("Upsample", (), (X4,), {"scale_factor": (1.7, 0.6), "mode": m}) for m in ("nearest", "bilinear", "bicubic")),
    *(Row("Upsample", (), (X4,), {"scale_factor": 1.7, "mode": m, "align_corners": True}) for m in ("bilinear", "bicubic")),
    Row("Upsample", (), (X4,), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}),
    Row("Upsample", (), (floats(2, 3, 5),), {"scale_factor": 3, "mode": "linear"}),
    Row("Upsample", (4,), (floats(2, 2, 3, 5, 2),), {"mode": "trilinear"}),
    Row("ZeroPad2d", (1,), (X4,)), Row("ConstantPad1d", ((1, 2), 3.5), (floats(2, 4, 9),)),
    Row("ZeroPad1d", ((-1, 2),), (floats(2, 4, 9),)), Row("ZeroPad3d", (1,), (floats(2, 2, 4, 5, 3),)),
    *(Row(f"{k}Pad1d", ((1, 2),), (floats(2, 4, 9),)) for k in ("Reflection", "Replication", "Circular")),
    *(Row(f"{k}Pad2d", ((1, 2, 0, 3),), (X4,)) for k in ("Reflection", "Replication", "Circular")),
    *(Row(f"{k}Pad3d", (1,), (floats(2, 2, 4, 5, 3),)) for k in ("Reflection", "Replication", "Circular")),
    Row("ConstantPad2d", (1, -1.0), (X4,)), Row("ConstantPad3d", (1, 2.0), (floats(2, 2, 4, 5, 3),)),
    Row("CosineSimilarity", (), (X2, X2)), Row("PairwiseDistance", (), (X2, X2)),
    *(Row("PairwiseDistance", (p,), (X2, X2)) for p in (1.0, 3.0, float("inf"))),
    # losses
    *(Row(k, (), (X2, X2), {"reduction": r}) for k in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss")
      for r in ("mean", "sum", "none")),
    Row("SmoothL1Loss", (), (X2, X2), {"beta": 0.3}), Row("HuberLoss", (), (X2, X2), {"delta": 0.3}),
    Row("CrossEntropyLoss", (), (X2, ints(3, high=4))),
    Row("CrossEntropyLoss", (), (X4, ints(2, 6, 5, high=4)), {"label_smoothing": 0.1, "ignore_index": 1}),
    Row("CrossEntropyLoss", (), (X2, ints(3, high=4)), {"weight": floats(4, low=0.5, high=2)}),
    Row("NLLLoss", (), (X2, ints(3, high=4)), {"weight": floats(4, low=0.5, high=2), "reduction": "sum"}),
    Row("BCELoss", (), (floats(3, 4, low=0.1, high=0.9), floats(3, 4, low=0, high=1))),
    Row("BCEWithLogitsLoss", (), (X2, floats(3, 4, low=0, high=1)), {"pos_weight": floats(4, low=0.5, high=2)}),
    Row("KLDivLoss", (), (X2, floats(3, 4, low=0.1, high=1)), {"reduction": "batchmean"}),
    Row("GaussianNLLLoss", (), (X2, X2, floats(3, 4, low=0.5, high=2)), {"full": True}),
    Row("PoissonNLLLoss", (), (X2, floats(3, 4, low=0, high=5))), Row("PoissonNLLLoss", (True,), (X2, floats(3, 4, low=0.1, high=5)), {"full": True}),
    Row("PoissonNLLLoss", (False,), (floats(3, 4, low=0.1, high=3), floats(3, 4, low=0, high=5))),
    Row("HingeEmbeddingLoss", (), (X2, signs(3, 4))), Row("SoftMarginLoss", (), (X2, signs(3, 4))),
    Row("MultiMarginLoss", (), (X2, ints(3, high=4)), {"p": 2, "margin": 0.5}),
    Row("MultiLabelMarginLoss", (), (X2, fixed([[3, 0, -1, 1], [-1, 0, 1, 2], [0, 1, 2, 3]]))),
    Row("MultiLabelMarginLoss", (), (floats(4), fixed([1, -1, 0, 0])), {"reduction": "sum"}),
    Row("MultiLabelSoftMarginLoss", (), (X2, floats(3, 4, low=0, high=1)), {"weight": floats(4, low=0.5, high=2)}),
    Row("MarginRankingLoss", (0.3,), (floats(7), floats(7), signs(7))),
    Row("CosineEmbeddingLoss", (0.1,), (X2, X2, signs(3))),
    Row("TripletMarginLoss", (), (X2, X2, X2), {"swap": True}),
    Row("TripletMarginWithDistanceLoss", (), (X2, X2, X2), {"margin": 0.5}, text=False),
]  # fmt: skip


def ids(rows):
    names = [r.kind for r in rows]
    return [f"{n}-{names[:i].count(n)}" for i, n in enumerate(names)]


each = pytest.mark.parametrize("row", ROWS, ids=ids(ROWS))


@pytest.fixture(autouse=True)
def _one_thread_in_torch():
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


def values(row, rng, dtype):
    """Arrays of settings, inputs and keyword inputs, floating-point ones as `dtype`."""

    def array(make):
        a = make(rng) if callable(make) else make
        return a.astype(dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a

    return (
        {k: array(v) for k, v in row.settings.items()},
        [array(v) for v in row.inputs],
        {k: array(v) for k, v in row.call.items()},
    )


def is_learned(a):
    """Floating-point input that is no list of signs."""
    return isinstance(a, np.ndarray) and a.dtype.kind == "f" and not (np.abs(a) == 1).all()


def ours(row, dtype="float64", seed=0):
    """The layer, its inputs and keyword inputs as tensors that require grad."""
    settings, inputs, call = values(row, np.random.default_rng(seed), dtype)

    def tensor(a):
        return tc.tensor(a, requires_grad=is_learned(a)) if isinstance(a, np.ndarray) else a

    settings = {k: tc.asarray(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    layer = getattr(nn, row.kind)(*row.args, **settings).to(getattr(tc, dtype)).train(row.train)
    return layer, [tensor(a) for a in inputs], {k: tensor(a) for k, a in call.items()}


def flat(result):
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in flat(part)]
    return [] if result is None else [result]


def total(outputs, make):
    """A scalar that weighs every element of the floating-point outputs differently."""
    rng = np.random.default_rng(1)
    parts = [(y * make(rng.standard_normal(tuple(y.shape)))).sum() for y in outputs]
    return sum(parts[1:], parts[0])


def close(got, expected, row, dtype, what):
    if got is None:
        assert expected is None or not expected.abs().max(), what
        return
    got, expected = testing.to_float64(got), expected.detach().double().numpy()
    assert got.shape == expected.shape, what
    if dtype == "float64":
        np.testing.assert_allclose(got, expected, rtol=row.exact, atol=row.exact, err_msg=what)
        return
    scale = max(1.0, float(np.abs(expected[np.isfinite(expected)]).max(initial=1.0)))
    testing.assert_close(got, expected, dtype=dtype, terms=row.terms, scale=scale)


@pytest.mark.filterwarnings("ignore::UserWarning")  # PyTorch on its own fast paths
@each
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_torch(row, dtype):
    torch = pytest.importorskip("torch")
    layer, inputs, call = ours(row, dtype)
    settings, arrays, keywords = values(row, np.random.default_rng(0), dtype)

    def tensor(a, learned=True):
        if not isinstance(a, np.ndarray):
            return a
        return torch.tensor(a, requires_grad=learned and is_learned(a))

    settings = {k: tensor(v, False) for k, v in settings.items()}
    reference = getattr(torch.nn, row.kind)(*row.args, **settings).to(getattr(torch, dtype)).train(row.train)
    for p in reference.parameters():  # beyond the usual first values: no scale of 1, no shift of 0
        torch.nn.init.uniform_(p, -0.7, 0.9)

    # Names and shapes of the state, in one order; their state loads unchanged, and ours into theirs.
    their_state = reference.state_dict()
    assert [(k, tuple(v.shape)) for k, v in their_state.items()] == [
        (k, v.shape) for k, v in layer.state_dict().items()
    ]
    assert [n for n, _ in reference.named_parameters()] == [n for n, _ in layer.named_parameters()]
    layer.load_state_dict(their_state)
    reference.load_state_dict({k: torch.tensor(np.array(v)) for k, v in layer.state_dict().items()})

    xs, kw = [tensor(a) for a in arrays], {k: tensor(a) for k, a in keywords.items()}
    theirs, mine = flat(reference(*(x * 1 if x.requires_grad else x for x in xs), **kw)), flat(layer(*inputs, **call))
    assert len(theirs) == len(mine)
    for i, (a, b) in enumerate(zip(mine, theirs, strict=True)):
        assert a.dtype.name == str(b.dtype).removeprefix("torch.")
        close(a, b, row, dtype, f"output {i}")
    learned = [i for i, y in enumerate(theirs) if y.requires_grad]
    total([theirs[i] for i in learned], lambda a: torch.tensor(a.astype(dtype))).backward()
    total([mine[i] for i in learned], lambda a: tc.asarray(a.astype(dtype))).backward()
    for i, (a, b) in enumerate(zip([*inputs, *call.values()], [*xs, *kw.values()], strict=True)):
        if hasattr(b, "grad"):
            close(a.grad, b.grad, row, dtype, f"gradient of input {i}")
    for (name, a), b in zip(layer.named_parameters(), reference.parameters(), strict=True):
        close(a.grad, b.grad, row, dtype, f"gradient of {name}")
    for (name, a), b in zip(layer.named_buffers(), reference.buffers(), strict=True):
        close(a, b, row, dtype, f"buffer {name}")


@pytest.mark.parametrize("row", [r for r in ROWS if r.text], ids=ids([r for r in ROWS if r.text]))
def test_text_is_that_of_torch(row):
    torch = pytest.importorskip("torch")
    settings, _, _ = values(row, np.random.default_rng(0), "float64")
    settings = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    texts = [repr(ours(row)[0]), repr(getattr(torch.nn, row.kind)(*row.args, **settings))]
    if "Norm" in row.kind:  # older versions leave out the bias
        texts = [re.sub(", bias=(True|False)", "", text) for text in texts]
    assert texts[0] == texts[1]


@each
def test_copies_compute_the_same(row):
    layer, inputs, call = ours(row)
    layer.eval()
    expected = [testing.to_float64(y) for y in flat(layer(*inputs, **call))]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(other) == repr(layer)
        assert [n for n, _ in other.named_parameters()] == [n for n, _ in layer.named_parameters()]
        assert all(type(p) is nn.Parameter and p.requires_grad for p in other.parameters())
        assert not {id(p) for p in other.parameters()} & {id(p) for p in layer.parameters()}
        for y, e in zip(flat(other(*inputs, **call)), expected, strict=True):
            np.testing.assert_array_equal(testing.to_float64(y), e)


@each
def test_state_round_trip(row):
    layer, other = ours(row)[0], ours(row)[0]
    for p in layer.parameters():
        nn.init.uniform_(p)
    assert repr(other.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
    for a, b in zip(layer.state_dict().values(), other.state_dict().values(), strict=True):
        np.testing.assert_array_equal(np.array(a), np.array(b))


@each
def test_half_precision_runs(row):
    layer, inputs, call = ours(row, "float32")
    layer.half()

    def half(x):
        return x.astype(tc.float16) if isinstance(x, tc.Tensor) and x.dtype.kind == "float" else x

    for y in flat(layer(*map(half, inputs), **{k: half(x) for k, x in call.items()})):
        assert y.dtype is tc.float16 or y.dtype.kind == "int"


def test_every_class_has_a_row():
    """A layer that is added must be added to the table."""
    elsewhere = {
        "Module", "Parameter", "Buffer", "UninitializedParameter", "Sequential", "ModuleList", "ModuleDict",
        "ParameterList", "ParameterDict", "UninitializedBuffer", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d", "RNNBase",
        "RNNCellBase", "TransformerEncoder", "TransformerDecoder",
    }  # fmt: skip
    layers = {n for n in nn.__all__ if n[0].isupper()}
    assert {n for n in layers - elsewhere if not n.startswith("Lazy")} == {row.kind for row in ROWS}


def test_torch_has_no_layer_that_is_missing():
    torch = pytest.importorskip("torch")
    theirs = {n for n, v in vars(torch.nn).items() if isinstance(v, type) and issubclass(v, torch.nn.Module)}
    left_out = {
        "AdaptiveLogSoftmaxWithLoss", "CTCLoss", "Container", "CrossMapLRN2d", "DataParallel",
        "FractionalMaxPool2d", "FractionalMaxPool3d", "NLLLoss2d", "SyncBatchNorm", "LinearCrossEntropyLoss",
    }  # fmt: skip
    assert {n for n in theirs if not hasattr(nn, n)} == left_out & theirs
