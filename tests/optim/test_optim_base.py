"""What all optimisers share: groups, missing and refused gradients, hooks, checkpoints that do not fit, errors."""

import pickle
import re

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import optim

PYTORCHS = ["SGD", "Adagrad", "Adadelta", "RMSprop", "Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Muon"]
ALL = [*PYTORCHS, "Lion"]


def leaf(shape=(2, 3), value=1.0, dtype=tc.float32, device="cpu"):
    p = tc.full(shape, value, dtype=dtype, device=device).requires_grad_()
    p.grad = tc.full(shape, 0.5, dtype=dtype, device=device)
    return p


@pytest.mark.parametrize("name", PYTORCHS)
def test_defaults_are_pytorchs(name):
    """Arguments, their order and defaults, as far as PyTorch's say how to update and not how to run."""
    torch = pytest.importorskip("torch")
    import inspect

    mine = inspect.signature(getattr(optim, name)).parameters
    other = inspect.signature(getattr(torch.optim, name)).parameters
    machinery = {"foreach", "fused", "capturable", "differentiable"}
    expected = [(p.name, p.default) for p in other.values() if p.name not in machinery]
    assert sorted(mine) == sorted(n for n, _ in expected)
    assert {p.name: p.default for p in mine.values()} == dict(expected)


@pytest.mark.parametrize("name", PYTORCHS)
def test_groups_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    mine, other = getattr(optim, name)([leaf()]), getattr(torch.optim, name)([torch.ones(2, 3)])
    machinery = {"foreach", "fused", "capturable", "differentiable"}
    expected = {k: v for k, v in other.state_dict()["param_groups"][0].items() if k not in machinery}
    assert mine.state_dict()["param_groups"] == [expected]


@pytest.mark.parametrize("name", ALL)
def test_parameters_without_gradients_are_left_alone(name):
    p, q = leaf(), leaf()
    q.grad = None
    optimizer = getattr(optim, name)([p, q])
    assert optimizer.step() is None
    assert not (p == 1).any()
    assert (q == 1).all()
    assert q not in set(optimizer.state)
    q.grad, p.grad = p.grad, None
    before = p.detach() + 0
    optimizer.step()
    assert (p == before).all()
    assert (q == p).all()  # its first step is like the other's first


def test_groups():
    a, b, c = leaf(), leaf(), leaf()
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.2}], lr=0.1, momentum=0.9)
    given = {"params": (p for p in [c]), "lr": 0.4, "momentum": 0.0}
    optimizer.add_param_group(given)
    assert set(given) == {"params", "lr", "momentum"}  # the caller's dict is left alone
    optimizer.step()
    for p, lr in ((a, 0.1), (b, 0.2), (c, 0.4)):
        np.testing.assert_allclose(np.asarray(p.detach()), 1 - lr * 0.5, rtol=1e-6)
    assert [sorted(s) for s in optimizer.state.values()] == [["momentum_buffer"], ["momentum_buffer"]]
    optimizer.param_groups[0]["lr"] = 0.0
    before = a.detach() + 0
    optimizer.step()
    assert (a == before).all()


def test_repr():
    assert repr(optim.SGD([leaf()], lr=0.1)) == (
        "SGD (\nParameter Group 0\n    dampening: 0\n    lr: 0.1\n    maximize: False\n    momentum: 0\n"
        "    nesterov: False\n    weight_decay: 0\n)"
    )


def test_named_parameters():
    optimizer = optim.Adam([("weight", leaf()), ("bias", leaf((3,)))])
    saved = optimizer.state_dict()
    assert saved["param_groups"][0]["param_names"] == ["weight", "bias"]
    other = optim.Adam([("w", leaf()), ("b", leaf((3,)))])
    other.load_state_dict(saved)
    assert other.param_groups[0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="Adam: params must all have names or none, got 1 of 2"):
        optim.Adam([("weight", leaf()), leaf()])
    with pytest.raises(ValueError, match="Adam: parameter groups must all have names or none"):
        optimizer.add_param_group({"params": [leaf()]})


def test_closure_runs_with_gradients_on():
    p = leaf()
    optimizer = optim.SGD([p], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with tc.no_grad():
        loss = optimizer.step(closure)
    assert float(loss) == 6
    assert (p == 0).all()


def test_zero_grad():
    p, q = leaf(), leaf()
    grad = p.grad
    q.grad = None
    optimizer = optim.SGD([p, q])
    optimizer.zero_grad(set_to_none=False)
    assert (grad == 0).all()
    assert (p.grad == 0).all()
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_zero_grad_of_a_recorded_gradient():
    p = leaf()
    p.grad = None
    (p**3).sum().backward(create_graph=True)
    assert p.grad.requires_grad
    optim.SGD([p]).zero_grad(set_to_none=False)
    assert not p.grad.requires_grad
    assert (p.grad == 0).all()


def test_steps_are_not_recorded():
    p = leaf()
    optim.Adam([p]).step()
    optim.Muon([p]).step()
    assert p.requires_grad
    assert p.is_leaf
    y = (p * p).sum()
    optim.Muon([p]).step()
    with pytest.raises(RuntimeError):
        y.backward()


def test_hooks():
    seen = []
    optimizer = optim.SGD([leaf()])
    remove = optimizer.register_step_pre_hook(
        lambda o, args, kwargs: seen.append(("before", o is optimizer, args, kwargs))
    )
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("after"))
    optimizer.step()
    remove()
    remove()
    optimizer.step()
    assert seen == [("before", True, (), {}), "after", "after"]
    assert pickle.loads(pickle.dumps(optimizer))._after == []


def test_mixed_dtypes_and_devices():
    """Parameters of several dtypes and devices in one group: one call for each device."""
    params = [leaf(dtype=d, device=v) for d in (tc.float64, tc.float32, tc.float16) for v in ("cpu", "cuda")]
    optimizer = optim.Adam(params, lr=0.25)
    optimizer.step()
    for p in params:
        np.testing.assert_allclose(np.asarray(p.detach().cpu().astype(tc.float64)), 0.75, rtol=1e-3)
        assert optimizer.state[p]["exp_avg"].dtype is p.dtype
        assert optimizer.state[p]["exp_avg"].device == p.device


def test_a_refused_step_changes_nothing():
    """Memory shared between two parameters is an error, and neither moves, nor do counts and states."""
    room = tc.ones(6)
    p, q = room[:4].detach().requires_grad_(), room[2:].detach().requires_grad_()
    for name in ("SGD", "Adam"):
        optimizer = getattr(optim, name)([p, q], **({"momentum": 0.9} if name == "SGD" else {}))
        p.grad, q.grad = tc.ones(4), tc.ones(4)
        with pytest.raises(ValueError, match="parameters, gradients and states must not share memory"):
            optimizer.step()
        assert (room == 1).all()
        assert not optimizer.state


def test_gradients_that_do_not_fit():
    p = leaf()
    for grad in (tc.ones((3, 2)), tc.ones((2, 3), dtype=tc.float64), tc.ones((2, 3), device="cuda")):
        with pytest.raises(ValueError, match="grad: must have the tensor's shape"):
            p.grad = grad
    p = tc.ones(3, dtype=tc.int32)
    p.grad = tc.ones(3, dtype=tc.int32)
    with pytest.raises(TypeError, match="sgd_step: parameter 0 must be floating-point, got int32"):
        optim.SGD([p]).step()


def test_loaded_state_is_not_shared():
    p, q = leaf(), leaf()
    first, second = optim.Adam([p]), optim.Adam([q])
    first.step()
    second.load_state_dict(first.state_dict())
    second.step()
    assert not (first.state[p]["exp_avg"] == second.state[q]["exp_avg"]).any()
    assert first.state[p]["step"] == 1
    assert second.state[q]["step"] == 2


def test_state_moves_to_its_parameter():
    p, q = leaf(), leaf(dtype=tc.float64, device="cuda")
    first, second = optim.NAdam([p]), optim.NAdam([q])
    first.step()
    second.load_state_dict(first.state_dict())
    state = second.state[q]
    assert state["exp_avg"].dtype is tc.float64
    assert state["exp_avg"].device == "cuda:0"
    assert state["mu_product"] == first.state[p]["mu_product"]
    second.step()


def test_state_of_amsgrad_turned_on_later():
    p = leaf()
    optimizer = optim.Adam([p])
    optimizer.step()
    optimizer.param_groups[0]["amsgrad"] = True
    optimizer.step()
    assert sorted(optimizer.state[p]) == ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step"]


def test_checkpoints_that_do_not_fit():
    optimizer = optim.Adam([leaf()])
    optimizer.step()
    saved = optimizer.state_dict()
    cases = [
        (optim.Adam([leaf(), leaf()]), saved, ValueError, "Adam.load_state_dict: groups of [2] parameters cannot take those of [1]"),
        (optim.Adam([{"params": [leaf()]}, {"params": [leaf()]}]), saved, ValueError, "Adam.load_state_dict: groups of [1, 1] parameters cannot take those of [1]"),
        (optim.Adam([leaf((3, 2))]), saved, ValueError, "Adam.load_state_dict: state of parameter 0, exp_avg, must have the parameter's shape (3, 2), got (2, 3)"),
        (optim.SGD([leaf()]), saved, ValueError, "SGD.load_state_dict: state of parameter 0 must be among momentum_buffer, got 'step'"),
        (optimizer, {"state": {}}, KeyError, "Adam.load_state_dict: needs a dict with the key 'param_groups'"),
        (optimizer, [], KeyError, "Adam.load_state_dict: needs a dict with the key 'state'"),
        (optimizer, {**saved, "param_groups": [{**saved["param_groups"][0], "lr": -1.0}]}, ValueError, "Adam: lr must be a number of at least 0, got -1.0"),
    ]  # fmt: skip
    for target, state, error, text in cases:
        before = repr(target), dict(target.state)
        with pytest.raises(error) as caught:
            target.load_state_dict(state)
        assert text in str(caught.value)
        assert (repr(target), dict(target.state)) == before or target is optimizer


BAD = [
    *((name, {"lr": -0.1}, "lr must be a number of at least 0, got -0.1") for name in ALL),
    *((name, {"weight_decay": -1}, "weight_decay must be a number of at least 0, got -1") for name in ALL),
    *((name, {"lr": float("nan")}, "lr must be a number of at least 0, got nan") for name in ALL),
    *((name, {"lr": "fast"}, "lr must be a number of at least 0, got 'fast'") for name in ALL),
    *((n, {"eps": -1e-8}, "eps must be a number of at least 0, got -1e-08") for n in ALL if n not in ("SGD", "Lion")),
    *((n, {"maximize": 1}, "maximize must be a bool, got 1") for n in ALL if n != "Muon"),
    *(
        (n, {"betas": (0.9, 1.0)}, "betas must be two numbers in [0, 1), got (0.9, 1.0)")
        for n in ("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "Lion")
    ),
    ("Adam", {"betas": 0.9}, "betas must be two numbers in [0, 1), got 0.9"),
    ("Adam", {"amsgrad": None}, "amsgrad must be a bool, got None"),
    ("SGD", {"momentum": -0.5}, "momentum must be a number of at least 0, got -0.5"),
    ("SGD", {"dampening": "x"}, "dampening must be a number, got 'x'"),
    ("SGD", {"nesterov": True}, "nesterov requires a momentum and zero dampening, got momentum 0 and dampening 0"),
    ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "got momentum 0.9 and dampening 0.1"),
    ("Adagrad", {"lr_decay": -1}, "lr_decay must be a number of at least 0, got -1"),
    ("Adagrad", {"initial_accumulator_value": -1}, "initial_accumulator_value must be a number of at least 0, got -1"),
    ("Adadelta", {"rho": 1.5}, "rho must be a number in [0, 1], got 1.5"),
    ("RMSprop", {"alpha": -0.5}, "alpha must be a number of at least 0, got -0.5"),
    ("RMSprop", {"centered": 2}, "centered must be a bool, got 2"),
    ("NAdam", {"momentum_decay": -0.5}, "momentum_decay must be a number of at least 0, got -0.5"),
    ("Muon", {"ns_steps": 100}, "ns_steps must be an int in [0, 100), got 100"),
    ("Muon", {"ns_coefficients": (1.0, 2.0)}, "ns_coefficients must be three numbers, got (1.0, 2.0)"),
    ("Muon", {"adjust_lr_fn": "half"}, "adjust_lr_fn must be None, 'original' or 'match_rms_adamw', got 'half'"),
]


@pytest.mark.parametrize(("name", "options", "text"), BAD, ids=str)
def test_options_out_of_range(name, options, text):
    with pytest.raises(ValueError, match=f"^{name}: .*{re.escape(text)}$"):
        getattr(optim, name)([leaf()], **options)
    if "nesterov" not in options:
        with pytest.raises(ValueError, match=name):  # also in a group's own options
            getattr(optim, name)([{"params": [leaf()], **options}])


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: optim.SGD([]), ValueError, "SGD: params is empty, there is nothing to optimise"),
        (lambda: optim.SGD(leaf()), TypeError, "SGD: params must be an iterable of tensors or dicts, got a single Tensor"),
        (lambda: optim.SGD([leaf(), 3]), TypeError, "SGD: params[1] must be a Tensor, got int"),
        (lambda: optim.SGD([leaf() * 2]), ValueError, "SGD: params[0] of shape (2, 3) is computed from others, give a leaf tensor"),
        (lambda: optim.SGD([leaf()] * 2), ValueError, "SGD: params[1] of shape (2, 3) is given twice"),
        (lambda: optim.SGD([{"params": p} for p in [leaf()] * 2]), ValueError, "SGD: params[0] of shape (2, 3) is given twice"),
        (lambda: optim.SGD([{"params": {leaf()}}]), TypeError, "SGD: params must be in an order that stays, got a set"),
        (lambda: optim.SGD([{"lr": 0.1}]), KeyError, "SGD: a parameter group needs the key 'params', got ['lr']"),
        (lambda: optim.SGD([leaf()]).add_param_group([leaf()]), TypeError, "SGD: a parameter group must be a dict, got list"),
        (lambda: optim.Muon([leaf((3,))]), ValueError, "Muon: params[0] must be 2-d, got shape (3,)"),
        (lambda: optim.Optimizer([leaf()], {}).step(), TypeError, "Optimizer: an optimiser defines _update(group) or step()"),
    ],
)  # fmt: skip
def test_parameters_that_cannot_be(build, error, text):
    with pytest.raises(error) as caught:
        build()
    assert text in str(caught.value)


def test_learning_rate_as_a_tensor():
    p = leaf()
    optim.SGD([p], lr=tc.asarray(0.5)).step()
    np.testing.assert_allclose(np.asarray(p.detach()), 0.75)


def test_an_optimizer_of_ones_own():
    class Sign(optim.Optimizer):
        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr})

        def _update(self, group):
            for p in group["params"]:
                p -= group["lr"] * tc.sign(p.grad)
                self.state[p]["taken"] = self.state[p].get("taken", 0) + 1

    p = leaf()
    optimizer = Sign([p], lr=0.25)
    optimizer.step()
    assert (p == 0.75).all()
    other = Sign([leaf()])
    other.load_state_dict(pickle.loads(pickle.dumps(optimizer.state_dict())))
    assert other.state_dict() == optimizer.state_dict()
    assert other.param_groups[0]["lr"] == 0.25
