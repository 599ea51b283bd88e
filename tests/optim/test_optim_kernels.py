"""The fused steps below the classes: each rule against NumPy, dtypes, layouts, threads, clocks, checks before any write."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tensorcore as tc
from tensorcore import _core

DEVICES = ["cpu", "cuda"]
SHAPES = [(3,), (5, 7), (), (130, 131), (0, 4), (8192,), (1,)]


# Each rule in NumPy: (parameter, gradient, states, options, lr, step, product) -> (change of the parameter, states).
def sgd(g, s, o, lr, step, product):
    momentum, dampening, nesterov = o
    if not momentum:
        return -lr * g, s
    v = g if step == 1 else momentum * s[0] + (1 - dampening) * g
    return -lr * (g + momentum * v if nesterov else v), [v]


def adagrad(g, s, o, lr, step, product):
    total = s[0] + g * g
    return -lr / (1 + (step - 1) * o[0]) * g / (np.sqrt(total) + o[1]), [total]


def adadelta(g, s, o, lr, step, product):
    rho, eps = o
    square = rho * s[0] + (1 - rho) * g * g
    delta = np.sqrt(s[1] + eps) / np.sqrt(square + eps) * g
    return -lr * delta, [square, rho * s[1] + (1 - rho) * delta**2]


def rmsprop(g, s, o, lr, step, product):
    alpha, eps, momentum, centered = o
    square = alpha * s[0] + (1 - alpha) * g * g
    mean = alpha * s[1] + (1 - alpha) * g if centered else s[1]
    scaled = g / (np.sqrt(square - mean**2 if centered else square) + eps)
    velocity = momentum * s[2] + scaled if momentum else s[2]
    return -lr * (velocity if momentum else scaled), [square, mean, velocity]


def means(g, s, beta1, beta2):
    return beta1 * s[0] + (1 - beta1) * g, beta2 * s[1] + (1 - beta2) * g * g


def adam(g, s, o, lr, step, product):
    beta1, beta2, eps, amsgrad = o
    m, v = means(g, s, beta1, beta2)
    peak = np.maximum(s[2], v) if amsgrad else s[2]
    root = np.sqrt((peak if amsgrad else v) / (1 - beta2**step))
    return -lr * m / (1 - beta1**step) / (root + eps), [m, v, peak]


def adamax(g, s, o, lr, step, product):
    beta1, beta2, eps = o
    m, peak = beta1 * s[0] + (1 - beta1) * g, np.maximum(beta2 * s[1], np.abs(g) + eps)
    return -lr * m / (1 - beta1**step) / peak, [m, peak]


def nadam(g, s, o, lr, step, product):
    beta1, beta2, eps, decay = o
    m, v = means(g, s, beta1, beta2)
    now, after = (beta1 * (1 - 0.5 * 0.96 ** (t * decay)) for t in (step, step + 1))
    blend = (1 - now) * g / (1 - product) + after * m / (1 - product * after)
    return -lr * blend / (np.sqrt(v / (1 - beta2**step)) + eps), [m, v]


def radam(g, s, o, lr, step, product):
    beta1, beta2, eps = o
    m, v = means(g, s, beta1, beta2)
    limit = 2 / (1 - beta2) - 1
    rho = limit - 2 * step * beta2**step / (1 - beta2**step)
    change = -lr * m / (1 - beta1**step)
    if rho > 5:
        rectified = np.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
        change = change * rectified * np.sqrt(1 - beta2**step) / (np.sqrt(v) + eps)
    return change, [m, v]


def lion(g, s, o, lr, step, product):
    beta1, beta2 = o
    return -lr * np.sign(beta1 * s[0] + (1 - beta1) * g), [beta2 * s[0] + (1 - beta2) * g]


# name: reference, options, which states are in use
RULES = {
    "sgd_step": (sgd, [(0.0, 0.0, 0.0), (0.9, 0.0, 0.0), (0.9, 0.3, 0.0), (0.9, 0.0, 1.0)], lambda o: [o[0] != 0]),
    "adagrad_step": (adagrad, [(0.0, 1e-10), (0.1, 1e-3)], lambda o: [True]),
    "adadelta_step": (adadelta, [(0.9, 1e-6), (0.5, 1e-3)], lambda o: [True, True]),
    "rmsprop_step": (
        rmsprop,
        [(0.9, 1e-8, m, c) for m in (0.0, 0.9) for c in (0.0, 1.0)],
        lambda o: [True, o[3] != 0, o[2] != 0],
    ),
    "adam_step": (adam, [(0.9, 0.99, 1e-8, 0.0), (0.9, 0.99, 1e-8, 1.0)], lambda o: [True, True, o[3] != 0]),
    "adamax_step": (adamax, [(0.9, 0.99, 1e-8)], lambda o: [True, True]),
    "nadam_step": (nadam, [(0.9, 0.99, 1e-8, 4e-3)], lambda o: [True, True]),
    "radam_step": (radam, [(0.9, 0.99, 1e-8), (0.9, 0.5, 1e-8)], lambda o: [True, True]),
    "lion_step": (lion, [(0.9, 0.99)], lambda o: [True]),
}
CASES = [(rule, options) for rule, (_, choices, _) in RULES.items() for options in choices]
COMMON = [(0.0, False, False), (0.1, False, True), (0.1, True, False)]  # weight decay, decoupled, maximize


class Run:
    """A rule with its states, which begin at zero, or as `states` says."""

    def __init__(self, rule, options, params, common=COMMON[0], lr=0.1):
        self.rule, self.options, self.common, self.lr = rule, options, common, lr
        self.used = RULES[rule][2](options)
        self.states = [[tc.zeros_like(p) for p in params] if used else [] for used in self.used]
        self.steps, self.product = 0, 1.0

    def advance(self):
        self.steps += 1
        if self.rule == "nadam_step":
            self.product *= self.options[0] * (1 - 0.5 * 0.96 ** (self.steps * self.options[3]))

    def step(self, params, grads):
        self.advance()
        products = [self.product] * len(params) if self.rule == "nadam_step" else []
        steps = [float(self.steps)] * len(params)
        _core.optim_step(
            self.rule, params, grads, self.states, self.options, self.lr, *self.common, steps, products, None
        )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("common", COMMON, ids=str)
@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_rules(rng, rule, options, common, device):
    """Ten steps of each rule on many shapes against NumPy in float64."""
    shapes = SHAPES if device == "cpu" else [s for s in SHAPES if s != (130, 131)]
    arrays = [rng.standard_normal(s) for s in shapes]
    params = [tc.asarray(a.copy()).to(device) for a in arrays]
    run = Run(rule, options, params, common)
    states = [[np.zeros_like(a) for _ in run.used] for a in arrays]
    decay, decoupled, maximize = common
    for _ in range(10):
        grads = [rng.standard_normal(s) for s in shapes]
        run.step(params, [tc.asarray(g).to(device) for g in grads])
        for i, (p, g) in enumerate(zip(arrays, grads, strict=True)):
            g = (-g if maximize else g) + (0 if decoupled else decay) * p
            change, states[i] = RULES[rule][0](g, states[i], options, run.lr, run.steps, run.product)
            arrays[i] = p * (1 - run.lr * decay if decoupled else 1) + change
        for mine, expected in zip(params, arrays, strict=True):
            np.testing.assert_allclose(np.asarray(mine.cpu()), expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_one_step_in_narrow_dtypes(rng, dtype, rule, options):
    """Each result is that of exact arithmetic on the same values, rounded to the dtype."""
    params, grads = ([tc.asarray(rng.standard_normal(s)).astype(getattr(tc, dtype)) for s in SHAPES] for _ in range(2))
    exact, exact_grads = ([x.astype(tc.float64) for x in xs] for xs in (params, grads))
    for p, g in ((params, grads), (exact, exact_grads)):
        Run(rule, options, p, COMMON[2]).step(p, g)
    for p, e in zip(params, exact, strict=True):
        assert p.dtype is getattr(tc, dtype)
        tc.testing.assert_close(p, e, terms=4)


@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_layouts(rng, rule, options):
    """Transposed, flipped and sliced parameters, gradients and states are updated where they are."""
    arrays, grads = rng.standard_normal((3, 6, 5)), rng.standard_normal((3, 6, 5))
    plain = [tc.asarray(a) for a in arrays.copy()]
    Run(rule, options, plain).step(plain, [tc.asarray(g) for g in grads])
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
    run = Run(rule, options, odd)
    run.states = [[tc.zeros((5, 6), dtype=tc.float64).mT for _ in s] for s in run.states]
    run.step(odd, odd_grads)
    for a, b in zip(plain, odd, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))
    outside = np.array(room)
    outside[1:13:2, 1:11:2] = 0
    assert not outside.any()


@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_results_do_not_depend_on_threads(rng, rule, options):
    arrays, grads = ([rng.standard_normal(n).astype(np.float32) for n in (70001, 3, 9000)] for _ in range(2))
    before, results = tc.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            tc.set_num_threads(threads)
            params = [tc.asarray(a.copy()) for a in arrays]
            run = Run(rule, options, params)
            for _ in range(2):
                run.step(params, [tc.asarray(g) for g in grads])
            results.append([np.asarray(p) for p in params])
    finally:
        tc.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_parameters_at_different_steps(rng, rule, options, device):
    """One call for parameters that have taken different numbers of steps equals a call for each."""
    arrays, grads = rng.standard_normal((5, 40)), rng.standard_normal((5, 40))
    steps = [1.0, 7.0, 1.0, 3.0, 7.0]
    products = [0.4, 0.1, 0.4, 0.2, 0.05] if rule == "nadam_step" else []
    used = RULES[rule][2](options)

    def state(i):
        return tc.asarray(np.abs(arrays[i - 1])).to(device)

    def run(indices):
        params = [tc.asarray(arrays[i].copy()).to(device) for i in indices]
        states = [[state(i) for i in indices] if u else [] for u in used]
        _core.optim_step(
            rule,
            params,
            [tc.asarray(grads[i]).to(device) for i in indices],
            states,
            options,
            0.1,
            *COMMON[2],
            [steps[i] for i in indices],
            [products[i] for i in indices] if products else [],
            None,
        )
        return [np.asarray(p.cpu()) for p in params]

    together = run(range(5))
    for i in range(5):
        np.testing.assert_array_equal(together[i], run([i])[0])


@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_clock_on_the_device(rng, rule, options):
    """Learning rate, step and product read from memory give the bits that they give as arguments."""
    shapes = [(3, 4), (4097,), (1,)]
    for device in DEVICES:
        results = []
        for from_memory in (False, True):
            draw = np.random.default_rng(0)
            params = [tc.asarray(draw.standard_normal(s)).to(device) for s in shapes]
            run = Run(rule, options, params, COMMON[2])
            for _ in range(3):
                grads = [tc.asarray(draw.standard_normal(s)).to(device) for s in shapes]
                if not from_memory:
                    run.step(params, grads)
                    continue
                run.advance()
                clock = tc.asarray([run.lr, run.steps, run.product if rule == "nadam_step" else 0], dtype=tc.float64)
                _core.optim_step(rule, params, grads, run.states, options, 99.0, *COMMON[2], [], [], clock.to(device))
            results.append([np.asarray(p.cpu()) for p in params])
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)


VALUES = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(CASES),
    common=st.sampled_from(COMMON),
    values=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=40),
    step=st.integers(1, 1 << 40),
)
def test_any_numbers(case, common, values, step):
    """Whatever the numbers, every element's result is that of the element alone: no lane sees another."""
    rule, options = case
    used = RULES[rule][2](options)
    columns = [np.array(c, dtype=np.float32) for c in zip(*values, strict=True)]

    def run(p, g, s):
        params = [tc.asarray(p.copy())]
        states = [[tc.asarray(np.abs(s))] if u else [] for u in used]
        products = [0.3] if rule == "nadam_step" else []
        _core.optim_step(rule, params, [tc.asarray(g)], states, options, 0.1, *common, [float(step)], products, None)
        return [np.asarray(x) for x in (params[0], *(y for s in states for y in s))]

    together = run(*columns)
    alone = [run(*(c[i : i + 1] for c in columns)) for i in range(len(values))]
    for k, whole in enumerate(together):
        np.testing.assert_array_equal(whole, np.concatenate([one[k] for one in alone]))


@pytest.mark.parametrize("device", DEVICES)
def test_nan_reaches_the_parameter(device):
    for rule, options in CASES:
        p, g = tc.ones(3).to(device), tc.asarray([1.0, float("nan"), 1.0]).to(device)
        Run(rule, options, [p]).step([p], [g])
        assert np.isnan(np.asarray(p.cpu())).tolist() == [False, True, False], rule


def test_autograd_sees_the_change():
    """A value saved for backward and updated since is an error, not a wrong gradient."""
    w = tc.ones(3).requires_grad_()
    y = (w * w).sum()
    Run("adam_step", (0.9, 0.99, 1e-8, 0.0), [w]).step([w], [tc.ones(3)])
    with pytest.raises(RuntimeError):
        y.backward()


@pytest.mark.parametrize(("rule", "options"), CASES, ids=str)
def test_no_parameters(rule, options):
    Run(rule, options, []).step([], [])


def test_one_gradient_for_two_parameters():
    """Gradients are only read: two parameters may have the same one."""
    p, g = [tc.ones(3), tc.ones(3)], tc.ones(3)
    Run("sgd_step", (0.0, 0.0, 0.0), p).step(p, [g, g])
    np.testing.assert_array_equal(np.asarray(p[0]), np.asarray(p[1]))


def call(params, grads, states, rule="sgd_step", options=(0.9, 0.0, 0.0), steps=None, products=(), clock=None):
    steps = [1.0] * len(params) if steps is None else steps
    _core.optim_step(rule, params, grads, states, options, 0.1, 0.0, False, False, steps, products, clock)


def test_errors_come_before_any_write():
    def one(n=3, dtype=tc.float32):
        return tc.ones(n, dtype=dtype)

    def pair():
        return [one(), one(4)]

    p, good, adam = pair(), pair(), {"rule": "adam_step", "options": (0.9, 0.99, 1e-8, 0.0)}
    shared = one(8)
    apart = "sgd_step: parameters, gradients and states must not share memory"
    plain = {"options": (0.0, 0.0, 0.0)}
    cases = [
        (lambda: call(p, good, [], rule="sgd"), ValueError, "optim_step: rule must be one of sgd_step adagrad_step"),
        (lambda: call(p, good, [pair()], options=(0.9,)), ValueError, "sgd_step: takes 3 options, got 1"),
        (lambda: call(p, good, []), ValueError, "sgd_step: takes 1 lists of states, got 0"),
        (lambda: call(p, [one()], [pair()]), ValueError, "sgd_step: grads must have one tensor per parameter, got 1 for 2"),
        (lambda: call(p, [one(), one(5)], [pair()]), ValueError, "sgd_step: grads[1] must have its parameter's shape (4,), got (5,)"),
        (lambda: call(p, [one(), one(4, tc.float64)], [pair()]), TypeError, "sgd_step: grads[1] must have its parameter's dtype float32, got float64"),
        (lambda: call([p[0], one(4, tc.int32)], good, [pair()]), TypeError, "sgd_step: parameter 1 must be floating-point, got int32"),
        (lambda: call(p, good, [[]]), ValueError, "sgd_step: momentum_buffer must have one tensor per parameter, got 0 for 2"),
        (lambda: call(p, good, [pair()], **plain), ValueError, "sgd_step: these options do without momentum_buffer, got 2"),
        (lambda: call([p[0], tc.broadcast_to(tc.ones(1), (4,))], good, [pair()]), ValueError, "sgd_step: a broadcast array holds one element in several places"),
        (lambda: call([p[0], p[0]], [one(), one()], [[]], **plain), ValueError, apart),
        (lambda: call([shared[:5], shared[4:]], [one(5), one(4)], [[]], **plain), ValueError, apart),
        (lambda: call(p, p, [[]], **plain), ValueError, apart),
        (lambda: call(p, good, [good]), ValueError, apart),
        (lambda: call(p, good, [pair()], steps=[1.0, 0.0]), ValueError, "sgd_step: steps count from 1, got 0"),
        (lambda: call(p, good, [pair()], steps=[1.0, float("nan")]), ValueError, "sgd_step: steps count from 1, got nan"),
        (lambda: call(p, good, [pair()], steps=[1.0]), ValueError, "sgd_step: takes 2 steps, got 1"),
        (lambda: call(p, good, [pair()], products=[1.0, 1.0]), ValueError, "sgd_step: takes 0 products, got 2"),
        (lambda: call(p, good, [pair(), [one(), one(5)], []], **adam), ValueError, "adam_step: exp_avg_sq[1] must have its parameter's shape (4,), got (5,)"),
        (lambda: call(p, good, [pair(), pair(), pair()], **adam), ValueError, "adam_step: these options do without max_exp_avg_sq, got 2"),
        (lambda: call(p, good, [pair()], steps=[], clock=one(2, tc.float64)), ValueError, "sgd_step: clock must be a contiguous float64 array of shape (3,), got float64 of shape (2,)"),
        (lambda: call(p, good, [pair()], steps=[], clock=one(3, tc.float64).to("cuda")), RuntimeError, "sgd_step: arrays must be on one device"),
        (lambda: call([x.to("cuda") for x in p], good, [pair()]), RuntimeError, "sgd_step: arrays must be on one device"),
    ]  # fmt: skip
    for function, exception, text in cases:
        with pytest.raises(exception) as caught:
            function()
        assert str(caught.value).startswith(text)
        for x in (*p, *good, shared):
            assert (np.asarray(x) == 1).all()
