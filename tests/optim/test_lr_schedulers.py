"""Learning-rate schedules: each against PyTorch's step by step, checkpoints both ways, and torch-free values."""

import math
import pickle

import pytest

import tensorcore as tc
from tensorcore.optim import SGD, Adam, lr_scheduler

STEPS = 70


class Decay:
    """A callable with a state that belongs in a checkpoint."""

    def __init__(self, rate):
        self.rate = rate

    def __call__(self, t):
        return self.rate**t


# name: builder(schedules of either library, its optimiser)
SINGLE = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda t: 0.95**t),
    "lambda per group": lambda s, o: s.LambdaLR(o, [lambda t: 0.95**t, lambda t: 1 / (1 + t)]),
    "lambda object": lambda s, o: s.LambdaLR(o, Decay(0.9)),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.9 + 0.01 * (t % 3)),
    "step": lambda s, o: s.StepLR(o, 7, 0.5),
    "step default": lambda s, o: s.StepLR(o, 30),
    "multistep": lambda s, o: s.MultiStepLR(o, [3, 20, 20, 50], 0.3),
    "multistep at 0": lambda s, o: s.MultiStepLR(o, [0, 5], 0.3),
    "constant": lambda s, o: s.ConstantLR(o),
    "constant long": lambda s, o: s.ConstantLR(o, 0.25, 20),
    "linear": lambda s, o: s.LinearLR(o),
    "linear down": lambda s, o: s.LinearLR(o, 1.0, 0.0, 33),
    "linear up": lambda s, o: s.LinearLR(o, 0.001, 0.9, 40),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.93),
    "polynomial": lambda s, o: s.PolynomialLR(o),
    "polynomial long": lambda s, o: s.PolynomialLR(o, 45, 2.5),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 50),
    "cosine floor": lambda s, o: s.CosineAnnealingLR(o, 9, 0.013),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 10),
    "restarts longer": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, total_steps=STEPS),
    "one cycle linear": lambda s, o: s.OneCycleLR(o, [0.5, 0.2], epochs=10, steps_per_epoch=8, anneal_strategy="linear"),
    "one cycle three": lambda s, o: s.OneCycleLR(o, 0.5, 80, three_phase=True, pct_start=0.4, div_factor=10.0, final_div_factor=50.0),
    "one cycle still": lambda s, o: s.OneCycleLR(o, 0.5, 75, cycle_momentum=False),
    "one cycle momentum": lambda s, o: s.OneCycleLR(o, 0.5, 75, base_momentum=[0.7, 0.8], max_momentum=[0.9, 0.99], pct_start=0.0),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 8),
    "cyclic halved": lambda s, o: s.CyclicLR(o, [0.01, 0.02], [0.3, 0.4], 5, 9, mode="triangular2"),
    "cyclic range": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 8, mode="exp_range", gamma=0.97, base_momentum=0.7, max_momentum=0.95),
    "cyclic function": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 8, scale_fn=lambda x: 1 / x, cycle_momentum=False),
    "cyclic object": lambda s, o: s.CyclicLR(o, 0.01, 0.3, 8, scale_fn=Decay(0.9), scale_mode="iterations"),
}  # fmt: skip
COMPOSED = {
    "sequential": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=10), s.CosineAnnealingLR(o, 40, 0.001), s.ExponentialLR(o, 0.9)], [10, 50]
    ),
    "sequential absolute": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 4), s.LambdaLR(o, Decay(0.95)), s.CosineAnnealingWarmRestarts(o, 7)], [4, 30]
    ),
    "sequential jumps": lambda s, o: s.SequentialLR(
        o, [s.StepLR(o, 3, 0.5), s.MultiStepLR(o, [5, 9], 0.1), s.PolynomialLR(o, 20), s.MultiplicativeLR(o, lambda t: 0.99)], [10, 25, 40]
    ),
    "sequential cyclic": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, total_iters=6), s.CyclicLR(o, 0.01, 0.3, 8)], [6]),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.9)]),
    "chained three": lambda s, o: s.ChainedScheduler(
        [s.LinearLR(o, 0.2, total_iters=15), s.StepLR(o, 20, 0.5), s.MultiplicativeLR(o, lambda t: 0.97)]
    ),
}  # fmt: skip
ALL = SINGLE | COMPOSED


def ours(kind=SGD, rates=(0.3, 0.05)):
    options = {"momentum": 0.9} if kind is SGD else {}
    params = [tc.ones(2).requires_grad_() for _ in rates]
    return kind([{"params": [p], "lr": lr} for p, lr in zip(params, rates, strict=True)], lr=1.0, **options)


def theirs(torch, kind=SGD, rates=(0.3, 0.05)):
    options = {"momentum": 0.9} if kind is SGD else {}
    params = [torch.ones(2, requires_grad=True) for _ in rates]
    groups = [{"params": [p], "lr": lr} for p, lr in zip(params, rates, strict=True)]
    return getattr(torch.optim, kind.__name__)(groups, lr=1.0, **options)


def compare(a, b):
    """The same numbers in both optimisers' groups."""
    for mine, other in zip(a.param_groups, b.param_groups, strict=True):
        for key in ("lr", "momentum", "betas", "initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum"):
            assert (key in mine) == (key in other), key
            if key in mine:
                assert mine[key] == pytest.approx(other[key], rel=1e-12, abs=1e-14), key


@pytest.mark.parametrize("kind", [SGD, Adam])
@pytest.mark.parametrize("name", ALL)
def test_equals_pytorch(name, kind):
    torch = pytest.importorskip("torch")
    a, b = ours(kind), theirs(torch, kind)
    mine, other = ALL[name](lr_scheduler, a), ALL[name](torch.optim.lr_scheduler, b)
    compare(a, b)
    for _ in range(STEPS):
        a.step(), b.step()
        mine.step(), other.step()
        compare(a, b)
        assert mine.get_last_lr() == pytest.approx(other.get_last_lr(), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", ALL)
def test_checkpoint(name):
    """Saved at any step, pickled and loaded into a new schedule, it goes on as if nothing had been."""
    whole = ours()
    schedule = ALL[name](lr_scheduler, whole)
    expected = []
    states = []
    for _ in range(STEPS):
        states.append(pickle.dumps((whole.state_dict(), schedule.state_dict())))
        whole.step(), schedule.step()
        expected.append([dict(g, params=None) for g in whole.param_groups])
    for begin in (0, 1, 9, 10, 33, 50):
        optimizer = ours()
        resumed = ALL[name](lr_scheduler, optimizer)
        saved, state = pickle.loads(states[begin])
        resumed.load_state_dict(state)
        optimizer.load_state_dict(saved)
        for t in range(begin, STEPS):
            optimizer.step(), resumed.step()
            assert [dict(g, params=None) for g in optimizer.param_groups] == expected[t]


@pytest.mark.parametrize("name", ALL)
def test_checkpoints_of_pytorch(name):
    """Begun in PyTorch, continued here; begun here, continued there."""
    torch = pytest.importorskip("torch")
    for steps in (4, 12):
        a, b = ours(), theirs(torch)
        mine, other = ALL[name](lr_scheduler, a), ALL[name](torch.optim.lr_scheduler, b)
        for _ in range(steps):
            b.step(), other.step()
        mine.load_state_dict(other.state_dict())
        a.load_state_dict(b.state_dict())
        for _ in range(30):
            a.step(), b.step(), mine.step(), other.step()
            compare(a, b)
        c = theirs(torch)
        back = ALL[name](torch.optim.lr_scheduler, c)
        back.load_state_dict(mine.state_dict())
        c.load_state_dict({"state": {}, "param_groups": a.state_dict()["param_groups"]})
        for _ in range(20):
            a.step(), c.step(), mine.step(), back.step()
            compare(a, c)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max"},
        {"patience": 2, "cooldown": 3, "factor": 0.5},
        {"threshold_mode": "abs", "threshold": 0.2, "patience": 1},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.2, "patience": 1},
        {"patience": 0, "min_lr": [0.01, 0.02]},
        {"patience": 0, "factor": 0.1, "eps": 1e-3},
    ],
    ids=str,
)
def test_plateau_equals_pytorch(rng, options):
    torch = pytest.importorskip("torch")
    a, b = ours(), theirs(torch)
    mine = lr_scheduler.ReduceLROnPlateau(a, **options)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(b, **options)
    for t in range(80):
        metric = float(rng.standard_normal() + 10 / (1 + t)) if t % 10 else math.nan
        mine.step(tc.asarray(metric, dtype=tc.float64) if t % 2 else metric)
        other.step(metric)
        compare(a, b)
        assert mine.get_last_lr() == other.get_last_lr()
        if t == 40:
            state = pickle.loads(pickle.dumps(mine.state_dict()))
            mine = lr_scheduler.ReduceLROnPlateau(a, **options)
            mine.load_state_dict(state)


@pytest.mark.parametrize("epoch", [0, 0.5, 2.99, 3, 7.25, 20, 21, 44.5])
@pytest.mark.parametrize("mult", [1, 2])
def test_restarts_go_to_any_epoch(epoch, mult):
    torch = pytest.importorskip("torch")
    a, b = ours(), theirs(torch)
    mine = lr_scheduler.CosineAnnealingWarmRestarts(a, 3, mult)
    other = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(b, 3, mult)
    mine.step(epoch), other.step(epoch)
    compare(a, b)


@pytest.mark.parametrize("name", [n for n in SINGLE if "cyc" not in n and "restarts" not in n])
def test_resumed_by_last_epoch(name):
    """The constructor's `last_epoch` for an optimiser whose groups hold the learning rates of that step."""
    torch = pytest.importorskip("torch")
    a, b = ours(), theirs(torch)
    first, other = ALL[name](lr_scheduler, a), ALL[name](torch.optim.lr_scheduler, b)
    for _ in range(13):
        a.step(), b.step(), first.step(), other.step()
    arguments = [(type(first), lr_scheduler), (type(other), torch.optim.lr_scheduler)]
    resumed = []
    for (kind, module), optimizer in zip(arguments, (a, b), strict=True):
        patched = type("Schedules", (), {n: staticmethod(getattr(module, n)) for n in dir(module) if n[0].isupper()})
        setattr(patched, kind.__name__, staticmethod(lambda *x, kind=kind, **k: kind(*x, last_epoch=13, **k)))
        resumed.append(ALL[name](patched, optimizer))
    compare(a, b)
    for _ in range(20):
        for s in resumed:
            s.step()
        compare(a, b)


def rates(schedule, optimizer, count):
    out = []
    for _ in range(count):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step(), schedule.step()
    return out


def test_values():
    """Known values, without PyTorch."""
    cases = [
        (lambda o: lr_scheduler.InverseTimeLR(o, 0.5), [1 / (1 + 0.5 * t) for t in range(60)]),
        (lambda o: lr_scheduler.StepLR(o, 20), [0.1 ** (t // 20) for t in range(60)]),
        (lambda o: lr_scheduler.LinearLR(o, 0.25, total_iters=3), [0.25, 0.5, 0.75, *[1.0] * 57]),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 60), [(1 + math.cos(math.pi * t / 60)) / 2 for t in range(60)]),
        (lambda o: lr_scheduler.PolynomialLR(o, 40), [max(0, 1 - t / 40) for t in range(60)]),
        (
            lambda o: lr_scheduler.SequentialLR(
                o, [lr_scheduler.LinearLR(o, 0.5, total_iters=2), lr_scheduler.InverseTimeLR(o, 1.0)], [2]
            ),
            [0.5, 0.75, *(1 / (1 + t) for t in range(58))],
        ),
        (
            lambda o: lr_scheduler.ChainedScheduler([lr_scheduler.InverseTimeLR(o, 1.0), lr_scheduler.StepLR(o, 10, 0.5)]),
            [0.5 ** (t // 10) / (1 + t) for t in range(60)],
        ),
    ]  # fmt: skip
    for build, expected in cases:
        optimizer = ours(rates=(1.0,))
        assert rates(build(optimizer), optimizer, 60) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_nested_sequences():
    o = ours(rates=(1.0,))
    inner = lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(o, 0.5, 9), lr_scheduler.ConstantLR(o, 0.25, 9)], [2])
    outer = lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(o, 0.1, 9), inner], [3])
    assert rates(outer, o, 8) == pytest.approx([0.1, 0.1, 0.1, 0.5, 0.5, 0.25, 0.25, 0.25])
    o = ours(rates=(1.0,))
    inner = lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(o, 0.5, 9), lr_scheduler.ConstantLR(o, 0.25, 9)], [2])
    outer = lr_scheduler.SequentialLR(o, [inner, lr_scheduler.ConstantLR(o, 0.1, 9)], [3])
    assert rates(outer, o, 6) == pytest.approx([0.5, 0.5, 0.25, 0.1, 0.1, 0.1])


def test_chain_in_a_sequence():
    o = ours(rates=(1.0,))
    chain = lr_scheduler.ChainedScheduler([lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.9)])
    first = lr_scheduler.SequentialLR(o, [chain, lr_scheduler.ConstantLR(o, 0.1, 9)], [3])
    assert rates(first, o, 5) == pytest.approx([0.5, 0.45, 0.81, 0.1, 0.1])
    o = ours(rates=(1.0,))
    chain = lr_scheduler.ChainedScheduler([lr_scheduler.ConstantLR(o, 0.5, 2), lr_scheduler.ExponentialLR(o, 0.9)])
    last = lr_scheduler.SequentialLR(o, [lr_scheduler.ConstantLR(o, 0.1, 9), chain], [2])
    assert rates(last, o, 5) == pytest.approx([0.1, 0.1, 0.5, 0.45, 0.81])


def test_a_schedule_of_ones_own():
    class Halves(lr_scheduler.LRScheduler):
        def get_lr(self):
            return [base / 2**self.last_epoch for base in self.base_lrs]

    o = ours()
    schedule = Halves(o)
    o.step(), schedule.step()
    assert schedule.get_last_lr() == [0.15, 0.025]
    with pytest.raises(TypeError, match=r"LRScheduler: a schedule defines get_lr\(\) or step\(\)"):
        lr_scheduler.LRScheduler(o)


def test_stepping_before_the_optimizer_warns():
    schedule = lr_scheduler.StepLR(ours(), 3)
    with pytest.warns(UserWarning, match="StepLR.step\\(\\) was called before optimizer.step\\(\\)"):
        schedule.step()


S = lr_scheduler


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda o: S.StepLR(None, 3), TypeError, "StepLR: optimizer must be an Optimizer, got NoneType"),
        (lambda o: S.StepLR(o, 0), ValueError, "StepLR: step_size must be a positive int, got 0"),
        (lambda o: S.StepLR(o, 3, last_epoch=4), KeyError, "StepLR: group 0 has no initial_lr to resume from at last_epoch 4"),
        (lambda o: S.ConstantLR(o, 1.5), ValueError, "ConstantLR: factor must be in [0, 1], got 1.5"),
        (lambda o: S.LinearLR(o, 0.0), ValueError, "LinearLR: start_factor must be in (0, 1], got 0.0"),
        (lambda o: S.LinearLR(o, end_factor=-1), ValueError, "LinearLR: end_factor must be in [0, 1], got -1"),
        (lambda o: S.LinearLR(o, total_iters=2.5), ValueError, "LinearLR: total_iters must be a positive int, got 2.5"),
        (lambda o: S.PolynomialLR(o, 0), ValueError, "PolynomialLR: total_iters must be a positive int, got 0"),
        (lambda o: S.InverseTimeLR(o, -1), ValueError, "InverseTimeLR: decay must be at least 0, got -1"),
        (lambda o: S.CosineAnnealingLR(o, 0), ValueError, "CosineAnnealingLR: T_max must be a positive number, got 0"),
        (lambda o: S.LambdaLR(o, [abs]), ValueError, "LambdaLR: lr_lambda must have one value per group, got 1 for 2"),
        (lambda o: S.LambdaLR(o, 3), TypeError, "LambdaLR: lr_lambda must be callable, got int"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 0), ValueError, "CosineAnnealingWarmRestarts: T_0 must be a positive int, got 0"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 3).step(-1), ValueError, "CosineAnnealingWarmRestarts: epoch must be at least 0, got -1"),
        (lambda o: S.OneCycleLR(o, 0.1), ValueError, "OneCycleLR: needs total_steps, or epochs and steps_per_epoch"),
        (lambda o: S.OneCycleLR(o, 0.1, 0), ValueError, "OneCycleLR: total_steps must be a positive int, got 0"),
        (lambda o: S.OneCycleLR(o, 0.1, 5, pct_start=2), ValueError, "OneCycleLR: pct_start must be in [0, 1], got 2"),
        (lambda o: S.OneCycleLR(o, 0.1, 5, anneal_strategy="sin"), ValueError, "OneCycleLR: anneal_strategy must be 'cos' or 'linear', got 'sin'"),
        (lambda o: S.OneCycleLR(tc.optim.Adagrad([tc.ones(1)]), 0.1, 5), ValueError, "OneCycleLR: cycle_momentum needs an optimiser with momentum or betas, got Adagrad"),
        (lambda o: S.CyclicLR(o, 0.1, 0.2, 0), ValueError, "CyclicLR: step_size_up must be above 0, got 0"),
        (lambda o: S.CyclicLR(o, 0.1, 0.2, mode="saw"), ValueError, "CyclicLR: mode must be one of ('triangular', 'triangular2', 'exp_range'), got 'saw'"),
        (lambda o: S.ReduceLROnPlateau(o, factor=1.0), ValueError, "ReduceLROnPlateau: factor must be below 1, got 1.0"),
        (lambda o: S.ReduceLROnPlateau(o, "least"), ValueError, "ReduceLROnPlateau: mode must be 'min' or 'max', got 'least'"),
        (lambda o: S.ReduceLROnPlateau(o, min_lr=[0.1]), ValueError, "ReduceLROnPlateau: min_lr must have one value per group, got 1 for 2"),
        (lambda o: S.SequentialLR(o, [], []), ValueError, "SequentialLR: schedulers must be at least one, got []"),
        (lambda o: S.SequentialLR(o, [S.StepLR(o, 3)], [1]), ValueError, "SequentialLR: milestones must be 0 numbers for 1 schedulers, got [1]"),
        (lambda o: S.SequentialLR(o, [S.StepLR(o, 3)] * 3, [4, 1]), ValueError, "SequentialLR: milestones must be increasing, got [4, 1]"),
        (lambda o: S.SequentialLR(ours(), [S.StepLR(o, 3)], []), ValueError, "SequentialLR: schedulers[0], StepLR, belongs to another optimizer"),
        (lambda o: S.ChainedScheduler([S.ReduceLROnPlateau(o)]), ValueError, "ChainedScheduler: schedulers[0] must not be a ReduceLROnPlateau, its step needs a metric"),
        (lambda o: S.ChainedScheduler([3]), TypeError, "ChainedScheduler: schedulers[0] must be an LRScheduler, got int"),
    ],
)  # fmt: skip
def test_errors(build, error, text):
    with pytest.raises(error) as caught:
        build(ours())
    assert text in str(caught.value)


def test_one_cycle_ends():
    o = ours()
    schedule = lr_scheduler.OneCycleLR(o, 0.1, 3)
    with pytest.raises(ValueError, match="OneCycleLR: step 4 lies beyond total_steps 3"):
        rates(schedule, o, 9)


def test_plateau_and_an_added_group():
    o = ours()
    one, each = (
        lr_scheduler.ReduceLROnPlateau(o, patience=0),
        lr_scheduler.ReduceLROnPlateau(o, patience=0, min_lr=[0, 0]),
    )
    o.add_param_group({"params": [tc.ones(1)], "lr": 1.0})
    for _ in range(2):
        one.step(1.0)
    assert one.get_last_lr() == pytest.approx([0.03, 0.005, 0.1])
    each.step(1.0)
    with pytest.raises(RuntimeError, match="min_lrs has 2 values for 3 groups"):
        each.step(1.0)
