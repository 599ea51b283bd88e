"""Losses against PyTorch in float64: values and every gradient."""

import numpy as np
import pytest

import tensorcore as tc

torch = pytest.importorskip("torch")
F, TF = tc.nn.functional, torch.nn.functional
REDUCTIONS = ("mean", "sum", "none")


def compare(ours, theirs, arrays, fixed=(), rtol=1e-9):
    """Call both on the arrays (those whose index is in `fixed` need no gradient) and compare results and gradients."""
    mine = [tc.tensor(a, requires_grad=i not in fixed) for i, a in enumerate(arrays)]
    other = [torch.tensor(a, requires_grad=i not in fixed) for i, a in enumerate(arrays)]
    y, z = ours(*mine), theirs(*other)
    np.testing.assert_allclose(np.asarray(y.detach()), z.detach().numpy(), rtol=1e-10, atol=1e-12)
    g = np.random.default_rng(9).uniform(0.5, 1.5, z.shape)
    y.backward(tc.asarray(g))
    z.backward(torch.tensor(g))
    for i, (a, b) in enumerate(zip(mine, other, strict=True)):
        if i not in fixed:
            np.testing.assert_allclose(np.asarray(a.grad), b.grad.numpy(), rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(6, 5), (2, 5, 3), (2, 5, 3, 4), (5,)])
def test_cross_entropy_of_classes(rng, reduction, smoothing, weighted, shape):
    x = rng.standard_normal(shape)
    t = rng.integers(0, 5, shape[:1] + shape[2:] if len(shape) > 1 else ())
    w = rng.uniform(0.2, 2, 5)
    compare(
        lambda x, t: F.cross_entropy(x, t, tc.asarray(w) if weighted else None, 2, reduction, smoothing),
        lambda x, t: TF.cross_entropy(
            x, t, torch.tensor(w) if weighted else None, ignore_index=2, reduction=reduction, label_smoothing=smoothing
        ),
        [x, np.where(t == 2, 1, t) if not np.ndim(t) else t],
        fixed=(1,),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_of_probabilities(rng, reduction, weighted):
    x, q = rng.standard_normal((4, 5, 3)), rng.uniform(0, 1, (4, 5, 3))
    w = rng.uniform(0.2, 2, 5)
    compare(
        lambda x, q: F.cross_entropy(
            x, q, tc.asarray(w) if weighted else None, reduction=reduction, label_smoothing=0.1
        ),
        lambda x, q: TF.cross_entropy(
            x, q, torch.tensor(w) if weighted else None, reduction=reduction, label_smoothing=0.1
        ),
        [x, q],
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_nll_loss(rng, reduction):
    w = rng.uniform(0.2, 2, 5)
    compare(
        lambda x, t: F.nll_loss(x, t, tc.asarray(w), 1, reduction),
        lambda x, t: TF.nll_loss(x, t, torch.tensor(w), ignore_index=1, reduction=reduction),
        [rng.standard_normal((6, 5, 2)), rng.integers(0, 5, (6, 2))],
        fixed=(1,),
    )


PAIRS = {
    "mse_loss": {},
    "l1_loss": {},
    "smooth_l1_loss": {"beta": 0.7},
    "huber_loss": {"delta": 0.6},
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_distances(rng, name, reduction):
    settings = {"reduction": reduction, **PAIRS[name]}
    compare(
        lambda x, t: getattr(F, name)(x, t, **settings),
        lambda x, t: getattr(TF, name)(x, t, **settings),
        [rng.standard_normal((4, 3)), rng.standard_normal((4, 3))],
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("edges", [False, True])
def test_binary_cross_entropy(rng, reduction, edges):
    x = rng.uniform(0, 1, (4, 3))
    if edges:  # where PyTorch's gradient of the target is infinite
        x[0, 0], x[1, 1] = 0.0, 1.0
    compare(
        lambda x, t: F.binary_cross_entropy(x, t, reduction=reduction),
        lambda x, t: TF.binary_cross_entropy(x, t, reduction=reduction),
        [x, rng.uniform(0, 1, (4, 3))],
        fixed=(1,) if edges else (),
        rtol=1e-8,  # PyTorch keeps its bound of 1e-12 on x (1 - x) in float32
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_binary_cross_entropy_with_logits(rng, reduction):
    w, p = rng.uniform(0.5, 2, 3), rng.uniform(0.5, 2, 3)
    x = rng.standard_normal((4, 3)) * 3
    compare(
        lambda x, t: F.binary_cross_entropy_with_logits(x, t, tc.asarray(w), reduction, tc.asarray(p)),
        lambda x, t: TF.binary_cross_entropy_with_logits(
            x, t, torch.tensor(w), reduction=reduction, pos_weight=torch.tensor(p)
        ),
        [x, rng.uniform(0, 1, (4, 3))],
    )


def test_binary_cross_entropy_with_logits_does_not_overflow():
    x = tc.tensor([-1e4, 1e4, 0.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, tc.asarray([0.0, 1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(np.asarray(loss.detach()), [0.0, 0.0, np.log(2)], rtol=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_div(rng, reduction, log_target):
    t = rng.uniform(0, 1, (4, 3))
    t[0, 0] = 0.0
    compare(
        lambda x, t: F.kl_div(x, t, reduction, log_target),
        lambda x, t: TF.kl_div(x, t, reduction=reduction, log_target=log_target),
        [rng.standard_normal((4, 3)), np.log(t + 0.1) if log_target else t],
        fixed=(1,),
    )


@pytest.mark.parametrize("full", [False, True])
def test_gaussian_nll_loss(rng, full):
    var = rng.uniform(0.1, 2, (4, 3))
    var[0, 0] = 1e-9
    compare(
        lambda x, t, v: F.gaussian_nll_loss(x, t, v, full),
        lambda x, t, v: TF.gaussian_nll_loss(x, t, v, full=full),
        [rng.standard_normal((4, 3)), rng.standard_normal((4, 3)), var],
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_hinge_embedding_loss(rng, reduction):
    compare(
        lambda x, t: F.hinge_embedding_loss(x, t, 0.8, reduction),
        lambda x, t: TF.hinge_embedding_loss(x, t, margin=0.8, reduction=reduction),
        [rng.standard_normal((4, 3)), rng.choice([-1.0, 1.0], (4, 3))],
        fixed=(1,),
    )


@pytest.mark.parametrize("p", [1, 2])
def test_multi_margin_loss(rng, p):
    w = rng.uniform(0.2, 2, 5)
    compare(
        lambda x, t: F.multi_margin_loss(x, t, p, 0.7, tc.asarray(w)),
        lambda x, t: TF.multi_margin_loss(x, t, p=p, margin=0.7, weight=torch.tensor(w)),
        [rng.standard_normal((6, 5)), rng.integers(0, 5, 6)],
        fixed=(1,),
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cosine_embedding_loss(rng, reduction):
    compare(
        lambda a, b, t: F.cosine_embedding_loss(a, b, t, 0.1, reduction),
        lambda a, b, t: TF.cosine_embedding_loss(a, b, t, margin=0.1, reduction=reduction),
        [rng.standard_normal((6, 5)), rng.standard_normal((6, 5)), rng.choice([-1.0, 1.0], 6)],
        fixed=(2,),
    )


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_triplet_margin_loss(rng, p, swap):
    compare(
        lambda a, b, c: F.triplet_margin_loss(a, b, c, 0.9, p, swap=swap),
        lambda a, b, c: TF.triplet_margin_loss(a, b, c, margin=0.9, p=p, swap=swap),
        [rng.standard_normal((6, 5)) for _ in range(3)],
    )


@pytest.mark.parametrize(
    ("call", "exception", "text"),
    [
        (lambda: F.mse_loss(tc.ones(3), tc.ones(4)), ValueError, "mse_loss: x and target must have one shape"),
        (lambda: F.mse_loss(tc.ones(3), 1.0), TypeError, "mse_loss: target must be a Tensor, got float"),
        (lambda: F.l1_loss(tc.ones(3), tc.ones(3), "avg"), ValueError, "l1_loss: reduction must be one of"),
        (lambda: F.binary_cross_entropy(tc.ones(3) * 2, tc.ones(3)), ValueError, "x must lie in"),
        (lambda: F.huber_loss(tc.ones(3), tc.ones(3), delta=0.0), ValueError, "delta must be positive, got 0.0"),
        (
            lambda: F.nll_loss(tc.ones((2, 3)), tc.asarray([0, -1])),
            IndexError,
            r"must lie in \[0, 3\), got -1 at row 1",
        ),
        (
            lambda: F.cross_entropy(tc.ones((2, 3)), tc.asarray([0, 1]), tc.ones(2)),
            ValueError,
            "weight must have shape",
        ),
    ],
)
def test_errors(call, exception, text):
    with pytest.raises(exception, match=text):
        call()
