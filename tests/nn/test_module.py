"""`nn.Module`: registration, hooks, state, moving, copying, text; containers. PyTorch is not needed."""

import copy
import gc
import pickle
import weakref
from collections import OrderedDict

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn
from tensorcore.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        self.second = nn.Linear(3, 2, bias=False)
        self.scale = nn.Parameter(tc.ones(2))
        self.register_buffer("count", tc.zeros(()))
        self.register_buffer("scratch", tc.zeros(1), persistent=False)

    def forward(self, x, factor=1.0):
        return self.second(F.relu(self.first(x))) * self.scale * factor


KEYS = ["scale", "count", "first.weight", "first.bias", "second.weight"]


# ---- registration ----


def test_attributes_are_registered_by_kind():
    net = Net()
    assert [n for n, _ in net.named_parameters()] == ["scale", "first.weight", "first.bias", "second.weight"]
    assert [n for n, _ in net.named_buffers()] == ["count", "scratch"]
    assert [n for n, _ in net.named_children()] == ["first", "second"]
    assert [n for n, _ in net.named_modules()] == ["", "first", "second"]
    assert list(net.state_dict()) == KEYS
    assert net.get_submodule("first") is net.first
    assert net.get_submodule("") is net
    assert net.get_parameter("first.weight") is net.first.weight
    assert net.get_buffer("count") is net.count
    assert {"first", "scale", "count"} <= set(dir(net))
    del net.second
    assert "second.weight" not in net.state_dict()
    net.first = None
    assert list(net.state_dict()) == ["scale", "count"]


def test_an_attribute_changes_its_kind():
    net = Net()
    net.extra = 3
    net.extra = nn.Parameter(tc.ones(1))
    assert "extra" in dict(net.named_parameters())
    assert "extra" not in vars(net)
    net.extra = nn.ReLU()
    assert "extra" not in dict(net.named_parameters())
    assert net.extra is dict(net.named_children())["extra"]
    net.count = tc.ones(())
    assert float(net.state_dict()["count"]) == 1
    net.made = nn.Buffer(tc.zeros(2), persistent=False)
    net.kept = nn.Buffer(tc.zeros(2))
    assert [n for n, _ in net.named_buffers()] == ["count", "scratch", "made", "kept"]
    assert list(net.state_dict())[:3] == ["scale", "count", "kept"]


def test_a_shared_parameter_comes_once():
    net = Net()
    net.second.weight = net.first.weight
    assert len(list(net.parameters())) == 3
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(net.state_dict()) == len(KEYS)
    again = copy.deepcopy(net)
    assert again.second.weight is again.first.weight
    assert pickle.loads(pickle.dumps(net)).second.weight.shape == (3, 4)
    twice = nn.Sequential(net, net)
    assert len(list(twice.named_modules())) == 4
    assert len(list(twice.named_modules(remove_duplicate=False))) == 7


@pytest.mark.parametrize(
    ("act", "exception", "text"),
    [
        (
            lambda n: setattr(n, "scale", tc.ones(2)),
            TypeError,
            "Net.scale: must be an nn.Parameter or None, got Tensor",
        ),
        (lambda n: setattr(n, "first", 3), TypeError, "Net.first: must be an nn.Module or None, got int"),
        (lambda n: setattr(n, "count", 3), TypeError, "Net.count: must be a Tensor or None, got int"),
        (lambda n: n.register_parameter("a.b", None), KeyError, "must not be empty and not contain"),
        (lambda n: n.register_parameter("forward", None), KeyError, "already has an attribute 'forward'"),
        (lambda n: n.register_parameter("p", tc.ones(1)), TypeError, "must be an nn.Parameter or None, got Tensor"),
        (lambda n: n.register_buffer("b", 3), TypeError, "must be a Tensor or None, got int"),
        (lambda n: n.register_buffer(3, None), TypeError, "the name must be a str, got int"),
        (lambda n: n.add_module("m", 3), TypeError, "must be an nn.Module or None, got int"),
        (lambda n: n.get_submodule("first.inner"), AttributeError, "no module 'inner' in first"),
        (lambda n: n.get_parameter("first.gain"), AttributeError, "no parameter 'gain' in first"),
        (lambda n: n.missing, AttributeError, "'Net' object has no attribute 'missing'"),
        (lambda n: n.train("yes"), TypeError, "mode must be a bool, got str"),
        (lambda n: n.to(tc.int64), TypeError, "must be a floating-point dtype, got tensorcore.int64"),
        (lambda n: nn.Module()(1), TypeError, "the module defines no forward"),
        (lambda n: nn.Parameter([1.0]), TypeError, "Parameter: data must be a Tensor, got list"),
        (lambda n: n.register_forward_hook(3), TypeError, "must be callable, got int"),
        (lambda n: n.set_extra_state(1), TypeError, "keeps no extra state"),
    ],
)
def test_errors_say_what_is_wrong(act, exception, text):
    with pytest.raises(exception, match=text):
        act(Net())


def test_init_must_be_called_first():
    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"Early: call super\(\).__init__\(\)"):
        Early()

    class Never(nn.Module):
        def __init__(self):
            self.size = 3

    with pytest.raises(AttributeError, match=r"Never: call super\(\).__init__\(\)"):
        Never()(1)
    with pytest.raises(AttributeError, match="called first"):
        Never().weight  # noqa: B018


def test_parameters_are_tensors():
    p = nn.Parameter(tc.ones(2))
    assert p.requires_grad
    assert p.is_leaf
    assert type(p + 1) is tc.Tensor
    assert type(p.detach()) is tc.Tensor
    assert repr(p).startswith("Parameter containing:\ntensor([1., 1.]")
    data = tc.ones(2)
    q = nn.Parameter(data, requires_grad=False)
    with tc.no_grad():
        q += 1
    np.testing.assert_array_equal(np.array(data), [2, 2])  # one memory
    for x in (copy.deepcopy(p), copy.copy(p), pickle.loads(pickle.dumps(p))):
        assert type(x) is nn.Parameter
        assert x.requires_grad
    buffer = nn.Buffer(tc.ones(1), persistent=False)
    assert not pickle.loads(pickle.dumps(buffer)).persistent
    assert not copy.deepcopy(buffer).persistent
    with pytest.raises((TypeError, RuntimeError)):
        nn.Parameter(tc.asarray([1, 2]))


# ---- modes, moving, gradients ----


def test_modes_reach_every_module():
    net = nn.Sequential(Net(), nn.Dropout(0.5))
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_apply_goes_through_children_first():
    seen = []
    net = Net()
    assert net.apply(lambda m: seen.append(type(m).__name__)) is net
    assert seen == ["Linear", "Linear", "Net"]


@pytest.mark.parametrize("name", ["float", "double", "half", "bfloat16"])
def test_dtypes_change_in_place(name):
    net = Net()
    net.register_buffer("steps", tc.asarray([1, 2]))
    before = list(net.parameters())
    net(tc.ones((1, 4))).sum().backward()
    assert getattr(net, name)() is net
    wanted = {"float": tc.float32, "double": tc.float64, "half": tc.float16, "bfloat16": tc.bfloat16}[name]
    assert all(a is b for a, b in zip(before, net.parameters(), strict=True))  # an optimizer keeps working
    assert {p.dtype for p in net.parameters()} == {p.grad.dtype for p in net.parameters()} == {wanted}
    assert net.count.dtype is wanted
    assert net.steps.dtype is tc.int64
    assert all(p.is_leaf and p.requires_grad for p in net.parameters())
    assert net(tc.ones((1, 4), dtype=wanted)).dtype is wanted


def test_a_graph_notices_that_its_parameters_moved():
    net = nn.Linear(2, 2)
    y = net(tc.tensor([[1.0, 2.0]], requires_grad=True)).sum()
    net.double()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_moving_to_a_device_keeps_the_objects():
    net = Net()
    before = dict(net.named_parameters())
    net.cuda()
    assert {p.device.type for p in [*net.parameters(), *net.buffers()]} == {"cuda"}
    assert all(before[n] is p for n, p in net.named_parameters())
    net(tc.ones((2, 4), device="cuda")).sum().backward()
    assert net.scale.grad.device.type == "cuda"
    net.to("cpu", tc.float64)
    assert {(p.device.type, p.dtype, p.grad.device.type) for p in net.parameters()} == {("cpu", tc.float64, "cpu")}
    assert net.to(tc.ones(1)).scale.dtype is tc.float32


def test_gradients_are_forgotten_and_frozen():
    net = Net()
    net(tc.ones((1, 4))).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(not np.array(p.grad).any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.scale.grad = tc.asarray([np.inf, np.nan])
    net.zero_grad(set_to_none=False)
    np.testing.assert_array_equal(np.array(net.scale.grad), 0)
    assert net.requires_grad_(False) is net
    assert not net(tc.ones((1, 4))).requires_grad


# ---- state ----


def test_state_shares_memory_and_takes_prefixes():
    net = Net()
    state = net.state_dict(prefix="net.")
    assert list(state) == [f"net.{k}" for k in KEYS]
    assert not state["net.scale"].requires_grad
    with tc.no_grad():
        net.scale += 1
    np.testing.assert_array_equal(np.array(state["net.scale"]), [2, 2])
    assert net.state_dict(keep_vars=True)["scale"] is net.scale


def test_one_error_names_everything_and_changes_nothing():
    net = Net()
    before = {k: np.array(v) for k, v in net.state_dict().items()}
    state = {k: v + 1 for k, v in net.state_dict().items()}
    del state["first.bias"]
    state["second.weight"] = tc.ones((5, 3))
    state["scale"] = tc.ones(7)
    state["third.weight"] = tc.ones(1)
    state["count"] = "three"
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(state)
    text = str(error.value)
    for part in (
        "load_state_dict: the state does not fit Net, nothing was changed",
        "missing keys: 'first.bias'",
        "unexpected keys: 'third.weight'",
        "second.weight: shape (5, 3) in the state, (2, 3) in the module",
        "scale: shape (7,) in the state, (2,) in the module",
        "count: ",
    ):
        assert part in text
    for k, v in net.state_dict().items():
        np.testing.assert_array_equal(np.array(v), before[k])
    with pytest.raises(RuntimeError, match="shape"):
        net.load_state_dict(state, strict=False)
    with pytest.raises(TypeError, match="must be a mapping, got list"):
        net.load_state_dict([])


def test_a_part_of_a_state_loads_when_not_strict():
    net = Net()
    keys = net.load_state_dict({"scale": np.array([5.0, 6.0]), "other": 1}, strict=False)
    assert keys.missing_keys == KEYS[1:]
    assert keys.unexpected_keys == ["other"]
    assert "missing_keys=" in repr(keys)
    np.testing.assert_array_equal(np.array(net.scale.detach()), [5, 6])
    assert net.scale.dtype is tc.float32  # that of the module stays


def test_assigned_state_is_shared():
    net = Net()
    state = {k: v.astype(tc.float64) for k, v in net.state_dict().items()}
    p = net.scale
    net.load_state_dict(state, assign=True)
    assert net.scale is p
    assert p.dtype is tc.float64
    with tc.no_grad():
        p += 1
    np.testing.assert_array_equal(np.array(state["scale"]), [2, 2])


def test_state_hooks_and_extra_state():
    class Counting(Net):
        calls = 3

        def get_extra_state(self):
            return {"calls": self.calls}

        def set_extra_state(self, state):
            self.calls = state["calls"]

    net = Counting()
    assert net.state_dict()["_extra_state"] == {"calls": 3}
    other = Counting()
    other.calls = 0
    other.load_state_dict(net.state_dict())
    assert other.calls == 3
    with pytest.raises(RuntimeError, match="missing keys: '_extra_state'"):
        net.load_state_dict(Net().state_dict())
    plain = Net()
    handle = plain.register_state_dict_hook(lambda m, s, prefix, _: {f"old_{k}": v for k, v in s.items()})
    old = plain.state_dict()
    assert next(iter(old)) == "old_scale"
    handle.remove()

    def rename(module, state, prefix):
        for key in list(state):
            state[key.removeprefix("old_")] = state.pop(key)

    plain.register_load_state_dict_pre_hook(rename)
    plain.load_state_dict(old)
    assert next(iter(old)) == "old_scale"  # the hook was given a copy


# ---- containers ----


def test_sequential_is_a_list():
    a, b, c = nn.ReLU(), nn.Linear(2, 2), nn.Tanh()
    net = nn.Sequential(a, b)
    assert net.append(c) is net
    assert len(net) == 3
    assert net[-1] is c
    assert list(net[1:]) == [b, c]
    assert [n for n, _ in net[1:].named_children()] == ["1", "2"]  # names stay in a slice
    assert isinstance(net[:2], nn.Sequential)
    net[0] = c
    assert net[0] is c
    assert b in net
    del net[0]
    assert list(net) == [b, c]
    net.insert(0, a).extend([b])
    assert list(net) == [a, b, c, b]
    assert net.pop(1) is b
    assert list(net) == [a, c, b]
    assert list(net + nn.Sequential(a)) == [a, c, b, a]
    assert list(nn.Sequential(a, b) * 2) == [a, b, a, b]
    net += [c]
    assert net[3] is c
    named = nn.Sequential(OrderedDict(first=a, last=b))
    assert named.last is b
    assert named(tc.ones(2)).shape == (2,)
    for bad, exception in ((lambda: net[9], IndexError), (lambda: net["a"], TypeError), (lambda: net * 0, ValueError)):
        with pytest.raises(exception):
            bad()
    with pytest.raises(TypeError, match=r"must be an nn\.Module or None, got int"):
        nn.Sequential(3)


def test_lists_and_dicts_register():
    many = nn.ModuleList([nn.Linear(1, 1) for _ in range(2)])
    assert list(many.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]
    many.insert(0, nn.ReLU())
    assert next(iter(many.state_dict())) == "1.weight"
    assert isinstance(many[1:], nn.ModuleList)
    assert len([*many, nn.ReLU()]) == 4
    named = nn.ModuleDict({"a": nn.ReLU()})
    named.update([("b", nn.Linear(1, 1))])
    assert list(named) == list(named.keys()) == ["a", "b"]
    assert "a" in named
    assert len(named) == 2
    assert named.pop("a").__class__ is nn.ReLU
    assert list(named.items()) == [("b", named["b"])]
    named.clear()
    assert not len(named)
    with pytest.raises(KeyError):
        named["b"]
    params = nn.ParameterList([tc.ones(1), nn.Parameter(tc.ones(2))])
    params.append(tc.ones(3))
    params[0] = tc.zeros(4)
    assert [p.shape for p in params] == [(4,), (2,), (3,)]
    assert list(params.state_dict()) == ["0", "1", "2"]
    assert all(type(p) is nn.Parameter for p in params)
    keyed = nn.ParameterDict({"x": tc.ones(1)}) | nn.ParameterDict({"y": tc.ones(2)})
    assert keyed.get("z") is None
    assert keyed.setdefault("z", tc.ones(3)).shape == (3,)
    assert keyed.popitem()[0] == "z"
    assert list(keyed.copy().state_dict()) == ["x", "y"]
    for container in (many, params, keyed):
        again = pickle.loads(pickle.dumps(container))
        assert list(again.state_dict()) == list(container.state_dict())


# ---- text, memory ----


def test_text_is_a_tree():
    net = nn.Sequential(nn.Linear(2, 3), nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Dropout(0.1)]))
    assert repr(net) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): ModuleList(\n"
        "    (0-1): 2 x ReLU()\n"
        "    (2): Dropout(p=0.1, inplace=False)\n"
        "  )\n"
        ")"
    )

    class Own(nn.Module):
        def extra_repr(self):
            return "size=3"

    assert repr(Own()) == "Own(size=3)"
    own = Own()
    own.inner = nn.ReLU()
    assert repr(own) == "Own(\n  size=3\n  (inner): ReLU()\n)"
    assert repr(nn.ParameterList([tc.ones((2, 3))])) == (
        "ParameterList(\n  (0): Parameter of shape (2, 3) and dtype float32 on cpu\n)"
    )


def test_settings_are_checked_and_named():
    assert nn.ELU(alpha=2).alpha == 2
    assert nn.MaxPool2d(2).stride == 2
    for bad, text in (
        (lambda: nn.ELU(1, False, 3), "ELU: takes at most 2 settings"),
        (lambda: nn.ELU(beta=1), "ELU: 'beta' is not one of its settings"),
        (lambda: nn.ELU(1, alpha=2), "ELU: 'alpha' is given twice"),
        (lambda: nn.Softmax(), "Softmax: the setting 'axis' must be given"),
    ):
        with pytest.raises(TypeError, match=text):
            bad()
    loss = nn.CrossEntropyLoss(weight=tc.ones(3))
    assert list(loss.state_dict()) == ["weight"]


def test_modules_are_freed():
    net = Net()
    net(tc.ones((1, 4))).sum().backward()
    gc.collect()
    ref = weakref.ref(net)
    del net
    gc.collect()
    assert ref() is None


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_network_learns(device):
    """Linear, batch norm, dropout, layer norm, embedding and a loss, on each device, by plain gradient descent."""
    tc.manual_seed(0)
    net = nn.Sequential(
        nn.Embedding(6, 8), nn.Flatten(), nn.Linear(16, 12), nn.BatchNorm1d(12), nn.GELU(), nn.Dropout(0.1),
        nn.LayerNorm(12), nn.Linear(12, 3),
    ).to(device)  # fmt: skip
    x = tc.asarray(np.random.default_rng(0).integers(0, 6, (24, 2))).to(device)
    y = (x[:, 0] + x[:, 1]) % 3
    loss = nn.CrossEntropyLoss()
    losses = []
    for _ in range(25):
        net.zero_grad()
        value = loss(net(x), y)
        value.backward()
        losses.append(float(value))
        with tc.no_grad():
            for p in net.parameters():
                p -= 0.3 * p.grad
    assert losses[-1] < 0.5 * losses[0]
    assert int(net[3].num_batches_tracked) == 25
    net.eval()
    np.testing.assert_array_equal(np.array(net(x).detach().cpu()), np.array(net(x).detach().cpu()))


def test_memory_that_is_lent_outlives_the_move():
    """A NumPy view of a buffer keeps the old memory when the module is converted."""
    net = Net()
    net.register_buffer("large", tc.ones(200_000))
    views = [np.asarray(net.large), memoryview(net.large), np.from_dlpack(net.large)]
    net.double()
    gc.collect()
    others = [tc.zeros(200_000) for _ in range(4)]
    tc.empty_cache()
    for view in views:
        np.testing.assert_array_equal(np.asarray(view), 1)
    assert net.large.dtype is tc.float64
    del others
