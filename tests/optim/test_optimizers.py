"""Every optimiser against PyTorch's, step by step: options, groups, changing rates, missing gradients, checkpoints."""

import copy
import pickle

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import optim
from tensorcore.optim import muon

DEVICES = ["cpu", "cuda"]
STEPS = 50

# class name: option variants, all of them besides lr
VARIANTS = {
    "SGD": [
        {},
        {"weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05},
        {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.9, "maximize": True},
    ],
    "Adagrad": [
        {},
        {"lr_decay": 0.1, "weight_decay": 0.1},
        {"initial_accumulator_value": 0.5, "eps": 1e-3, "maximize": True},
    ],
    "Adadelta": [{}, {"rho": 0.7, "eps": 1e-4, "weight_decay": 0.1}, {"maximize": True}],
    "RMSprop": [
        {},
        {"alpha": 0.9, "weight_decay": 0.1},
        {"centered": True},
        {"momentum": 0.9, "eps": 1e-5},
        {"momentum": 0.9, "centered": True, "maximize": True},
    ],
    "Adam": [
        {},
        {"betas": (0.8, 0.99), "eps": 1e-5, "weight_decay": 0.1},
        {"amsgrad": True, "maximize": True},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
    ],
    "AdamW": [{}, {"weight_decay": 0.2, "amsgrad": True}, {"weight_decay": 0.0, "maximize": True}],
    "Adamax": [{}, {"betas": (0.8, 0.9), "weight_decay": 0.1, "eps": 1e-4, "maximize": True}],
    "NAdam": [
        {},
        {"momentum_decay": 0.05, "weight_decay": 0.1, "betas": (0.8, 0.9)},
        {"decoupled_weight_decay": True, "weight_decay": 0.1, "maximize": True},
    ],
    "RAdam": [
        {},
        {"weight_decay": 0.1, "betas": (0.8, 0.7)},
        {"decoupled_weight_decay": True, "weight_decay": 0.1, "betas": (0.9, 0.95), "maximize": True},
    ],
    "Muon": [
        {},
        {"nesterov": False, "weight_decay": 0.0, "momentum": 0.8},
        {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3},
        {"adjust_lr_fn": "original", "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
    ],
}
CASES = [(name, options) for name, variants in VARIANTS.items() for options in variants]
SHAPES = [(3, 4), (9, 2), (5, 5), (7,), (), (0, 2), (1,)]


class ExactMuon(optim.Muon):
    """Without the rounding to bfloat16, so that the steps can be compared digit by digit."""

    def _orthogonal(self, x, group):
        return muon.orthogonalize(x, group["ns_coefficients"], group["ns_steps"], group["eps"], dtype=tc.float64)


@pytest.fixture
def torch(monkeypatch):
    """PyTorch with float64 as default dtype: also of the counts and products its optimisers keep."""
    module = pytest.importorskip("torch")
    module.set_default_dtype(module.float64)
    yield module
    module.set_default_dtype(module.float32)


class Pair:
    """The same parameters, in two groups, under both libraries' optimisers."""

    def __init__(self, torch, name, options, device="cpu", seed=0, dtype=np.float64, lr=0.1):
        self.torch, self.device, self.rng = torch, device, np.random.default_rng(seed)
        shapes = [s for s in SHAPES if len(s) == 2 or name != "Muon"]
        self.dtype = dtype
        self.name, self.options, self.lr = name, options, lr
        arrays = [self.rng.standard_normal(s).astype(dtype) for s in shapes]
        self.mine = [tc.asarray(a.copy()).to(device).requires_grad_() for a in arrays]
        self.mine[1] = tc.asarray(np.ascontiguousarray(arrays[1].T)).to(device).mT.detach().requires_grad_()
        self.other = [torch.tensor(a, requires_grad=True) for a in arrays]
        self.a, self.b = self.fresh()
        self.schedules = [
            optim.lr_scheduler.ExponentialLR(self.a, 0.97),
            torch.optim.lr_scheduler.ExponentialLR(self.b, 0.97),
        ]
        self.taken = 0

    def fresh(self):
        kind = ExactMuon if self.name == "Muon" else getattr(optim, self.name)

        def groups(params):
            return [
                {"params": params[:2], "lr": self.lr / 3},
                {"params": params[2:], "weight_decay": self.options.get("weight_decay", 0.0) * 2},
            ]

        mine = kind(groups(self.mine), lr=self.lr, **self.options)
        return mine, getattr(self.torch.optim, self.name)(groups(self.other), lr=self.lr, **self.options)

    def step(self, schedules=True):
        """One step on drawn gradients; parameter 0 has none in every third step, parameter 2 none in the first four."""
        self.taken += 1
        for i, (p, q) in enumerate(zip(self.mine, self.other, strict=True)):
            g = np.asarray(self.rng.standard_normal(tuple(q.shape)), dtype=self.dtype)
            if (i == 0 and self.taken % 3 == 0) or (i == 2 and self.taken < 5):
                p.grad = q.grad = None
                continue
            q.grad = self.torch.tensor(g)
            p.grad = (
                tc.asarray(np.ascontiguousarray(g.T)).to(self.device).mT
                if g.ndim == 2
                else tc.asarray(g).to(self.device)
            )
        self.a.step(), self.b.step()
        for s in self.schedules if schedules else ():
            s.step()

    def check(self, rtol=1e-10, atol=1e-11):
        for p, q in zip(self.mine, self.other, strict=True):
            np.testing.assert_allclose(np.asarray(p.detach().cpu()), q.detach().numpy(), rtol=rtol, atol=atol)


def to_torch(torch, state_dict):
    """A state_dict of ours with PyTorch's tensors."""
    state = {
        i: {k: torch.tensor(np.asarray(v.cpu())) if isinstance(v, tc.Tensor) else v for k, v in s.items()}
        for i, s in state_dict["state"].items()
    }
    return {"state": state, "param_groups": state_dict["param_groups"]}


@pytest.fixture
def exact_muon(torch, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "bfloat16", lambda self: self.double().clone())


@pytest.mark.usefixtures("exact_muon")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_equals_pytorch(torch, name, options, device):
    pair = Pair(torch, name, options, device)
    for _ in range(STEPS):
        pair.step()
        pair.check()


@pytest.mark.parametrize(("name", "options"), [c for c in CASES if c[0] != "Muon"], ids=str)
def test_equals_pytorch_in_float32(torch, name, options):
    torch.set_default_dtype(torch.float32)
    pair = Pair(torch, name, options, dtype=np.float32, lr=0.01)
    for _ in range(STEPS):
        pair.step()
        pair.check(rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("exact_muon")
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_checkpoints_of_pytorch(torch, name, options, device):
    """Begun in PyTorch, continued here, and then there again."""
    pair = Pair(torch, name, options, device)
    for _ in range(8):
        pair.step()
    pair.a, new = pair.fresh()
    saved = pair.b.state_dict()
    pair.a.load_state_dict(saved)
    for _ in range(12):
        pair.step(schedules=False)
        pair.check()
    new.load_state_dict(to_torch(torch, pair.a.state_dict()))
    before = pair.b.state_dict()
    after = new.state_dict()
    assert before["state"].keys() == after["state"].keys()
    for i, state in before["state"].items():
        assert {k for k, v in state.items() if v is not None} == after["state"][i].keys()
        for key, value in state.items():
            if value is not None:
                np.testing.assert_allclose(after["state"][i][key].numpy(), value.numpy(), rtol=1e-10, atol=1e-12)
                assert after["state"][i][key].shape == value.shape
    pair.b = new
    for _ in range(12):
        pair.step(schedules=False)
        pair.check()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("name", "options"), [*CASES, ("Lion", {"weight_decay": 0.1})], ids=str)
def test_checkpoint(name, options, device):
    """Saved, pickled and loaded at any time, the bits are those of training in one go."""

    def begin():
        rng = np.random.default_rng(1)
        shapes = [(3, 4), (6, 2)] if name == "Muon" else [(3, 4), (7,), ()]
        params = [tc.asarray(rng.standard_normal(s)).to(device).requires_grad_() for s in shapes]
        return params, getattr(optim, name)(params, **options)

    def steps(params, optimizer, numbers):
        for t in numbers:
            rng = np.random.default_rng(t)
            for i, p in enumerate(params):
                g = tc.asarray(rng.standard_normal(p.shape)).to(device)
                p.grad = None if (t + i) % 4 == 0 else g
            optimizer.step()

    def values(params):
        return [np.asarray(p.detach().cpu()) for p in params]

    whole, optimizer = begin()
    steps(whole, optimizer, range(12))
    for cut in (0, 1, 5):
        params, first = begin()
        steps(params, first, range(cut))
        state = pickle.loads(pickle.dumps(first.state_dict()))
        second = getattr(optim, name)(params)
        second.load_state_dict(state)
        twin = copy.deepcopy(second)
        unpickled = pickle.loads(pickle.dumps(second))
        for run in (second, twin, unpickled):
            steps(run.param_groups[0]["params"], run, range(cut, 12))
            for a, b in zip(values(whole), values(run.param_groups[0]["params"]), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("device", DEVICES)
def test_lion_follows_its_paper(rng, device):
    arrays = [rng.standard_normal(s) for s in ((3, 4), (5,))]
    params = [tc.asarray(a.copy()).to(device) for a in arrays]
    optimizer = optim.Lion(
        [{"params": params[:1], "lr": 0.3, "betas": (0.8, 0.9)}, {"params": params[1:]}], lr=0.1, weight_decay=0.2
    )
    means = [np.zeros_like(a) for a in arrays]
    settings = [(0.3, 0.8, 0.9), (0.1, 0.9, 0.99)]
    for t in range(STEPS):
        for i, (lr, beta1, beta2) in enumerate(settings):
            g = rng.standard_normal(arrays[i].shape)
            params[i].grad = tc.asarray(g).to(device) if t % 5 or i else None
            if params[i].grad is not None:
                update = np.sign(beta1 * means[i] + (1 - beta1) * g)
                arrays[i] = arrays[i] - lr * (update + 0.2 * arrays[i])
                means[i] = beta2 * means[i] + (1 - beta2) * g
        optimizer.step()
        for p, a in zip(params, arrays, strict=True):
            np.testing.assert_allclose(np.asarray(p.cpu()), a, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (8, 3), (3, 20)])
@pytest.mark.parametrize("device", DEVICES)
def test_muon_orthogonalises(rng, device, shape):
    """In bfloat16, as PyTorch: singular values end near 1, the singular vectors stay."""
    a = rng.standard_normal(shape)
    got = muon.orthogonalize(tc.asarray(a).to(device), (3.4445, -4.7750, 2.0315), 5, 1e-7)
    assert got.dtype is tc.bfloat16
    got = np.asarray(got.cpu().astype(tc.float64))
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    s = s / np.linalg.norm(s)
    for _ in range(5):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    np.testing.assert_allclose(got, u @ np.diag(s) @ vt, atol=0.05)
    assert (np.linalg.svd(got, compute_uv=False) > 0.3).all()
    assert (np.linalg.svd(got, compute_uv=False) < 1.4).all()


def test_muon_in_bfloat16_is_near_pytorch(rng):
    torch = pytest.importorskip("torch")
    a = rng.standard_normal((16, 8)).astype(np.float32)
    p, q = tc.asarray(a.copy()), torch.tensor(a)
    mine, other = optim.Muon([p], lr=0.02), torch.optim.Muon([q], lr=0.02)
    for _ in range(10):
        g = rng.standard_normal((16, 8)).astype(np.float32)
        p.grad, q.grad = tc.asarray(g), torch.tensor(g)
        mine.step(), other.step()
    moved = np.linalg.norm(q.numpy() - a)
    assert np.linalg.norm(np.asarray(p) - q.numpy()) < 0.05 * moved  # each rounds to 8 bits some fifteen times


@pytest.mark.parametrize("name", [*VARIANTS, "Lion"])
def test_finds_a_minimum(name):
    """‖x A - b‖² falls by two orders of magnitude, with a closure."""
    rng = np.random.default_rng(3)
    a, x = rng.standard_normal((6, 6)) + 3 * np.eye(6), rng.standard_normal((4, 6))
    a, b = tc.asarray(a), tc.asarray(x @ a)
    w = tc.zeros((4, 6), dtype=tc.float64).requires_grad_()
    rates = {"SGD": 0.01, "Adadelta": 5.0, "Adagrad": 0.5, "Lion": 0.03, "Muon": 0.05, "RAdam": 0.02}
    options = {"weight_decay": 0.0} if name in ("Muon", "AdamW") else {}
    optimizer = getattr(optim, name)([w], lr=rates.get(name, 0.05), **options)

    def closure():
        optimizer.zero_grad()
        loss = ((w @ a - b) ** 2).sum()
        loss.backward()
        return loss

    first = float(optimizer.step(closure))
    for _ in range(400):
        last = float(optimizer.step(closure))
    assert last < first / 100, (first, last)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", [*VARIANTS, "Lion"])
def test_half_types(rng, name, device, dtype):
    """Parameters of half types, beside others in one group, stay what they are and move."""
    half, wide = tc.ones((4, 3), dtype=getattr(tc, dtype), device=device), tc.ones((2, 2), device=device)
    optimizer = getattr(optim, name)([half, wide], lr=0.1)
    for _ in range(3):
        half.grad, wide.grad = half * 0 + 0.5, wide * 0 + 0.5
        optimizer.step()
    assert half.dtype is getattr(tc, dtype)
    got, expected = np.asarray(half.cpu().astype(tc.float32)), np.asarray(wide.cpu())[0, 0]
    if name == "Muon":
        assert (got < 1).all()
    else:
        np.testing.assert_allclose(got, expected, rtol=0.02)
