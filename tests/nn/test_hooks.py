"""Hooks of modules: before and after forward, and at both ends of the backward pass. PyTorch is not needed."""

import copy
import pickle

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


def test_forward_hooks_see_and_replace():
    net, calls = Net(), []
    x = tc.ones((1, 4))
    plain = net(x)
    pre = net.register_forward_pre_hook(lambda m, args: calls.append("pre") or (args[0] * 0,))
    np.testing.assert_array_equal(np.array(net(x).detach()), np.array(net(x * 0).detach()))
    pre.remove()
    pre.remove()
    np.testing.assert_array_equal(np.array(net(x).detach()), np.array(plain.detach()))
    with net.register_forward_hook(lambda m, args, y: y * 0):
        assert not np.array(net(x).detach()).any()
    assert np.array(net(x).detach()).any() == np.array(plain.detach()).any()
    net.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": 0.0}), with_kwargs=True)
    net.register_forward_hook(lambda m, args, kwargs, y: calls.append(kwargs), with_kwargs=True)
    net.register_forward_hook(lambda m, args, y: calls.append("first"), prepend=True)
    del calls[:]
    assert not np.array(net(x).detach()).any()
    assert calls == ["first", {"factor": 0.0}]


def gradients(net, x):
    net.zero_grad()
    x.grad = None
    net(x).sum().backward()
    return [np.array(x.grad), *(np.array(p.grad) for p in net.parameters())]


def test_backward_hooks_see_both_ends():
    net, seen = Net(), []
    x = tc.tensor(np.arange(4.0, dtype="float32")[None], requires_grad=True)
    expected = gradients(net, x)
    handle = net.first.register_full_backward_hook(lambda m, gi, go: seen.append((m, gi, go)))
    for a, b in zip(gradients(net, x), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    ((module, grad_input, grad_output),) = seen
    assert module is net.first
    np.testing.assert_allclose(np.array(grad_input[0]), expected[0])
    np.testing.assert_allclose(np.array(grad_output[0].sum(axis=0)), expected[3])  # that of the bias
    handle.remove()
    gradients(net, x)
    assert len(seen) == 1


def test_backward_hooks_replace():
    net = Net()
    x = tc.tensor(np.arange(4.0, dtype="float32")[None], requires_grad=True)
    expected = gradients(net, x)
    with net.first.register_full_backward_hook(lambda m, gi, go: (gi[0] * 2,)):
        got = gradients(net, x)
    np.testing.assert_allclose(got[0], expected[0] * 2)
    np.testing.assert_allclose(got[2], expected[2])
    with net.first.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,)):
        got = gradients(net, x)
    np.testing.assert_allclose(got[0], expected[0] * 3, rtol=1e-6)
    np.testing.assert_allclose(got[2], expected[2] * 3, rtol=1e-6)
    net.first.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(ValueError, match="must return 1 gradients, got 2"):
        gradients(net, x)


def test_backward_hooks_without_a_gradient_at_the_input():
    net, seen = Net(), []
    net.register_full_backward_hook(lambda m, gi, go: seen.append((gi, tuple(g.shape for g in go))))
    net(tc.ones((1, 4))).sum().backward()
    assert seen == [((None,), ((1, 2),))]


def test_backward_hooks_with_several_outputs():
    class Two(nn.Module):
        def forward(self, x, y, n):
            return {"a": x * 2, "b": (x + y) * n}

    two, seen = Two(), []
    two.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    x, y = tc.tensor([1.0], requires_grad=True), tc.tensor([2.0], requires_grad=True)
    two(x, y, 3)["b"].sum().backward()
    ((grad_input, grad_output),) = seen
    assert [float(g) for g in grad_input] == [3.0, 3.0]
    assert grad_output[0] is None
    assert float(grad_output[1]) == 1.0


def test_second_order_passes_through_backward_hooks():
    net = nn.Tanh()
    net.register_full_backward_hook(lambda m, gi, go: None)
    x = tc.tensor([0.3], dtype=tc.float64, requires_grad=True)
    g = tc.autograd.grad(net(x).sum(), x, create_graph=True)
    (h,) = (tc.autograd.grad(g.sum(), x),)
    t = np.tanh(0.3)
    np.testing.assert_allclose(np.array(h), [-2 * t * (1 - t * t)], rtol=1e-12)


def double(module, args):
    return (args[0] * 2,)


def test_hooks_are_copied_with_the_module():
    net = nn.Linear(2, 2)
    handle = net.register_forward_pre_hook(double)
    x = tc.ones((1, 2))
    expected = np.array(net(x).detach())
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(np.array(other(x).detach()), expected)
        handle.remove()  # of the first module only
        np.testing.assert_array_equal(np.array(other(x).detach()), expected)
        handle = net.register_forward_pre_hook(double)
