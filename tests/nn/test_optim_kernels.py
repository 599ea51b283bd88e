"""The optimisers' steps against PyTorch's over 20 steps in float64; dtypes, layouts, checks before any write."""

import itertools

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core

SHAPES = [(3,), (5, 7), (), (130, 131), (0, 4), (8192,), (1,)]
SGD = [
    {"momentum": m, "dampening": d, "nesterov": n, "weight_decay": w, "maximize": x}
    for m, d, n, w, x in itertools.product([0.0, 0.9], [0.0, 0.3], [False, True], [0.0, 0.1], [False, True])
    if not (n and (d or not m)) and not (d and not m)
]
ADAM = [
    {"decoupled": o, "weight_decay": w, "amsgrad": a, "maximize": x}
    for o, w, a, x in itertools.product([False, True], [0.0, 0.1], [False, True], [False, True])
]


def name(options):
    return "-".join(k if v is True else f"{k}={v}" for k, v in options.items() if v) or "plain"


class Sgd:
    """State of one run."""

    def __init__(self, params, lr=0.1, **options):
        self.options = {"momentum": 0.0, "dampening": 0.0, "weight_decay": 0.0, "nesterov": False, "maximize": False}
        self.options |= options
        self.lr, self.steps = lr, 0
        self.velocities = [tc.zeros_like(p) for p in params] if self.options["momentum"] else []

    def step(self, params, grads):
        self.steps += 1
        o = self.options
        _core.sgd_step(
            params,
            grads,
            self.velocities,
            self.lr,
            o["momentum"],
            o["dampening"],
            o["weight_decay"],
            o["nesterov"],
            o["maximize"],
            self.steps,
            None,
        )


class Adam:
    """State of one run."""

    def __init__(self, params, lr=0.1, betas=(0.9, 0.99), eps=1e-8, **options):
        self.options = {"weight_decay": 0.0, "decoupled": False, "amsgrad": False, "maximize": False} | options
        self.lr, self.betas, self.eps, self.steps = lr, betas, eps, 0
        count = 3 if self.options["amsgrad"] else 2
        self.states = [[tc.zeros_like(p) for p in params] for _ in range(count)]

    def step(self, params, grads):
        self.steps += 1
        o = self.options
        states = [*self.states, ()][:3]
        _core.adam_step(
            params,
            grads,
            *states,
            self.steps,
            self.lr,
            *self.betas,
            self.eps,
            o["weight_decay"],
            o["decoupled"],
            o["amsgrad"],
            o["maximize"],
            None,
        )


def follow(rng, ours, theirs, torch):
    """20 steps of both on the same gradients."""
    arrays = [rng.standard_normal(s) for s in SHAPES]
    mine = [tc.asarray(a.copy()) for a in arrays]
    other = [torch.tensor(a, requires_grad=True) for a in arrays]
    optimizer, reference = ours(mine), theirs(other)
    for _ in range(20):
        grads = [rng.standard_normal(s) for s in SHAPES]
        for p, g in zip(other, grads, strict=True):
            p.grad = torch.tensor(g)
        reference.step()
        optimizer.step(mine, [tc.asarray(g) for g in grads])
        for a, b in zip(mine, other, strict=True):
            np.testing.assert_allclose(np.asarray(a), b.detach().numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("options", SGD, ids=name)
def test_sgd_follows_pytorch(rng, options):
    torch = pytest.importorskip("torch")
    follow(rng, lambda p: Sgd(p, **options), lambda p: torch.optim.SGD(p, lr=0.1, **options), torch)


@pytest.mark.parametrize("options", ADAM, ids=name)
def test_adam_follows_pytorch(rng, options):
    torch = pytest.importorskip("torch")
    settings = dict(options)
    kind = torch.optim.AdamW if settings.pop("decoupled") else torch.optim.Adam
    follow(rng, lambda p: Adam(p, **options), lambda p: kind(p, lr=0.1, betas=(0.9, 0.99), **settings), torch)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("kind", [Sgd, Adam])
def test_one_step_in_narrow_dtypes(rng, dtype, kind):
    """Each result is that of exact arithmetic on the same values, rounded to the dtype."""
    params, grads = ([tc.asarray(rng.standard_normal(s)).astype(getattr(tc, dtype)) for s in SHAPES] for _ in range(2))
    exact, exact_grads = ([x.astype(tc.float64) for x in xs] for xs in (params, grads))
    options = {"weight_decay": 0.1} | ({"momentum": 0.9, "nesterov": True} if kind is Sgd else {"amsgrad": True})
    kind(params, **options).step(params, grads)
    kind(exact, **options).step(exact, exact_grads)
    for p, e in zip(params, exact, strict=True):
        assert p.dtype is getattr(tc, dtype)
        tc.testing.assert_close(p, e, terms=4)


@pytest.mark.parametrize("kind", [Sgd, Adam])
def test_layouts(rng, kind):
    """Transposed, flipped and sliced parameters, gradients and states are updated where they are."""
    options = {"momentum": 0.9} if kind is Sgd else {}
    arrays, grads = rng.standard_normal((3, 6, 5)), rng.standard_normal((3, 6, 5))
    plain = [tc.asarray(a) for a in arrays.copy()]
    kind(plain, **options).step(plain, [tc.asarray(g) for g in grads])
    room = tc.zeros((13, 12), dtype=tc.float64)
    odd = [
        tc.asarray(np.ascontiguousarray(arrays[0].T)).mT,
        tc.asarray(np.ascontiguousarray(arrays[1, ::-1]))[::-1],
        room[1:13:2, 1:11:2],
    ]
    odd[2][...] = tc.asarray(arrays[2])
    odd_grads = [
        tc.asarray(grads[0]),
        tc.asarray(np.ascontiguousarray(grads[1].T)).mT,
        tc.asarray(np.ascontiguousarray(grads[2][::-1]))[::-1],
    ]
    kind(odd, **options).step(odd, odd_grads)
    for a, b in zip(plain, odd, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    outside = np.array(room)
    outside[1:13:2, 1:11:2] = 0
    assert not outside.any()


@pytest.mark.parametrize("kind", [Sgd, Adam])
def test_results_do_not_depend_on_threads(rng, kind):
    arrays, grads = ([rng.standard_normal(n).astype(np.float32) for n in (70001, 3, 9000)] for _ in range(2))
    before, results = tc.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc.set_num_threads(threads)
            params = [tc.asarray(a.copy()) for a in arrays]
            optimizer = kind(params)
            for _ in range(2):
                optimizer.step(params, [tc.asarray(g) for g in grads])
            results.append([np.asarray(p) for p in params])
    finally:
        tc.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [Sgd, Adam])
def test_autograd_sees_the_change(kind):
    """A value saved for backward and updated since is an error, not a wrong gradient."""
    w = tc.ones(3).requires_grad_()
    y = (w * w).sum()
    kind([w]).step([w], [tc.ones(3)])
    with pytest.raises(RuntimeError):
        y.backward()


def test_no_parameters():
    _core.sgd_step((), (), (), 0.1, 0.0, 0.0, 0.0, False, False, 1, None)
    _core.adam_step((), (), (), (), (), 1, 0.1, 0.9, 0.999, 1e-8, 0.0, False, False, False, None)


def sgd(params, grads, velocities=(), momentum=0.0, nesterov=False, dampening=0.0):
    _core.sgd_step(params, grads, velocities, 0.1, momentum, dampening, 0.0, nesterov, False, 1, None)


def adam(params, grads, means, squares, peaks=(), step=1, amsgrad=False, beta2=0.99):
    _core.adam_step(params, grads, means, squares, peaks, step, 0.1, 0.9, beta2, 1e-8, 0.0, False, amsgrad, False, None)


def test_errors_come_before_any_write():
    def one(n=3, dtype=tc.float32):
        return tc.ones(n, dtype=dtype)

    p = [one(), one(4)]
    good = [one(), one(4)]
    shared = one(8)
    cases = [
        (
            lambda: sgd(p, [one()]),
            ValueError,
            "sgd_step: grads must have one tensor per parameter, got 1 for 2 parameters",
        ),
        (
            lambda: sgd(p, [one(), one(5)]),
            ValueError,
            "sgd_step: grads[1] must have its parameter's shape (4,), got (5,)",
        ),
        (
            lambda: sgd(p, [one(), one(4, tc.float64)]),
            TypeError,
            "sgd_step: grads[1] must have its parameter's dtype float32, got float64",
        ),
        (
            lambda: sgd([p[0], one(4, tc.int32)], good),
            TypeError,
            "sgd_step: parameter 1 must be floating-point, got int32",
        ),
        (
            lambda: sgd(p, good, (), momentum=0.9),
            ValueError,
            "sgd_step: velocities must have one tensor per parameter, got 0 for 2 parameters",
        ),
        (lambda: sgd(p, good, good), ValueError, "sgd_step: without momentum there are no velocities, got 2"),
        (
            lambda: sgd(p, good, good, nesterov=True),
            ValueError,
            "sgd_step: nesterov requires a momentum and zero dampening, got momentum 0 and dampening 0",
        ),
        (
            lambda: sgd([p[0], tc.broadcast_to(tc.ones(1), (4,))], good),
            ValueError,
            "sgd_step: a broadcast array holds one element in several places, copy it before writing; "
            "got shape (4,) with strides (0,)",
        ),
        (
            lambda: sgd([p[0], p[0]], [one(), one()]),
            ValueError,
            "sgd_step: parameters, gradients and states must not share memory",
        ),
        (
            lambda: sgd([shared[:5], shared[4:]], [one(5), one(4)]),
            ValueError,
            "sgd_step: parameters, gradients and states must not share memory",
        ),
        (lambda: sgd(p, p), ValueError, "sgd_step: parameters, gradients and states must not share memory"),
        (
            lambda: adam(p, good, [one(), one(4)], [one(), one(5)]),
            ValueError,
            "adam_step: exp_avg_sqs[1] must have its parameter's shape (4,), got (5,)",
        ),
        (
            lambda: adam(p, good, [one(), one(4)], [one(), one(4)], [one()], amsgrad=True),
            ValueError,
            "adam_step: max_exp_avg_sqs must have one tensor per parameter, got 1 for 2 parameters",
        ),
        (
            lambda: adam(p, good, [one(), one(4)], [one(), one(4)], good),
            ValueError,
            "adam_step: max_exp_avg_sqs belong to amsgrad, got 2",
        ),
        (
            lambda: adam(p, good, [one(), one(4)], [one(), one(4)], step=0),
            ValueError,
            "adam_step: step counts from 1, got 0",
        ),
        (
            lambda: adam(p, good, [one(), one(4)], [one(), one(4)], beta2=1.0),
            ValueError,
            "adam_step: betas must lie in [0, 1), got 0.9 and 1",
        ),
    ]
    for function, exception, text in cases:
        with pytest.raises(exception) as caught:
            function()
        assert str(caught.value) == text
        for x in (*p, shared):
            assert (np.asarray(x) == 1).all()


def test_one_gradient_for_two_parameters():
    """Gradients are only read: two parameters may have the same one."""
    p, g = [tc.ones(3), tc.ones(3)], tc.ones(3)
    sgd(p, [g, g])
    np.testing.assert_array_equal(np.asarray(p[0]), np.asarray(p[1]))
