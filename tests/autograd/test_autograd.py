"""The tape: accumulation, graph lifetime, hooks, higher order, in-place checks, custom functions."""

import gc
import weakref

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import autograd, testing


def leaf(values, dtype=tc.float64):
    return tc.tensor(values, dtype=dtype, requires_grad=True)


def values(x):
    return testing.to_float64(x).tolist()


def test_gradients_accumulate_in_leaves():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    (x * 3.0).sum().backward()
    assert values(x.grad) == [5.0, 7.0]


def test_shared_gradient_is_not_aliased():
    a, b = leaf([1.0]), leaf([2.0])
    (a + b).sum().backward()
    assert a.grad is not b.grad
    assert a.grad._address != b.grad._address


def test_given_gradient_is_not_kept():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    g = tc.tensor([1.0, 1.0], dtype=tc.float64)
    (x + 0.0).backward(g)
    assert x.grad._address != g._address
    y.backward(g)
    assert values(x.grad) == [3.0, 3.0]


def test_mixed_dtype_and_broadcast_gradients_fit_the_inputs():
    x = leaf([[1.0, 2.0], [3.0, 4.0]], tc.float64)
    b = leaf([1.0, 2.0], tc.float32)
    (x * b).sum().backward()
    assert b.grad.dtype is tc.float32
    assert values(b.grad) == [4.0, 6.0]
    assert x.grad.dtype is tc.float64


def test_second_backward_needs_retain_graph():
    x = leaf([2.0])
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert values(x.grad) == [8.0]
    with pytest.raises(RuntimeError, match="buffers of 'multiply' were freed"):
        y.backward()


def test_backward_of_several_elements_needs_a_gradient():
    x = leaf([1.0, 2.0])
    with pytest.raises(RuntimeError, match=r"must be given, got an output of shape \(2,\)"):
        (x * 2.0).backward()
    with pytest.raises(ValueError, match=r"must have its output's shape \(2,\), got \(1,\)"):
        (x * 2.0).backward(tc.ones(1))


def test_nothing_requires_grad():
    with pytest.raises(RuntimeError, match="does not require grad"):
        tc.ones(1).sum().backward()


def test_integer_tensors_cannot_require_grad():
    with pytest.raises(TypeError, match="only floating-point tensors can require grad, got dtype int64"):
        tc.tensor([1, 2], requires_grad=True)


def test_no_grad_and_enable_grad_nest_and_decorate():
    x = leaf([1.0])
    with tc.no_grad():
        assert not (x * 2.0).requires_grad
        with tc.enable_grad():
            assert (x * 2.0).requires_grad
        assert not tc.is_grad_enabled()
    assert tc.is_grad_enabled()

    @tc.no_grad()
    def double(v):
        return v * 2.0

    assert not double(x).requires_grad


def test_detach_shares_memory_without_history():
    x = leaf([1.0, 2.0])
    d = (x * 2.0).detach()
    assert not d.requires_grad
    assert d.is_leaf


def test_grad_leaves_dot_grad_alone_and_reports_unused():
    x, z = leaf([3.0]), leaf([1.0])
    y = (x * x).sum()
    gx = autograd.grad(y, x, retain_graph=True)
    assert values(gx) == [6.0]
    assert x.grad is None
    with pytest.raises(RuntimeError, match="does not take part"):
        autograd.grad(y, [x, z], retain_graph=True)
    assert autograd.grad(y, [x, z], allow_unused=True)[1] is None


def test_grad_of_an_intermediate_value():
    x = leaf([3.0])
    y = x * x
    z = (y * y).sum()
    assert values(autograd.grad(z, y, retain_graph=True)) == [18.0]
    assert [values(g) for g in autograd.grad(z, [x, y])] == [[108.0], [18.0]]


def test_backward_with_inputs_touches_only_those():
    x, w = leaf([2.0]), leaf([5.0])
    (x * w).sum().backward(inputs=[w])
    assert x.grad is None
    assert values(w.grad) == [2.0]


def test_functional_grad_nests_to_third_order():
    f = lambda x: (x * x * x * x).sum()  # noqa: E731
    third = tc.grad(lambda x: tc.grad(lambda y: tc.grad(f)(y).sum())(x).sum())
    assert values(third(tc.tensor([1.0, 2.0], dtype=tc.float64))) == [24.0, 48.0]
    value, (ga, gb) = tc.value_and_grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(tc.tensor([2.0]), tc.tensor([3.0]))
    assert (float(value), values(ga), values(gb)) == (6.0, [3.0], [2.0])
    assert not value.requires_grad


def test_create_graph_reaches_the_leaves_of_both_orders():
    x = leaf([2.0])
    y = (tc.exp(x) * x).sum()
    (g,) = autograd.grad(y, [x], create_graph=True)
    g.sum().backward()
    assert values(x.grad) == pytest.approx([np.exp(2.0) * 4.0])


def test_hooks_see_and_replace_gradients():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    seen = []
    remove = y.register_hook(lambda g: seen.append(values(g)))
    y.register_hook(lambda g: g * 10.0)
    x.register_hook(lambda g: g + 1.0)
    y.sum().backward(retain_graph=True)
    assert seen == [[1.0, 1.0]]
    assert values(x.grad) == [21.0, 21.0]
    remove()
    y.sum().backward()
    assert len(seen) == 1


def test_retain_grad_of_a_computed_tensor():
    x = leaf([3.0])
    y = x * x
    y.retain_grad()
    (y * 2.0).sum().backward()
    assert values(y.grad) == [2.0]


def test_in_place_change_of_a_saved_tensor_is_caught():
    x, w = leaf([1.0, 2.0]), tc.tensor([3.0, 4.0], dtype=tc.float64)
    y = (x * w).sum()
    w += 1.0
    with pytest.raises(RuntimeError, match="'multiply' saved for its gradient was changed in place"):
        y.backward()


def test_in_place_change_of_a_leaf_is_refused_while_recording():
    x = leaf([1.0])
    with pytest.raises(RuntimeError, match="a leaf that requires grad cannot be changed in place"):
        x += 1.0
    with tc.no_grad():
        x += 1.0
    assert values(x) == [2.0]


def test_in_place_operators_are_recorded():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y += x
    y *= 3.0
    y.sum().backward()
    assert values(x.grad) == [9.0, 9.0]
    total = tc.zeros(2, dtype=tc.float64)
    total += leaf([1.0, 1.0])
    assert total.requires_grad


def test_recorded_change_in_place_of_shared_memory_is_refused():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    view = y.reshape((2, 1))
    with pytest.raises(RuntimeError, match="needs memory that no other tensor shares"):
        y += 1.0
    del view
    y += 1.0


def test_a_view_changed_behind_the_tape_has_no_gradient():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    view = y.reshape((2, 1))
    with tc.no_grad():
        y += 1.0
    with pytest.raises(RuntimeError, match="through another view of it"):
        view * 2.0


def test_deep_graphs_neither_recurse_nor_leak():
    x = leaf([1.0])
    y = x
    for _ in range(100_000):
        y = y + 0.0
    y.sum().backward()
    assert values(x.grad) == [1.0]
    y = x
    for _ in range(100_000):
        y = y * 1.0
    del y  # freed without a walk


def test_wide_graphs_visit_each_node_once():
    x = leaf([1.0])
    y = x
    for _ in range(60):
        y = y + y
    y.sum().backward()
    assert values(x.grad) == [2.0**60]


def test_buffers_are_freed_by_reference_count():
    gc.disable()
    try:
        x = leaf([1.0, 2.0])
        y = tc.exp(x)
        z = tc.exp(y)
        alive = weakref.ref(y)
        del y
        assert alive() is None or z.requires_grad
        node = weakref.ref(z._node)
        z.sum().backward()
        del z
        assert node() is None
        assert alive() is None
    finally:
        gc.enable()


def test_memory_of_activations_goes_right_after_backward():
    x = leaf(np.ones(1000))
    y = tc.exp(x)
    saved = y._owners
    loss = (y * y).sum()
    assert y._owners >= saved
    loss.backward()
    assert y._owners == 1  # nothing but y itself holds the memory


def test_custom_function_first_and_second_order():
    class Cube(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3.0 * x * x * g

    testing.check_grads(Cube.apply, [tc.tensor([1.0, -2.0], dtype=tc.float64)])


def test_custom_function_with_two_outputs_and_a_setting():
    class Split(autograd.Function):
        @staticmethod
        def forward(ctx, x, scale):
            ctx.scale = scale
            return x * scale, x * x

        @staticmethod
        def backward(ctx, g1, g2):
            return g1 * ctx.scale + g2, None

    x = leaf([2.0])
    a, _ = Split.apply(x, 5.0)
    a.sum().backward()
    assert values(x.grad) == [5.0]


def test_custom_function_errors_name_the_class():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match=r"Wrong.backward: must return one gradient per argument .* \(2\), got 1"):
        Wrong.apply(leaf([1.0]), leaf([1.0])).sum().backward()


def test_exception_in_a_hook_leaves_grad_mode_as_it_was():
    x = leaf([1.0])

    def bad(g):
        raise KeyError("hook")

    x.register_hook(bad)
    with pytest.raises(KeyError):
        (x * 2.0).sum().backward()
    assert tc.is_grad_enabled()


def test_threads_have_their_own_grad_mode():
    import threading

    seen = []
    with tc.no_grad():
        thread = threading.Thread(target=lambda: seen.append(tc.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_check_grads_finds_a_wrong_rule():
    class Wrong(autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return tc.tanh(x)

        @staticmethod
        def backward(ctx, g):
            return g * 0.9

    with pytest.raises(AssertionError, match="gradient along a random direction"):
        testing.check_grads(Wrong.apply, [tc.tensor([0.1, 0.2], dtype=tc.float64)], order=1)
