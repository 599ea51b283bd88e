"""The device `cuda`: moving tensors, mixing devices, memory, streams, events, exchange. Run on the executor or a GPU."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import _core

ON_EXECUTOR = _core.cuda_backend() in ("simt", "simt-check")


def run(code: str, **environment: str) -> subprocess.CompletedProcess:
    """A program of its own, where `TENSORCORE_CUDA` takes effect."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env={**os.environ, **environment}
    )


class TestMoving:
    @pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"])
    def test_there_and_back(self, rng, dtype):
        x = tc.asarray(rng.standard_normal((3, 5, 2)) > 0).astype(getattr(tc, dtype))
        y = x.to("cuda")
        assert y.device == "cuda:0"
        assert y.dtype is x.dtype
        assert y.shape == x.shape
        assert (y.to("cpu") == x).all()
        assert y.to("cuda:0") is y
        assert x.cpu() is x

    def test_views_move_as_they_look(self, rng):
        a = rng.standard_normal((4, 6))
        x = tc.asarray(a)
        for view, expected in [(x.T, a.T), (x[::2, 1:], a[::2, 1:]), (tc.flip(x), a[::-1, ::-1])]:
            np.testing.assert_array_equal(np.asarray(view.cuda().cpu()), expected)
        y = x.cuda()
        for view, expected in [(y.T, a.T), (y[::2, 1:], a[::2, 1:]), (tc.flip(y), a[::-1, ::-1])]:
            np.testing.assert_array_equal(np.asarray(view.cpu()), expected)

    def test_dtype_and_device_at_once(self):
        x = tc.ones(3).to("cuda", tc.float64)
        assert x.dtype is tc.float64
        assert x.device == "cuda:0"
        assert tc.zeros(2).to(x).device == "cuda:0"
        assert x.to(tc.float16).device == "cuda:0"
        assert x.to(device="cpu").device == "cpu"
        assert x.to(x, copy=True) is not x

    def test_gradients_move_back(self):
        x = tc.asarray([1.0, 2.0]).requires_grad_()
        (x.to("cuda") ** 2).sum().backward()
        assert x.grad.device == "cpu"
        assert x.grad.tolist() == [2.0, 4.0]

    def test_empty(self):
        x = tc.zeros((0, 3)).cuda()
        assert x.shape == (0, 3)
        assert (x + 1).cpu().shape == (0, 3)

    def test_creation_on_the_device(self):
        assert tc.full((2, 2), 7, device="cuda").tolist() == [[7, 7], [7, 7]]
        assert tc.arange(5, device="cuda").tolist() == [0, 1, 2, 3, 4]
        assert tc.arange(10, 0, -3, device="cuda").tolist() == [10, 7, 4, 1]
        assert tc.eye(2, device="cuda").tolist() == [[1, 0], [0, 1]]
        np.testing.assert_array_equal(
            np.asarray(tc.linspace(0, 1, 7, device="cuda").cpu()), np.asarray(tc.linspace(0, 1, 7))
        )
        assert tc.asarray([1.5, 2.5], device="cuda").tolist() == [1.5, 2.5]

    def test_pickle_and_deepcopy(self):
        import copy

        x = tc.asarray([1.0, 2.0], device="cuda").requires_grad_()
        y = pickle.loads(pickle.dumps(x))
        assert y.device == x.device
        assert y.requires_grad
        assert y.tolist() == [1.0, 2.0]
        assert copy.deepcopy(x).device == x.device

    def test_scalars_out(self):
        x = tc.asarray(3.5, device="cuda")
        assert x.item() == 3.5
        assert float(x) == 3.5
        assert bool(x)
        assert f"{x:.2f}" == "3.50"
        assert int(tc.asarray(4, device="cuda")) == 4

    def test_repr_shows_values_and_device(self):
        assert repr(tc.asarray([1.0, 2.0], device="cuda")) == "tensor([1., 2.], device='cuda:0')"


class TestMixing:
    def test_devices_do_not_mix(self):
        x, y = tc.ones(3), tc.ones(3, device="cuda")
        with pytest.raises(RuntimeError, match=r"^add: arrays must be on one device, got 'cpu' and 'cuda:0'$"):
            x + y
        with pytest.raises(RuntimeError, match=r"^matmul: arrays must be on one device, got 'cuda:0' and 'cpu'$"):
            tc.ones((2, 2), device="cuda") @ tc.ones((2, 2))
        with pytest.raises(RuntimeError, match=r"one device, got"):
            y[...] = x
        with pytest.raises(RuntimeError, match=r"one device, got"):
            y += x
        with pytest.raises(RuntimeError, match=r"one device, got"):
            tc.concat([x, y])

    def test_numbers_do(self):
        y = tc.asarray([1.0, 2.0], device="cuda")
        assert (y * 2 + tc.asarray(0.5)).tolist() == [2.5, 4.5]
        assert (tc.asarray(1.0) - y).tolist() == [0.0, -1.0]
        y[0] = 9
        y[1] = tc.asarray(8.0)
        assert y.tolist() == [9.0, 8.0]
        assert tc.where(y > 8.5, y, 0.0).tolist() == [9.0, 0.0]
        x = tc.zeros(2)
        with pytest.raises(RuntimeError):
            x += tc.asarray(1.0, device="cuda")

    def test_op_without_kernel_says_so(self):
        with pytest.raises(RuntimeError, match=r"^argsort: no kernel on device 'cuda:0'$"):
            tc.sort(tc.ones(3, device="cuda"))

    def test_numpy_is_refused_by_name_of_the_remedy(self):
        x = tc.ones(2, device="cuda")
        with pytest.raises(TypeError, match=r"__array__: the tensor is on 'cuda:0'; convert tensor\.to\('cpu'\)"):
            np.asarray(x)
        with pytest.raises(BufferError, match=r"\.to\('cpu'\)"):
            memoryview(x)


class TestDevices:
    def test_names(self):
        assert tc.Device("cuda") == tc.Device("cuda:0")
        with pytest.raises(RuntimeError, match=r"^device: 'cuda:99' does not exist, there (is|are) \d+$"):
            tc.Device("cuda:99")
        for bad in ("cuda:", "cuda:x", "cuda:-1", "gpu", ""):
            with pytest.raises(ValueError, match=r"^device: must be 'cpu', 'cuda' or 'cuda:N', got"):
                tc.Device(bad)

    def test_questions(self):
        assert tc.cuda.is_available()
        assert tc.cuda.device_count() >= 1
        assert tc.cuda.current_device() == 0
        properties = tc.cuda.get_device_properties("cuda:0")
        assert properties.major >= 8
        assert properties.total_memory > 0
        tc.cuda.synchronize()
        tc.cuda.set_device(0)
        with tc.cuda.device(0):
            pass
        with pytest.raises(RuntimeError, match="does not exist"):
            tc.cuda.set_device(99)
        with pytest.raises(ValueError, match="needs a CUDA device"):
            tc.cuda.synchronize("cpu")

    def test_absence_has_a_reason(self):
        code = (
            "import tensorcore as tc\nprint(tc.cuda.is_available(), tc.cuda.device_count())\ntc.ones(2, device='cuda')"
        )
        result = run(code, TENSORCORE_CUDA="off")
        assert result.stdout.split() == ["False", "0"]
        assert "RuntimeError: device: 'cuda' is not available: TENSORCORE_CUDA=off" in result.stderr
        result = run(code, TENSORCORE_CUDA="fast")
        assert "TENSORCORE_CUDA must be 'gpu', 'simt', 'simt-check' or 'off', got 'fast'" in result.stderr


class TestMemory:
    def test_books(self):
        before = tc.cuda.memory_stats(reset_peak=True)
        x = tc.empty((1000,), device="cuda")
        during = tc.cuda.memory_stats()
        assert during["allocated"] - before["allocated"] == 4000
        del x
        after = tc.cuda.memory_stats()
        assert after["allocated"] == before["allocated"]
        assert after["peak_allocated"] >= before["allocated"] + 4000
        tc.cuda.empty_cache()
        free, total = tc.cuda.mem_get_info()
        assert 0 < free <= total

    @pytest.mark.skipif(not ON_EXECUTOR, reason="the executor's memory can be made small")
    def test_out_of_memory_flushes_retries_and_says_what_is_held(self):
        code = (
            "import tensorcore as tc\n"
            "keep = tc.zeros(1 << 18, device='cuda')\n"  # 1 MiB
            "drop = tc.zeros(1 << 19, device='cuda')\n"  # 2 MiB
            "del drop\n"
            "big = tc.zeros(3 << 18, device='cuda')\n"  # 3 MiB: fits once the 2 MiB are given back
            "print(tc.cuda.memory_stats()['retries'])\n"
            "del big\n"
            "tc.zeros(1 << 20, device='cuda')\n"
        )
        result = run(code, TENSORCORE_CUDA="simt", TENSORCORE_SIMT_MEMORY=str(4 << 20))
        assert result.stdout.strip() == "1", result.stderr
        assert (
            "MemoryError: cuda:0: cannot allocate 4 MiB: the device has 4 MiB, of which 3 MiB are free; "
            "live tensors hold 1 MiB, kept for reuse are 0 bytes" in result.stderr
        )

    def test_pinned(self):
        x = tc.asarray([1.0, 2.0, 3.0])
        p = x.pin_memory()
        assert p.is_pinned()
        assert not x.is_pinned()
        assert p.pin_memory() is p
        y = p.to("cuda", non_blocking=True)
        z = y.to("cpu", non_blocking=True)
        tc.cuda.synchronize()
        assert z.is_pinned()
        assert z.tolist() == [1.0, 2.0, 3.0]
        with pytest.raises(ValueError, match="pin_memory: the array must be on the CPU"):
            y.pin_memory()


class TestStreams:
    def test_order_and_time(self):
        stream = tc.cuda.Stream()
        start, end = tc.cuda.Event(timing=True), tc.cuda.Event(timing=True)
        x = tc.ones(1000, device="cuda")
        stream.wait_stream(tc.cuda.current_stream())
        with tc.cuda.stream(stream):
            assert tc.cuda.current_stream() == stream
            start.record()
            y = x * 2
            end.record()
        assert tc.cuda.current_stream() != stream
        tc.cuda.current_stream().wait_stream(stream)
        end.synchronize()
        assert end.query()
        assert stream.query()
        assert start.elapsed_time(end) >= 0
        assert float(y.sum()) == 2000
        stream.synchronize()
        assert tc.ones(2).to_device("cuda", stream=stream).device == "cuda:0"

    def test_time_needs_timing(self):
        a, b = tc.cuda.Event(), tc.cuda.Event()
        a.record()
        b.record()
        with pytest.raises(RuntimeError):
            a.elapsed_time(b)


class TestExchange:
    def test_dlpack_copies_to_the_cpu(self):
        x = tc.asarray([1.0, 2.0], device="cuda")
        assert x.__dlpack_device__() == (2, 0)
        np.testing.assert_array_equal(np.asarray(tc.from_dlpack(x, device="cpu")), [1.0, 2.0])
        with pytest.raises(BufferError, match="copy=False cannot be honoured"):
            x.__dlpack__(dl_device=(1, 0), copy=False)
        assert tc.from_dlpack(np.asarray([1.0]), device="cuda").device == "cuda:0"

    @pytest.mark.skipif(not ON_EXECUTOR, reason="a GPU's memory can be shared")
    def test_the_executors_memory_is_refused(self):
        x = tc.ones(2, device="cuda")
        with pytest.raises(BufferError, match=r"executor, which no GPU library can read; export tensor\.to\('cpu'\)"):
            x.__dlpack__()
        assert not hasattr(x, "__cuda_array_interface__")
        assert not hasattr(tc.ones(2), "__cuda_array_interface__")

    @pytest.mark.skipif(ON_EXECUTOR, reason="needs a GPU")
    def test_sharing_with_torch_and_cupy(self):
        x = tc.arange(6, device="cuda").reshape((2, 3))
        torch = pytest.importorskip("torch")
        t = torch.from_dlpack(x)
        assert t.data_ptr() == _core.data_pointer(x)
        t += 1
        torch.cuda.synchronize()
        assert x.tolist() == [[1, 2, 3], [4, 5, 6]]
        assert tc.from_dlpack(t * 2).tolist() == [[2, 4, 6], [8, 10, 12]]
        cupy = pytest.importorskip("cupy")
        assert cupy.asarray(x).tolist() == x.tolist()
        assert tc.asarray(cupy.arange(3)).tolist() == [0, 1, 2]


def test_random_numbers_have_the_bits_of_the_cpu():
    for draw in (
        lambda g, d: tc.random.uniform((1000,), generator=g, device=d),
        lambda g, d: tc.random.normal((777,), generator=g, device=d, dtype=tc.float64),
        lambda g, d: tc.random.normal((777,), generator=g, device=d, dtype=tc.float16),
        lambda g, d: tc.random.randint((300,), -5, 1 << 40, generator=g, device=d),
        lambda g, d: tc.random.randint((300,), 0, 7, generator=g, device=d, dtype=tc.int8),
        lambda g, d: tc.random.randperm(100, generator=g, device=d),
        lambda g, d: tc.random.bernoulli((100,), 0.3, generator=g, device=d),
    ):
        cpu, cuda = (draw(tc.random.Generator(7), d) for d in ("cpu", "cuda"))
        assert cuda.device == "cuda:0"
        assert (cuda.cpu() == cpu).all()


def test_optimiser_reads_its_clock_from_the_device(rng):
    shapes = [(3, 4), (4097,), (1,)]
    results = []
    for device in ("cpu", "cuda"):
        rng = np.random.default_rng(0)
        params = [tc.asarray(rng.standard_normal(s)).to(device) for s in shapes]
        means, squares = ([tc.zeros(s, dtype=tc.float64, device=device) for s in shapes] for _ in range(2))
        clock = tc.asarray([0.1, 1.0, 0.0], dtype=tc.float64).to(device)
        for _ in range(3):
            grads = [tc.asarray(rng.standard_normal(s)).to(device) for s in shapes]
            states, options = [means, squares, []], (0.9, 0.99, 1e-8, 0.0)
            _core.optim_step("adam_step", params, grads, states, options, 0.0, 0.01, True, False, [], [], clock)
            clock[1] = clock[1] + 1
        results.append([np.asarray(p.cpu()) for p in params])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


def test_mlp_step_equals_the_cpu(rng):
    """Forward, loss, gradients and update of a two-layer network, on both devices."""
    F = tc.nn.functional
    x, y = rng.standard_normal((32, 20)), rng.integers(0, 10, 32)
    w1, b1 = rng.standard_normal((64, 20)) * 0.2, rng.standard_normal(64)
    w2, b2 = rng.standard_normal((10, 64)) * 0.2, rng.standard_normal(10)
    results = []
    for device in ("cpu", "cuda"):
        params = [tc.asarray(p, dtype=tc.float32).to(device).requires_grad_() for p in (w1, b1, w2, b2)]
        hidden = F.linear(tc.asarray(x, dtype=tc.float32).to(device), params[0], params[1], activation="relu")
        loss = F.cross_entropy(F.linear(hidden, params[2], params[3]), tc.asarray(y).to(device))
        loss.backward()
        with tc.no_grad():
            for p in params:
                p -= 0.1 * p.grad
        results.append([np.asarray(t.detach().cpu()) for t in (loss, *params, *(p.grad for p in params))])
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
